// SPDX-License-Identifier: Apache-2.0
// companion: the process beside a service that answers its bind() and listen() calls, and how it gets the notification
// fd.
//
// THEORY OF OPERATION
//   The launcher becomes the service by execve(2), so that the service has the launcher's process id, parent, group and
//   terminal. Before that it starts the companion, twice removed, so that it is not the service's child: a stranger to
//   its wait(2) and to its `kill` of children. Until the hand-over the two share one descriptor table (CLONE_FILES):
//   the fd that seccomp(2) makes is then in the companion's table as well, and only its number has to be told, by
//   eventfd. No call that a filter could stop is needed.
//       launcher                        companion
//       seccomp(NEW_LISTENER) = n
//       write n+1 to `loaded`    ─►     takes n into a table of its own, closes everything else
//       waits for `answer`       ◄─     writes to `answer`: ready, or why not
//       execve
//   Either one notices the other's death by pidfd.
//
//   The companion has a session of its own (no terminal signals; in parent mode, launcher/parent_mode.h, a group of its
//   own in the service's session), holds none of the service's descriptors, is not dumpable, ignores the signals that
//   end a service (it ends by itself, with the last process that the filter watches), and has laid down
//   CAP_NET_BIND_SERVICE (sys/capabilities.h).
#ifndef FORCEBIND_LAUNCHER_COMPANION_H_
#define FORCEBIND_LAUNCHER_COMPANION_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sys/unique_fd.h"

namespace forcebind {

// The two ends of the hand-over, in one shared descriptor table.
class HandOver {
 public:
  static absl::StatusOr<HandOver> Create();

  // Launcher: the filter is loaded, here is its fd. Waits until it has been taken. `companion`: its pidfd.
  // FAILED_PRECONDITION: the companion has refused; the message is its reason.
  absl::Status Give(int notify_fd, int companion);

  // Companion: waits for the fd, then has a descriptor table of its own with that fd, this object's and those of
  // `keep`, and nothing else. `launcher`: its pidfd.
  absl::StatusOr<UniqueFd> Take(int launcher, const std::vector<int>& keep);
  // Companion: everything is ready, the service may start.
  void Confirm();
  // Companion: the service may not start.
  void Refuse(const std::string& why);
  // In another process that has its descriptors: they are somebody else's.
  void Forget();

 private:
  void Answer(absl::string_view text);

  UniqueFd loaded_;                // an eventfd
  UniqueFd answer_, answer_here_;  // a pipe: where it is written, where it is read
};

// Runs `body` in a new process that shares the descriptor table, is not a child of this one, and ends with `body`'s
// result. Returns its pidfd.
absl::StatusOr<UniqueFd> StartDetached(absl::FunctionRef<int()> body);

// What a companion does first; see the head of this file. SIGCHLD is blocked afterwards, and no other signal.
enum class Standing { kOwnSession, kOwnGroup };
absl::Status BecomeCompanion(Standing standing);

// Where standard input, output or error is closed, puts the end of a pipe there (close-on-exec), which nothing can be
// written to: what a library writes to standard error must not go to a socket of the service, or to what else would
// have the number.
absl::Status OccupyStandardNumbers();

// Closes all descriptors of this process but these.
absl::Status CloseAllBut(std::vector<int> keep);

}  // namespace forcebind

#endif  // FORCEBIND_LAUNCHER_COMPANION_H_
