// SPDX-License-Identifier: Apache-2.0
#include "launcher/reserve.h"

#include <errno.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "sys/monotonic_clock.h"

namespace forcebind {
namespace {

constexpr char kName[] = "forcebind", kNameInReserve[] = "forcebind-spare";
constexpr int64_t kRetryMs = 1000;
constexpr int64_t kLeastBetweenMs = 100;

// Until `time`, of NowMs().
void Pause(int64_t time) {
  for (int64_t left; (left = time - NowMs()) > 0;) poll(nullptr, 0, static_cast<int>(std::min(left, kLeastBetweenMs)));
}

// Returns when the companion behind `pidfd` is gone, and does not when the service is. Asked for nothing, poll(2) tells
// of a hang-up alone, and the calls that the service makes wake nobody up here.
void AwaitTurn(int pidfd, int notify_fd) {
  pollfd fds[2] = {{.fd = pidfd, .events = POLLIN, .revents = 0}, {.fd = notify_fd, .events = 0, .revents = 0}};
  for (;;) {
    const int ready = poll(fds, 2, -1);
    if (ready < 0 && errno != EINTR) _exit(1);
    if (ready > 0 && (fds[1].revents & POLLHUP) != 0) _exit(0);
    if (ready > 0 && fds[0].revents != 0) return;
  }
}

bool Shows(int fd, short events) {
  pollfd polled = {.fd = fd, .events = events, .revents = 0};
  return poll(&polled, 1, 0) == 1 && (polled.revents & events) != 0;
}

}  // namespace

bool Reserve::Fork() {
  retry_ms_ = NowMs() + kRetryMs;
  const UniqueFd self(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
  if (!self.valid()) return false;
  const uint64_t number = ++memory_.forked, version = tasks_.version();
  if (pid_ < 0) memory_.heir = number;  // nobody else is there to be one
  int pidfd = -1;
  clone_args arguments = {};
  arguments.flags = CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<uint64_t>(&pidfd);
  arguments.exit_signal = 0;  // SIGCHLD is for others (sys/stand_in.h)
  const long child = syscall(SYS_clone3, &arguments, sizeof(arguments));
  if (child > 0) {
    memory_.heir = number;
    Dismiss();
    pid_ = static_cast<pid_t>(child);
    pidfd_.reset(pidfd);
    forked_version_ = version;
    retry_ms_ = NowMs() + kLeastBetweenMs;
  }
  if (child != 0) return false;
  tasks_.begin();
  AwaitTurn(self.get(), notify_fd_);
  if (memory_.finished || memory_.heir != number) _exit(0);
  return true;
}

// Each is born with the name of one in reserve, which the companion has while it forks, and a successor until it has
// taken over.
void Reserve::Stand() {
  bool turn = false;
  prctl(PR_SET_NAME, kNameInReserve);
  while (Fork()) {
    turn = true;
    pid_ = -1;  // its parent's, which has gone by itself
    pidfd_.reset();
  }
  if (turn) {
    Pause(memory_.taken_over_ms + kLeastBetweenMs);
    memory_.taken_over_ms = NowMs();
    tasks_.take_over();
  }
  prctl(PR_SET_NAME, kName);
}

void Reserve::Dismiss() {
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, __WALL) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  pidfd_.reset();
}

bool Reserve::IsLacking() const { return pid_ < 0 || forked_version_ != tasks_.version(); }

int Reserve::PollTimeoutMs(const CallCounters&) const {
  return IsLacking() ? static_cast<int>(std::clamp<int64_t>(retry_ms_ - NowMs(), 0, kRetryMs)) : -1;
}

void Reserve::OnPoll(const CallCounters&) {
  if (pid_ >= 0 && Shows(pidfd_.get(), POLLIN)) Dismiss();
  const bool ended = Shows(notify_fd_, POLLHUP);  // the service
  if (!ended && IsLacking() && NowMs() >= retry_ms_) Stand();
}

}  // namespace forcebind
