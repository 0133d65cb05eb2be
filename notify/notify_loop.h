// SPDX-License-Identifier: Apache-2.0
// notify_loop: answers one service's bind() and listen() calls until its last process is gone.
//
// THEORY OF OPERATION
//   One thread, one poll(2): the notification fd, and whatever others want watched (the link to a supervisor, the
//   service's processes in parent mode). A call is received, done, and answered before the next one. ENOENT anywhere
//   means that the target went away: a normal outcome. POLLHUP on the notification fd: the last task that the filter
//   watched is gone, and so is the work.
//
// THREADS  Thread-compatible.
// Tested by tests/unit/notify/notify_loop_test.cc (against a device that dies at every step) and tests/behaviour/.
#ifndef FORCEBIND_NOTIFY_NOTIFY_LOOP_H_
#define FORCEBIND_NOTIFY_NOTIFY_LOOP_H_

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "notify/call_counters.h"
#include "sys/seccomp_notify.h"

namespace forcebind {

// Something else that the loop waits for.
class LoopSource {
 public:
  virtual ~LoopSource() = default;
  // To poll for input; -1 = nothing now.
  virtual int PollFd() const = 0;
  // How long the loop may wait at most, in milliseconds: 0 = OnPoll() is due, -1 = for ever.
  virtual int PollTimeoutMs(const CallCounters& counters) const = 0;
  // Input, a hang-up, or it is due; and once more at the end.
  virtual void OnPoll(const CallCounters& counters) = 0;
};

struct CallOutcome {
  int error = 0;  // errno for the service
  Verdict verdict = Verdict::kFailed;
  bool answered = false;  // the reply has been sent
};

using CallFunction = absl::FunctionRef<CallOutcome(const Notification&)>;

// In a companion that goes on where another one was killed: the call that it had in hand, as the kernel has written it,
// gets EINTR, whether it was made or not. Nobody can tell, and what is asked of the kernel now may be another thread's
// doing. A connect, after whose EINTR a program waits, is the kernel's to make (docs/adr/0012-connect-is-continued.md).
void AnswerInherited(NotifyDevice& device, absl::Span<const uint8_t> request);

// Counts in `counters`. Returns when the device hangs up (0), or its errno when it cannot be polled any more.
int RunNotifyLoop(NotifyDevice& device, CallFunction handle, absl::Span<LoopSource* const> sources,
                  CallCounters& counters);

}  // namespace forcebind

#endif  // FORCEBIND_NOTIFY_NOTIFY_LOOP_H_
