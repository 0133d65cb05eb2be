// SPDX-License-Identifier: Apache-2.0
// report: the table that forcebind-bench prints, and the same as JSON.
#ifndef FORCEBIND_BENCH_REPORT_H_
#define FORCEBIND_BENCH_REPORT_H_

#include <optional>
#include <string>
#include <vector>

#include "bench/series.h"

namespace forcebind::bench {

struct Row {
  std::string what;
  std::string who;
  std::string unit;
  double value = 0;
  std::optional<double> tail;   // p99
  std::optional<double> ratio;  // to the first one of the same `what`
};

// A target: `value` may be `limit` at most.
struct Target {
  std::string what;
  double value = 0;
  double limit = 0;
  bool met() const { return value <= limit; }
};

class Report {
 public:
  // One row for each, with ratios to the first. `unit` is "ns", "µs" or "ms"; the series are in nanoseconds.
  void AddSeries(const std::string& what, const std::string& unit, const std::vector<Series>& series,
                 bool with_tail = true);
  void AddValue(const std::string& what, const std::string& who, const std::string& unit, double value);
  void AddTarget(const std::string& what, double value, double limit) { targets_.push_back({what, value, limit}); }
  // Why a row is missing.
  void AddNote(const std::string& note) { notes_.push_back(note); }

  // Markdown.
  std::string ToTable() const;
  std::string ToJson() const;

 private:
  std::vector<Row> rows_;
  std::vector<Target> targets_;
  std::vector<std::string> notes_;
};

}  // namespace forcebind::bench

#endif  // FORCEBIND_BENCH_REPORT_H_
