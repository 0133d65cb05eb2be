// SPDX-License-Identifier: Apache-2.0
// companion: which process has a connection: whether the one before the supervisor's restart is still the same, and
// whether one that says so may take it over.
// See proc(5), /proc/PID/stat, and pidfd_open(2).
#ifndef FORCEBIND_SUPERVISOR_COMPANION_H_
#define FORCEBIND_SUPERVISOR_COMPANION_H_

#include <sys/types.h>

#include <optional>

#include "supervisor/registry.h"
#include "sys/unique_fd.h"

namespace forcebind {

// The start time is 0 where the process cannot be seen; it then counts as gone.
ProcessId IdentifyProcess(pid_t pid);

// A pidfd, readable when the process ends. Invalid: it has ended already, or the number is another process's now.
UniqueFd WatchProcess(const ProcessId& process);

// The process behind a pidfd, if it runs and IsOf() it.
std::optional<ProcessId> ProcessOfUser(int pidfd, uid_t uid);

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_COMPANION_H_
