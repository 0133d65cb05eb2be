// SPDX-License-Identifier: Apache-2.0
// process_list: the processes of the host and whose children they are, from /proc (proc(5)). One list is no moment's
// picture: processes come and go while it is read.
//
// Tested by tests/unit/sys/process_list_test.cc.
#ifndef FORCEBIND_SYS_PROCESS_LIST_H_
#define FORCEBIND_SYS_PROCESS_LIST_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace forcebind {

struct ProcessStat {
  pid_t parent = 0;
  uint64_t start_time = 0;  // clock ticks since boot: with the process id it names a process for good
  bool dead = false;        // it waits to be waited for
};

// Nothing: there is no such process, or it is not to be seen.
std::optional<ProcessStat> ReadProcessStat(pid_t pid);
// The parser of the above, for /proc/PID/stat.
std::optional<ProcessStat> ParseProcessStat(const std::string& stat);

std::map<pid_t, ProcessStat> ListProcesses();

// /proc/PID/comm; empty if there is no such process.
std::string CommandOf(pid_t pid);

// Has a seccomp filter on it, which no process loses and every child inherits.
bool HasFilter(pid_t pid);
// The parser of the above, for /proc/PID/status.
bool ParseHasFilter(const std::string& status);

}  // namespace forcebind

#endif  // FORCEBIND_SYS_PROCESS_LIST_H_
