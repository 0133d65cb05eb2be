// SPDX-License-Identifier: Apache-2.0
#include "supervisor/companion.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "sys/pidfd.h"
#include "sys/process_list.h"
#include "sys/target.h"

namespace forcebind {

ProcessId IdentifyProcess(pid_t pid) {
  const auto found = ReadProcessStat(pid);
  return {.pid = pid, .start_time = found && !found->dead ? found->start_time : 0};
}

UniqueFd WatchProcess(const ProcessId& process) {
  if (process.pid <= 0 || process.start_time == 0) return UniqueFd();
  UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, process.pid, 0)));
  // Looked at after the pidfd was opened: whatever has this start time now is what the pidfd stands for.
  if (pidfd.valid() && !(IdentifyProcess(process.pid) == process)) pidfd.reset();
  return pidfd;
}

// The number is the process's own as long as the pidfd has one: looked at last.
std::optional<ProcessId> ProcessOfUser(int pidfd, uid_t uid) {
  const pid_t pid = ProcessOfPidfd(pidfd);
  TaskIdentity task;
  if (pid == 0 || ReadTaskIdentity(pid, &task) != 0 || !IsOf(task, uid)) return std::nullopt;
  const ProcessId process = IdentifyProcess(pid);
  if (process.start_time == 0 || !PidfdHasProcess(pidfd)) return std::nullopt;
  return process;
}

}  // namespace forcebind
