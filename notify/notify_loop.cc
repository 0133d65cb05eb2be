// SPDX-License-Identifier: Apache-2.0
#include "notify/notify_loop.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

namespace forcebind {
namespace {

uint64_t NowNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

void ServeOne(NotifyDevice& device, CallFunction handle, CallCounters* counters) {
  Notification notification;
  if (device.Receive(&notification) != 0) return;
  const uint64_t start = NowNs();
  const CallOutcome outcome = handle(notification);
  const bool answered =
      outcome.answered || (outcome.verdict != Verdict::kGone && device.Reply(notification.id, outcome.error) == 0);
  counters->Add(answered ? outcome.verdict : Verdict::kGone, NowNs() - start);
}

}  // namespace

int RunNotifyLoop(NotifyDevice& device, CallFunction handle, LoopSource& source) {
  CallCounters counters;
  for (;;) {
    pollfd fds[2] = {{.fd = device.fd(), .events = POLLIN, .revents = 0},
                     {.fd = source.PollFd(), .events = POLLIN, .revents = 0}};
    const int ready = poll(fds, 2, source.PollTimeoutMs(counters));
    if (ready < 0 && errno != EINTR) return errno;
    if (ready < 0) continue;
    if (ready == 0 || fds[1].revents != 0) source.OnPoll(counters);
    if ((fds[0].revents & POLLIN) != 0) {
      ServeOne(device, handle, &counters);
    } else if (fds[0].revents != 0) {
      source.OnPoll(counters);
      return (fds[0].revents & POLLHUP) != 0 ? 0 : EBADF;
    }
  }
}

}  // namespace forcebind
