// SPDX-License-Identifier: Apache-2.0
// series: measurements in rounds.
//
// THEORY OF OPERATION
//   A shared machine drifts, and what disturbs one moment disturbs all contestants of that moment alike. So the
//   contestants take turns in short rounds; a figure is the median of the rounds' figures, and a ratio is the median of
//   the rounds' ratios, each between two contestants of the same round.
#ifndef FORCEBIND_BENCH_SERIES_H_
#define FORCEBIND_BENCH_SERIES_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace forcebind::bench {

// 0 <= fraction <= 1. REQUIRES: not empty.
double Quantile(std::vector<double> values, double fraction);

struct Series {
  std::string name;
  std::vector<double> p50, p99;  // by round

  void AddRound(const std::vector<double>& samples);
  double Median() const { return Quantile(p50, 0.5); }
  double Tail() const { return Quantile(p99, 0.5); }
};

double Ratio(const Series& series, const Series& to);

// Someone who can be asked for one round of samples, again and again.
struct Contestant {
  std::string name;
  std::function<absl::StatusOr<std::vector<double>>()> round;
};

// The first round warms up and does not count.
absl::StatusOr<std::vector<Series>> TakeTurns(const std::vector<Contestant>& contestants, int rounds);

}  // namespace forcebind::bench

#endif  // FORCEBIND_BENCH_SERIES_H_
