// SPDX-License-Identifier: Apache-2.0
// service_family: the companion as the parent of the service and of what it leaves behind. See launcher/parent_mode.h.
//
// THREADS  Thread-compatible.
#ifndef FORCEBIND_LAUNCHER_SERVICE_FAMILY_H_
#define FORCEBIND_LAUNCHER_SERVICE_FAMILY_H_

#include <sys/types.h>

#include <memory>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "notify/notify_loop.h"
#include "sys/unique_fd.h"

namespace forcebind {

class ServiceFamily : public LoopSource {
 public:
  // Makes this process a sub-reaper, and runs `serve` in a child that shares the descriptor table; its result is the
  // child's exit status. `caller`: the socket to the process that waits, which gets the child's pidfd.
  // REQUIRES: SIGCHLD is blocked, now and from here on.
  static absl::StatusOr<std::unique_ptr<ServiceFamily>> Start(UniqueFd caller, absl::FunctionRef<int()> serve);

  int service() const { return service_.get(); }  // the first process's pidfd
  std::vector<int> descriptors() const;           // what this object needs

  // Kills the service's first process, without telling how it ended: it has never been started properly.
  void EndService();
  // Until the service's first process is gone. Returns 0, or 125 after EndService().
  int AwaitService();

  int PollFd() const override { return events_.get(); }
  int PollTimeoutMs(const CallCounters&) const override { return -1; }
  void OnPoll(const CallCounters&) override;

 private:
  ServiceFamily() = default;
  absl::Status Watch();
  void Reap();
  void OnStatus(int status);
  void CheckCaller();

  pid_t pid_ = -1;  // 0: waited for
  pid_t caller_pid_ = -1;
  bool failed_ = false;
  UniqueFd caller_, service_, signals_, events_;
};

}  // namespace forcebind

#endif  // FORCEBIND_LAUNCHER_SERVICE_FAMILY_H_
