// SPDX-License-Identifier: Apache-2.0
#include "supervisor/companion.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace forcebind {
namespace {

constexpr size_t kStartTimeAfterName = 19;  // field 22, counted from the one after "(name)", which is field 3

std::string ReadStat(pid_t pid) {
  UniqueFd file(open(absl::StrCat("/proc/", pid, "/stat").c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return "";
  char text[1024];
  const ssize_t size = read(file.get(), text, sizeof(text));
  return size > 0 ? std::string(text, static_cast<size_t>(size)) : "";
}

}  // namespace

ProcessId IdentifyProcess(pid_t pid) {
  ProcessId process{.pid = pid, .start_time = 0};
  const std::string stat = ReadStat(pid);
  // The name may hold blanks and brackets; the last bracket ends it.
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos || name_end + 2 > stat.size()) return process;
  const std::vector<std::string> fields = absl::StrSplit(stat.substr(name_end + 2), ' ');
  if (fields.size() <= kStartTimeAfterName || fields[0] == "Z" || fields[0] == "X") return process;
  if (!absl::SimpleAtoi(fields[kStartTimeAfterName], &process.start_time)) process.start_time = 0;
  return process;
}

UniqueFd WatchProcess(const ProcessId& process) {
  if (process.pid <= 0 || process.start_time == 0) return UniqueFd();
  UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, process.pid, 0)));
  // Looked at after the pidfd was opened: whatever has this start time now is what the pidfd stands for.
  if (pidfd.valid() && !(IdentifyProcess(process.pid) == process)) pidfd.reset();
  return pidfd;
}

}  // namespace forcebind
