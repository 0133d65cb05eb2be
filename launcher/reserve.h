// SPDX-License-Identifier: Apache-2.0
// reserve: a second companion, which does nothing until the first one is killed, and then is the first.
//
// THEORY OF OPERATION
//   The companion forks it, so that it has the same descriptors (the notification fd, the link to the supervisor), the
//   same rights, and the same policy, and nobody has to be asked for any of them. It waits for one of two ends: the
//   service's, with which it goes as well, and the companion's. In the latter case it forks another one, learns from
//   memory that both share what has changed since (notify/companion_memory.h), and goes on where its parent was. When
//   the one in reserve is killed, the companion forks another one. When it lacks a descriptor that the companion has
//   got since, it is replaced: the other one is there, and named as the heir in the shared memory, before the old one
//   goes. So where there was one, one goes on whenever the companion is killed, and no two.
//
// TRUST    Both are as much at the service's mercy as the companion alone: a process of the same user may kill both at
//          once, and then every call fails, as without a reserve.
// LIMITS   Ten take-overs a second at most, and ten replacements of one that was killed. Whoever kills two within the
//          time that a fork takes has killed both; whoever kills each successor as it comes has one forked for each.
//          One more process for a service, whose memory is the companion's but for what one of them has written since.
//          Not in parent mode, where the companion is the service's parent, which nobody can become.
// THREADS  Thread-compatible. REQUIRES: this process has one thread.
// Tested by tests/behaviour/reserve_test.cc.
#ifndef FORCEBIND_LAUNCHER_RESERVE_H_
#define FORCEBIND_LAUNCHER_RESERVE_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>

#include "notify/companion_memory.h"
#include "notify/notify_loop.h"
#include "sys/unique_fd.h"

namespace forcebind {

class Reserve : public LoopSource {
 public:
  struct Tasks {
    std::function<void()> begin;        // in the one in reserve, as the first thing
    std::function<void()> take_over;    // in the same, when it is the companion
    std::function<uint64_t()> version;  // another number: the one in reserve lacks a descriptor, and is forked anew
  };
  // `notify_fd`, `memory`: borrowed.
  Reserve(int notify_fd, CompanionMemory& memory, Tasks tasks)
      : notify_fd_(notify_fd), memory_(memory), tasks_(std::move(tasks)) {}

  // Forks one. Returns in this process; and once more in that one, if this one is killed. Where it cannot be had, it is
  // tried again later.
  void Stand();

  int PollFd() const override { return pidfd_.get(); }
  int PollTimeoutMs(const CallCounters&) const override;
  void OnPoll(const CallCounters&) override;

 private:
  // False: in this process. True: in the one in reserve, when it is its turn.
  bool Fork();
  void Dismiss();
  // There is none, or not one with every descriptor.
  bool IsLacking() const;

  const int notify_fd_;
  CompanionMemory& memory_;
  const Tasks tasks_;
  uint64_t forked_version_ = 0;
  int64_t retry_ms_ = 0;  // of NowMs(): not to fork before
  pid_t pid_ = -1;
  UniqueFd pidfd_;
};

}  // namespace forcebind

#endif  // FORCEBIND_LAUNCHER_RESERVE_H_
