// SPDX-License-Identifier: Apache-2.0
// landlock: takes this process, and all that come of it, the right to bind TCP ports (landlock(7)).
//
// The right is asked for where bind(2) and io_uring's bind are made, of whoever makes the call: a process outside that
// has a duplicate of the socket may still bind it. A process inside may not attach to one outside by ptrace(2), be it
// root (security/landlock/task.c); to read /proc/PID is not denied. Nothing else changes: no file is protected,
// mount(2) works.
#ifndef FORCEBIND_SYS_LANDLOCK_H_
#define FORCEBIND_SYS_LANDLOCK_H_

namespace forcebind {

// Whether this kernel knows the right: Linux 6.7, ABI 4.
bool HasLandlockTcp();

// For the calling thread and its future children. An errno value: ENOSYS or EOPNOTSUPP, there is no Landlock, or it
// does not know the right; EPERM without no_new_privs and CAP_SYS_ADMIN; E2BIG where 16 layers are there already.
int DenyTcpBind();

}  // namespace forcebind

#endif  // FORCEBIND_SYS_LANDLOCK_H_
