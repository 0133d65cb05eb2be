// SPDX-License-Identifier: Apache-2.0
#include "bench/series.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace forcebind::bench {

double Quantile(std::vector<double> values, double fraction) {
  const size_t index = std::min(values.size() - 1, static_cast<size_t>(fraction * static_cast<double>(values.size())));
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(index), values.end());
  return values[index];
}

void Series::AddRound(const std::vector<double>& samples) {
  p50.push_back(Quantile(samples, 0.50));
  p99.push_back(Quantile(samples, 0.99));
}

double Ratio(const Series& series, const Series& to) {
  std::vector<double> ratios;
  for (size_t i = 0; i < series.p50.size(); ++i) ratios.push_back(series.p50[i] / to.p50[i]);
  return Quantile(ratios, 0.5);
}

absl::StatusOr<std::vector<Series>> TakeTurns(const std::vector<Contestant>& contestants, int rounds) {
  std::vector<Series> all;
  for (const Contestant& contestant : contestants) all.push_back({.name = contestant.name, .p50 = {}, .p99 = {}});
  for (int round = -1; round < rounds; ++round) {
    for (size_t i = 0; i < contestants.size(); ++i) {
      absl::StatusOr<std::vector<double>> samples = contestants[i].round();
      if (!samples.ok()) {
        return absl::Status(samples.status().code(),
                            absl::StrCat(contestants[i].name, ": ", std::string(samples.status().message())));
      }
      if (round >= 0) all[i].AddRound(*samples);
    }
  }
  return all;
}

}  // namespace forcebind::bench
