// SPDX-License-Identifier: Apache-2.0
#include "launcher/service_family.h"

#include <errno.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launcher/run.h"
#include "sys/errno_status.h"
#include "sys/unix_channel.h"

namespace forcebind {
namespace {

absl::Status Add(int events, int fd) {
  epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};
  return epoll_ctl(events, EPOLL_CTL_ADD, fd, &event) == 0 ? absl::OkStatus()
                                                           : ErrnoStatus(errno, "watch a descriptor");
}

}  // namespace

absl::Status ServiceFamily::Watch() {
  sigset_t children;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  signals_.reset(signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK));
  events_.reset(epoll_create1(EPOLL_CLOEXEC));
  if (!signals_.valid() || !events_.valid()) return ErrnoStatus(errno, "make a signalfd and an epoll");
  absl::Status added = Add(events_.get(), signals_.get());
  return added.ok() ? Add(events_.get(), caller_.get()) : added;
}

absl::StatusOr<std::unique_ptr<ServiceFamily>> ServiceFamily::Start(UniqueFd caller, absl::FunctionRef<int()> serve) {
  std::unique_ptr<ServiceFamily> family(new ServiceFamily);
  family->caller_ = std::move(caller);
  family->caller_pid_ = getppid();
  if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) return ErrnoStatus(errno, "become a sub-reaper");
  absl::Status watched = family->Watch();
  if (!watched.ok()) return watched;
  int pidfd = -1;
  clone_args arguments = {};
  arguments.flags = CLONE_FILES | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<uint64_t>(&pidfd);
  arguments.exit_signal = SIGCHLD;
  family->pid_ = static_cast<pid_t>(syscall(SYS_clone3, &arguments, sizeof(arguments)));
  if (family->pid_ == 0) _exit(serve());
  if (family->pid_ < 0) return ErrnoStatus(errno, "start the service's process");
  family->service_.reset(pidfd);
  const uint8_t started = 0;
  SendPacket(family->caller_.get(), absl::MakeConstSpan(&started, 1), pidfd);
  return family;
}

std::vector<int> ServiceFamily::descriptors() const {
  return {caller_.get(), service_.get(), signals_.get(), events_.get()};
}

void ServiceFamily::OnStatus(int status) {
  if (WIFCONTINUED(status)) {
    // By somebody who knows the service's own number. Whoever waits has to go on as well.
    if (getppid() == caller_pid_) kill(caller_pid_, SIGCONT);
    return;
  }
  if (!WIFSTOPPED(status)) pid_ = 0;
  uint8_t bytes[sizeof(status)];
  memcpy(bytes, &status, sizeof(status));
  if (!failed_) SendPacket(caller_.get(), bytes);
}

// The service's descendants whose parent has gone are this process's children.
void ServiceFamily::Reap() {
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) > 0;) {
    if (pid == pid_) OnStatus(status);
  }
}

// Who kills the process that he knows means the service.
void ServiceFamily::CheckCaller() {
  pollfd caller = {.fd = caller_.get(), .events = POLLIN, .revents = 0};
  if (!caller_.valid() || poll(&caller, 1, 0) != 1) return;
  epoll_ctl(events_.get(), EPOLL_CTL_DEL, caller_.get(), nullptr);
  caller_.reset();
  if (pid_ > 0) syscall(SYS_pidfd_send_signal, service_.get(), SIGKILL, nullptr, 0);
}

void ServiceFamily::OnPoll(const CallCounters&) {
  signalfd_siginfo info;
  while (read(signals_.get(), &info, sizeof(info)) > 0) {
  }
  Reap();
  CheckCaller();
}

void ServiceFamily::EndService() {
  failed_ = true;
  if (pid_ > 0) syscall(SYS_pidfd_send_signal, service_.get(), SIGKILL, nullptr, 0);
}

int ServiceFamily::AwaitService() {
  int status;
  while (pid_ > 0 && waitpid(pid_, &status, 0) < 0) {
    if (errno != EINTR) break;
  }
  if (pid_ > 0) OnStatus(status);
  return failed_ ? kOwnFailure : 0;
}

}  // namespace forcebind
