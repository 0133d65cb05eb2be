// SPDX-License-Identifier: Apache-2.0
// wall_rows: what the `cgroup` wall costs: a bind that the kernel forces by itself, and calls to the outside that its
// programs look at and leave alone.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/programs.h"
#include "bench/rows.h"
#include "bench/supervisor_process.h"

namespace forcebind::bench {
namespace {

constexpr size_t kCallsPerRound = 200;

struct Call {
  const char* operation;
  const char* title;
  double most;  // of the ratio to the plain call
};
constexpr Call kCalls[] = {{"bind", "bind (cgroup wall)", 1.5},
                           {"dial", "connect to a public address (refused)", 1.1},
                           {"sendto", "sendto a public address (UDP)", 1.02}};

Launcher Behind(const std::string& socket, const std::string& name, const Words& walls) {
  Words options = {"--supervisor", socket, "--name", "bench"};
  options.insert(options.end(), walls.begin(), walls.end());
  Launcher launcher = ForcebindRun(options);
  launcher.name = name;
  return launcher;
}

}  // namespace

absl::Status WallRows(const Setting& setting, Report* report) {
  auto supervisor = SupervisorProcess::Start(setting.network.bpffs());
  if (!supervisor.ok()) return supervisor.status();
  const std::string socket = (*supervisor)->socket();
  const Launcher launchers[] = {Plain(), Behind(socket, "forcebind, cgroup", {"--wall", "cgroup"}),
                                Behind(socket, "forcebind, all walls", {"--require-wall", "cgroup"})};
  for (const Call& call : kCalls) {
    std::vector<std::unique_ptr<Worker>> workers;
    std::vector<Contestant> contestants;
    for (const Launcher& launcher : launchers) {
      auto worker = Worker::Start(launcher, call.operation, kCallsPerRound);
      if (!worker.ok()) return worker.status();
      workers.push_back(*std::move(worker));
      contestants.push_back(AsContestant(launcher.name, *workers.back()));
    }
    auto series = TakeTurns(contestants, setting.rounds);
    if (!series.ok()) return series.status();
    report->AddSeries(call.title, "µs", *series);
    report->AddTarget(absl::StrCat(call.title, ": cgroup wall / plain"), Ratio(series->at(1), series->at(0)),
                      call.most);
  }
  return absl::OkStatus();
}

}  // namespace forcebind::bench
