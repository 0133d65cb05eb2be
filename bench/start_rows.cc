// SPDX-License-Identifier: Apache-2.0
// start_rows: from posix_spawn(3) to the end of /bin/true, by each launcher.
#include <sys/wait.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/clock.h"
#include "bench/programs.h"
#include "bench/rows.h"

namespace forcebind::bench {
namespace {

constexpr size_t kStartsPerRound = 10;

absl::StatusOr<std::vector<double>> StartMany(const Words& words) {
  std::vector<double> samples;
  while (samples.size() < kStartsPerRound) {
    const double start = Now();
    absl::StatusOr<Spawned> process = Spawn(words, false);
    if (!process.ok()) return process.status();
    const int status = WaitFor(process->pid);
    samples.push_back(Now() - start);
    if (status != 0) return absl::InternalError(absl::StrCat(words[0], " ended with wait status ", status));
  }
  return samples;
}

Contestant Starting(const Launcher& launcher) {
  Words words = launcher.prefix;
  words.push_back("/bin/true");
  return {launcher.name, [words] { return StartMany(words); }};
}

}  // namespace

absl::Status StartRows(const Setting& setting, Report* report) {
  std::vector<Contestant> contestants = {Starting(Plain()), Starting(MinimalHandler()), Starting(ForcebindRun())};
  const bool have_bwrap = InPath("bwrap").has_value();
  if (have_bwrap) {
    contestants.push_back(Starting({"bwrap --dev-bind / /", {"bwrap", "--dev-bind", "/", "/"}}));
  } else {
    report->AddNote("start: bwrap is not installed");
  }
  auto series = TakeTurns(contestants, std::max(1, setting.rounds / 4));
  if (!series.ok()) return series.status();
  report->AddSeries("start /bin/true", "ms", *series);
  const Series& ours = series->at(2);
  report->AddTarget("start: forcebind / minimal handler", Ratio(ours, series->at(1)), 1.10);
  if (have_bwrap) report->AddTarget("start: forcebind / bwrap", Ratio(ours, series->at(3)), 1.0);
  return absl::OkStatus();
}

}  // namespace forcebind::bench
