// SPDX-License-Identifier: Apache-2.0
#include "sys/process_list.h"

#include <dirent.h>

#include <memory>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "sys/small_file.h"

namespace forcebind {
namespace {

// Counted from the field after "(name)", which is field 3 of proc(5).
constexpr size_t kState = 0, kParent = 1, kStartTime = 19;
constexpr size_t kMaxStat = 4096, kMaxStatus = 1 << 16;

std::string ReadOf(pid_t pid, const char* file, size_t max_size) {
  return ReadSmallFile(absl::StrCat("/proc/", pid, "/", file), max_size).value_or("");
}

}  // namespace

std::optional<ProcessStat> ParseProcessStat(const std::string& stat) {
  // The name may hold blanks and brackets; the last bracket ends it.
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos || name_end + 2 > stat.size()) return std::nullopt;
  const std::vector<absl::string_view> fields = absl::StrSplit(absl::string_view(stat).substr(name_end + 2), ' ');
  ProcessStat found;
  if (fields.size() <= kStartTime || !absl::SimpleAtoi(fields[kParent], &found.parent) ||
      !absl::SimpleAtoi(fields[kStartTime], &found.start_time)) {
    return std::nullopt;
  }
  found.dead = fields[kState] == "Z" || fields[kState] == "X";
  return found;
}

std::optional<ProcessStat> ReadProcessStat(pid_t pid) { return ParseProcessStat(ReadOf(pid, "stat", kMaxStat)); }

std::map<pid_t, ProcessStat> ListProcesses() {
  std::map<pid_t, ProcessStat> processes;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir("/proc"), closedir);
  if (directory == nullptr) return processes;
  while (const dirent* entry = readdir(directory.get())) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(entry->d_name, &pid) || pid <= 0) continue;
    if (const auto found = ReadProcessStat(pid)) processes[pid] = *found;
  }
  return processes;
}

std::string CommandOf(pid_t pid) { return std::string(absl::StripSuffix(ReadOf(pid, "comm", 256), "\n")); }

bool ParseHasFilter(const std::string& status) { return absl::StrContains(status, "\nSeccomp:\t2\n"); }

bool HasFilter(pid_t pid) { return ParseHasFilter(ReadOf(pid, "status", kMaxStatus)); }

}  // namespace forcebind
