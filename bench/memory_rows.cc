// SPDX-License-Identifier: Apache-2.0
// memory_rows: what the companion process occupies after it has answered calls. The companion is nobody's child; as a
// sub-reaper this process becomes its parent, and so finds it.
#include <sys/prctl.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "bench/memory.h"
#include "bench/programs.h"
#include "bench/rows.h"

namespace forcebind::bench {
namespace {

constexpr size_t kCallsBefore = 1000;

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

absl::Status MemoryRows(const Setting&, Report* report) {
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
  report->AddValue("memory (Rss)", "companion", "MiB", memory->rss_mib);
  report->AddValue("memory (Pss)", "companion", "MiB", memory->pss_mib);
  report->AddTarget("companion, MiB", memory->rss_mib, 3);
  return absl::OkStatus();
}

}  // namespace forcebind::bench
