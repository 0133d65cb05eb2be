// SPDX-License-Identifier: Apache-2.0
#include "notify/notify_loop.h"

#include <errno.h>
#include <linux/audit.h>
#include <poll.h>
#include <sys/syscall.h>

#include <algorithm>
#include <vector>

#include "sys/monotonic_clock.h"

namespace forcebind {
namespace {

void ServeOne(NotifyDevice& device, CallFunction handle, CallCounters* counters) {
  Notification notification;
  if (device.Receive(&notification) != 0) return;
  const int64_t start = NowNs();
  const CallOutcome outcome = handle(notification);
  const bool answered =
      outcome.answered || (outcome.verdict != Verdict::kGone && device.Reply(notification.id, outcome.error) == 0);
  counters->Add(answered ? outcome.verdict : Verdict::kGone, static_cast<uint64_t>(NowNs() - start));
}

// poll(2) does not say whose time is over, and while calls come in all the time not even that one is.
bool IsDue(const LoopSource& source, const CallCounters& counters) { return source.PollTimeoutMs(counters) == 0; }

// For poll(2): -1 = for ever.
int Sooner(int a, int b) { return a < 0 ? b : b < 0 ? a : std::min(a, b); }

// The notification fd is the first.
int Poll(std::vector<pollfd>* fds, const NotifyDevice& device, absl::Span<LoopSource* const> sources,
         const CallCounters& counters) {
  int timeout_ms = -1;
  fds->front() = {.fd = device.fd(), .events = POLLIN, .revents = 0};
  for (size_t i = 0; i < sources.size(); ++i) {
    (*fds)[i + 1] = {.fd = sources[i]->PollFd(), .events = POLLIN, .revents = 0};
    timeout_ms = Sooner(timeout_ms, sources[i]->PollTimeoutMs(counters));
  }
  return poll(fds->data(), fds->size(), timeout_ms);
}

}  // namespace

void AnswerInherited(NotifyDevice& device, absl::Span<const uint8_t> request) {
  Notification call;
  if (!ReadNotification(request, &call) || !device.IsAlive(call.id)) return;
  if (call.arch == AUDIT_ARCH_X86_64 && call.number == __NR_connect) {
    device.Continue(call.id);
  } else {
    device.Reply(call.id, EINTR);
  }
}

int RunNotifyLoop(NotifyDevice& device, CallFunction handle, absl::Span<LoopSource* const> sources,
                  CallCounters& counters) {
  std::vector<pollfd> fds(sources.size() + 1);
  for (;;) {
    if (Poll(&fds, device, sources, counters) < 0) {
      if (errno != EINTR) return errno;
      continue;
    }
    const bool called = (fds[0].revents & POLLIN) != 0, ended = !called && (fds[0].revents & (POLLHUP | POLLNVAL)) != 0;
    // POLLERR alone: a signal has come while the kernel looked (kernel/seccomp.c, seccomp_notify_poll).
    if (called) ServeOne(device, handle, &counters);
    // Last, since one of them may return in another process (launcher/reserve.h), for which nothing of this is true.
    for (size_t i = 0; i < sources.size(); ++i) {
      if (ended || fds[i + 1].revents != 0 || IsDue(*sources[i], counters)) sources[i]->OnPoll(counters);
    }
    if (ended) return (fds[0].revents & POLLHUP) != 0 ? 0 : EBADF;
  }
}

}  // namespace forcebind
