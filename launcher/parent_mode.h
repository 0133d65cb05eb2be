// SPDX-License-Identifier: Apache-2.0
// parent_mode: `forcebind run` where only a process's ancestors may look into it (Yama's ptrace_scope 1, without
// CAP_SYS_PTRACE; see the kernel's Documentation/admin-guide/LSM/Yama.rst).
//
// THEORY OF OPERATION
//   The companion then has to be the parent of the service, and of what its processes leave behind, and it has to
//   outlive the service's first process; the caller waits for that one. So there is a third process:
//
//       caller ─► forcebind ─► companion (sub-reaper, notification loop) ─► service ─► …
//
//   forcebind keeps the process id that the caller knows. It hands on the signals that it gets, stops when the service
//   stops, and ends as the service's first process ends: the companion, which waits for that one, tells it over a
//   socket. The companion goes on until the last process is gone. Signals of the terminal reach the whole group, and so
//   the service, by themselves: they are not handed on. When forcebind is killed, so is the service's first process;
//   when the companion is killed, forcebind inherits the service, and waits for it.
//
// What a service sees of it is in docs/adr/0008-parent-mode.md.
// Tested by tests/behaviour/parent_mode_test.cc.
#ifndef FORCEBIND_LAUNCHER_PARENT_MODE_H_
#define FORCEBIND_LAUNCHER_PARENT_MODE_H_

#include <signal.h>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "sys/unique_fd.h"

namespace forcebind {

// False: a companion may look into a service wherever it stands. FAILED_PRECONDITION: it may not even as its parent.
absl::StatusOr<bool> NeedsParentMode();

// What the service has to find as the caller left it.
struct CallersSignals {
  sigset_t blocked;
  struct sigaction on_child;
  void Restore() const;
};

// Starts `accompany` in a child, with its end of the socket to this process and every signal blocked; its result is
// that child's exit status. Returns the exit status of the service, dies of the signal that the service died of, or
// returns 125.
int StayAsParent(absl::FunctionRef<int(UniqueFd, const CallersSignals&)> accompany);

}  // namespace forcebind

#endif  // FORCEBIND_LAUNCHER_PARENT_MODE_H_
