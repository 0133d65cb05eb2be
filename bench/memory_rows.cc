// SPDX-License-Identifier: Apache-2.0
// memory_rows: what the companion process occupies after it has answered calls, and the supervisor with 1,000 services,
// each a process under `forcebind run` with its companion and a published listener.
//
// The companion is nobody's child; as a sub-reaper this process becomes its parent, and so finds it.
#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "bench/memory.h"
#include "bench/programs.h"
#include "bench/rows.h"
#include "bench/supervisor_process.h"
#include "sys/errno_status.h"

namespace forcebind::bench {
namespace {

constexpr size_t kCallsBefore = 1000;
constexpr int kServices = 1000;
constexpr int kFirstPort = 10000;

void AddMemory(const std::string& who, const Memory& memory, double limit_mib, Report* report) {
  report->AddValue("memory (Rss)", who, "MiB", memory.rss_mib);
  report->AddValue("memory (Pss)", who, "MiB", memory.pss_mib);
  report->AddTarget(absl::StrCat(who, ": Rss, MiB"), memory.rss_mib, limit_mib);
}

// The child of this process that is not `other`.
absl::StatusOr<pid_t> ChildBesides(pid_t other) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    int pid = 0;
    if (!absl::SimpleAtoi(entry.path().filename().string(), &pid) || pid == other) continue;
    std::ifstream file(entry.path() / "stat");
    std::string text;
    std::getline(file, text);
    std::istringstream after_name(text.substr(text.find_last_of(')') + 1));
    char state;
    pid_t parent = 0;
    if (after_name >> state >> parent && parent == getpid() && state != 'Z') return pid;
  }
  return absl::NotFoundError("the companion process cannot be found");
}

}  // namespace

absl::StatusOr<Memory> MemoryOf(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/smaps_rollup"));
  Memory memory;
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::string name;
    double kib = 0;
    fields >> name >> kib;
    if (name == "Rss:") memory.rss_mib = kib / 1024;
    if (name == "Pss:") memory.pss_mib = kib / 1024;
  }
  if (memory.rss_mib == 0) return absl::NotFoundError(absl::StrCat("no memory figures for process ", pid));
  return memory;
}

namespace {

absl::Status CompanionRows(Report* report) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  auto worker = Worker::Start(ForcebindRun(), "bind", kCallsBefore);
  if (!worker.ok()) return worker.status();
  if (auto round = (*worker)->Round(); !round.ok()) return round.status();
  auto companion = ChildBesides((*worker)->pid());
  if (!companion.ok()) return companion.status();
  auto memory = MemoryOf(*companion);
  worker->reset();
  WaitFor(*companion);
  prctl(PR_SET_CHILD_SUBREAPER, 0);
  if (!memory.ok()) return memory.status();
  AddMemory("companion", *memory, 3, report);
  return absl::OkStatus();
}

// A service with a published port of its own, which listens.
absl::StatusOr<std::unique_ptr<Worker>> StartService(const SupervisorProcess& supervisor, int number) {
  const int port = kFirstPort + number;
  setenv("FORCEBIND_BENCH_LISTEN", absl::StrCat("0.0.0.0:", port).c_str(), 1);
  auto worker = Worker::Start(ForcebindRun({"--name", absl::StrCat("service-", number), "--supervisor",
                                            supervisor.socket(), "--publish", absl::StrCat("tcp/", port)}),
                              "hold", 1);
  if (!worker.ok()) return worker.status();
  if (auto held = (*worker)->Round(); !held.ok()) return held.status();
  return worker;
}

absl::Status SupervisorRows(const TestNetwork& network, Report* report) {
  auto supervisor = SupervisorProcess::Start(network.bpffs());
  if (!supervisor.ok()) return supervisor.status();
  const rlimit descriptors = {.rlim_cur = 4 * kServices, .rlim_max = 4 * kServices};
  if (setrlimit(RLIMIT_NOFILE, &descriptors) != 0) return ErrnoStatus(errno, "raise the number of descriptors");
  std::vector<std::unique_ptr<Worker>> services;
  for (int i = 0; i < kServices; ++i) {
    auto service = StartService(**supervisor, i);
    if (!service.ok()) return service.status();
    services.push_back(*std::move(service));
  }
  auto memory = MemoryOf((*supervisor)->pid());
  if (!memory.ok()) return memory.status();
  AddMemory(absl::StrCat("supervisor with ", kServices, " services"), *memory, 32, report);
  return absl::OkStatus();
}

}  // namespace

absl::Status MemoryRows(const Setting& setting, Report* report) {
  absl::Status status = CompanionRows(report);
  return status.ok() ? SupervisorRows(setting.network, report) : status;
}

}  // namespace forcebind::bench
