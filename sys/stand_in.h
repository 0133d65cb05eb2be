// SPDX-License-Identifier: Apache-2.0
// stand_in: makes one system call as another task would: with its user, groups, capabilities, umask, working directory,
// root and mount namespace. For the calls whose outcome depends on who makes them: bind() of a path in AF_UNIX
// (unix(7)), bind() of a multicast group in AF_NETLINK.
//
// THEORY OF OPERATION
//   A forked child takes all of the task's identity on, for good, makes the call, and leaves with the call's errno as
//   its exit status. Nothing has to be undone, and nothing of this process is ever somebody else's.
#ifndef FORCEBIND_SYS_STAND_IN_H_
#define FORCEBIND_SYS_STAND_IN_H_

#include <sys/types.h>

#include "absl/functional/function_ref.h"
#include "sys/target.h"

namespace forcebind {

// Runs `call` in a child that has become thread `tid`; returns the errno that `call` returned, or that of the step that
// could not be taken (EPERM: this process lacks the right to become that task). `is_alive` is asked when all that there
// is to know of the thread has been read, `identity` before; if it says no, nothing is done, and the answer is ESRCH.
// REQUIRES: this process has one thread. `call` is async-signal-safe.
int CallAs(pid_t tid, const TaskIdentity& identity, absl::FunctionRef<bool()> is_alive, absl::FunctionRef<int()> call);

// The same without the task's directories, and the child has this process's own table of descriptors: what `call` opens
// is this process's as well, and stays open if the task kills the child. For io_uring_setup(), whose result no child
// could pass on (since Linux 6.7 SCM_RIGHTS takes no ring). Whoever calls has asked whether the task is alive.
int CallAsUser(const TaskIdentity& identity, absl::FunctionRef<int()> call);

// Runs `call` in this process with the task's effective user and group and its groups, and takes its own back. For
// listen() in AF_UNIX, which shows clients who called it (SO_PEERCRED): the user and groups are then the service's, the
// process id is this process's, which lives as long as the service. Returns `call`'s errno, or EPERM. REQUIRES: this
// process has one thread.
int CallWithEffectiveIds(const TaskIdentity& identity, absl::FunctionRef<int()> call);

// True if this process's own user, groups and capabilities are the task's, so that a call which depends on nothing else
// may be made directly.
bool HasOwnCredentials(const TaskIdentity& identity);

}  // namespace forcebind

#endif  // FORCEBIND_SYS_STAND_IN_H_
