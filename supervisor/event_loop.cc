// SPDX-License-Identifier: Apache-2.0
#include "supervisor/event_loop.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/time.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "sys/errno_status.h"

namespace forcebind {
namespace {

constexpr int kMaxEvents = 64;
constexpr suseconds_t kAlarmMilliseconds = 100;

void IgnoreAlarm(int) {}

// A handler, since a signal that is ignored ends nothing.
int CatchAlarms() {
  struct sigaction action = {};
  action.sa_handler = IgnoreAlarm;
  action.sa_flags = SA_RESTART;
  return sigaction(SIGALRM, &action, nullptr);
}

class Alarms {
 public:
  Alarms() { Set(kAlarmMilliseconds * 1000); }
  ~Alarms() { Set(0); }
  Alarms(const Alarms&) = delete;
  Alarms& operator=(const Alarms&) = delete;

 private:
  static void Set(suseconds_t every) {
    const itimerval timer = {.it_interval = {.tv_sec = 0, .tv_usec = every},
                             .it_value = {.tv_sec = 0, .tv_usec = every}};
    setitimer(ITIMER_REAL, &timer, nullptr);
  }
};

}  // namespace

absl::StatusOr<std::unique_ptr<EventLoop>> EventLoop::Create() {
  UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return ErrnoStatus(errno, "epoll_create1");
  if (CatchAlarms() != 0) return ErrnoStatus(errno, "catch SIGALRM");
  return std::unique_ptr<EventLoop>(new EventLoop(std::move(epoll)));
}

absl::Status EventLoop::Add(int fd, uint32_t events, Callback callback) {
  epoll_event event{.events = events, .data = {.u64 = next_}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return ErrnoStatus(errno, absl::StrCat("watch fd ", fd));
  ids_[fd] = next_;
  entries_[next_] = Entry{fd, std::make_shared<Callback>(std::move(callback))};
  ++next_;
  return absl::OkStatus();
}

absl::Status EventLoop::Change(int fd, uint32_t events) {
  epoll_event event{.events = events, .data = {.u64 = ids_.at(fd)}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, absl::StrCat("watch fd ", fd));
}

void EventLoop::Remove(int fd) {
  auto found = ids_.find(fd);
  if (found == ids_.end()) return;
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  entries_.erase(found->second);
  ids_.erase(found);
}

absl::Status EventLoop::RunOnce(int timeout_ms) {
  epoll_event events[kMaxEvents];
  const int count = epoll_wait(epoll_.get(), events, kMaxEvents, timeout_ms);
  if (count < 0) return errno == EINTR ? absl::OkStatus() : ErrnoStatus(errno, "epoll_wait");
  const Alarms alarms;
  for (int i = 0; i < count && !stopped_; ++i) {
    auto found = entries_.find(events[i].data.u64);
    if (found == entries_.end()) continue;
    // Held, since the callback may remove itself.
    const std::shared_ptr<Callback> callback = found->second.callback;
    (*callback)(events[i].events);
  }
  return absl::OkStatus();
}

absl::Status EventLoop::RunUntilStopped() {
  while (!stopped_) {
    absl::Status status = RunOnce(-1);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace forcebind
