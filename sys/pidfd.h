// SPDX-License-Identifier: Apache-2.0
// pidfd: what a descriptor that stands for a process can tell. See pidfd_open(2).
// Tested by tests/unit/sys/pidfd_test.cc.
#ifndef FORCEBIND_SYS_PIDFD_H_
#define FORCEBIND_SYS_PIDFD_H_

#include <sys/types.h>

#include <string>

namespace forcebind {

// By what /proc says of the descriptor, which asks no file system: also of a descriptor that may be anything.
bool IsPidfd(int fd);

// The process id in this process's pid namespace; 0: it has ended and was waited for, or is not visible here.
// REQUIRES: IsPidfd(fd).
pid_t ProcessOfPidfd(int fd);
// The parser of the above: the field "Pid" of /proc/self/fdinfo/N.
pid_t ParsePidfdInfo(const std::string& fdinfo);

// Is its process id still its own? True until somebody has waited for it.
bool PidfdHasProcess(int fd);

}  // namespace forcebind

#endif  // FORCEBIND_SYS_PIDFD_H_
