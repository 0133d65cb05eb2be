// SPDX-License-Identifier: Apache-2.0
// call_rows: one system call, plain, under the minimal handler, and under forcebind.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/programs.h"
#include "bench/rows.h"

namespace forcebind::bench {
namespace {

constexpr size_t kCallsPerRound = 200;

// Plain, minimal handler, forcebind: in this order.
absl::StatusOr<std::vector<Series>> Compare(const std::string& operation, int rounds) {
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<Contestant> contestants;
  for (const Launcher& launcher : {Plain(), MinimalHandler(), ForcebindRun()}) {
    auto worker = Worker::Start(launcher, operation, kCallsPerRound);
    if (!worker.ok()) return worker.status();
    workers.push_back(*std::move(worker));
    contestants.push_back(AsContestant(launcher.name, *workers.back()));
  }
  return TakeTurns(contestants, rounds);
}

absl::Status NotifiedRows(const std::string& operation, const Setting& setting, Report* report) {
  auto series = Compare(operation, setting.rounds);
  if (!series.ok()) return series.status();
  const Series &minimal = series->at(1), &ours = series->at(2);
  report->AddSeries(operation, "µs", *series);
  report->AddTarget(absl::StrCat(operation, ": forcebind / minimal handler"), Ratio(ours, minimal), 1.10);
  report->AddTarget(absl::StrCat(operation, ": p99 / p50"), ours.Tail() / ours.Median(), 3);
  return absl::OkStatus();
}

}  // namespace

absl::Status BindRows(const Setting& setting, Report* report) { return NotifiedRows("bind", setting, report); }

absl::Status ListenRows(const Setting& setting, Report* report) { return NotifiedRows("listen", setting, report); }

absl::Status LetThroughRows(const Setting& setting, Report* report) {
  for (const char* operation : {"getppid", "socket"}) {
    auto series = Compare(operation, setting.rounds);
    if (!series.ok()) return series.status();
    report->AddSeries(absl::StrCat(operation, " (let through)"), "ns", *series, false);
    report->AddTarget(absl::StrCat(operation, ": forcebind / no filter"), Ratio(series->at(2), series->at(0)), 1.2);
  }
  return absl::OkStatus();
}

}  // namespace forcebind::bench
