// SPDX-License-Identifier: Apache-2.0
#include "launcher/parent_mode.h"

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "launcher/companion.h"
#include "launcher/run.h"
#include "sys/capabilities.h"
#include "sys/small_file.h"
#include "sys/unix_channel.h"

namespace forcebind {
namespace {

constexpr char kScopeFile[] = "/proc/sys/kernel/yama/ptrace_scope";
constexpr size_t kMaxScopeFile = 64;
constexpr int kAncestorsOnly = 1, kPrivilegedOnly = 2;
constexpr int kUnknownStatus = kOwnFailure << 8;  // as wait(2) has it

int FailedTo(const char* what) {
  fprintf(stderr, "forcebind: stay on as the service's parent: %s: %s\n", what, strerror(errno));
  return kOwnFailure;
}

// The process that the caller knows.
class Proxy {
 public:
  Proxy(pid_t companion, UniqueFd channel, UniqueFd signals)
      : companion_(companion), channel_(std::move(channel)), signals_(std::move(signals)) {}

  // The service's wait status.
  int Run();

 private:
  bool AwaitStart();
  int AwaitOrphan();
  void ForwardSignals();
  void StopAlike(int signal_number);
  // Until `fd` is readable; forwards signals meanwhile.
  void Await(int fd);

  pid_t companion_;
  UniqueFd channel_, signals_, service_;
};

void Proxy::Await(int fd) {
  for (;;) {
    pollfd fds[2] = {{.fd = signals_.get(), .events = POLLIN, .revents = 0},
                     {.fd = fd, .events = POLLIN, .revents = 0}};
    if (poll(fds, 2, -1) < 0) continue;
    if (fds[0].revents != 0) ForwardSignals();
    if (fds[1].revents != 0) return;
  }
}

// The terminal has sent it to the service as well, which is in the same group. A timer is this process's alone:
// alarm(2) goes along with execve(2), but not with fork(2).
bool IsTheTerminals(const signalfd_siginfo& info) {
  return info.ssi_code == SI_KERNEL && info.ssi_signo != SIGALRM && info.ssi_signo != SIGVTALRM &&
         info.ssi_signo != SIGPROF;
}

void Proxy::ForwardSignals() {
  signalfd_siginfo info;
  while (read(signals_.get(), &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
    if (info.ssi_signo == SIGCHLD || IsTheTerminals(info)) continue;
    // That the service goes on is known to it.
    if (info.ssi_signo == SIGCONT && static_cast<pid_t>(info.ssi_pid) == companion_) continue;
    siginfo_t copy = {};
    copy.si_signo = static_cast<int>(info.ssi_signo);
    copy.si_code = SI_QUEUE;
    copy.si_pid = static_cast<pid_t>(info.ssi_pid);
    copy.si_uid = info.ssi_uid;
    copy.si_value.sival_ptr = reinterpret_cast<void*>(info.ssi_ptr);
    syscall(SYS_pidfd_send_signal, service_.get(), copy.si_signo, info.ssi_code == SI_QUEUE ? &copy : nullptr, 0);
  }
}

// Stops as the service did, so that the caller's shell sees it; goes on when somebody continues this process, and then
// the signal that did it is forwarded.
void Proxy::StopAlike(int signal_number) {
  signal(signal_number, SIG_DFL);
  kill(getpid(), signal_number);
  sigset_t stop, before;
  sigemptyset(&stop);
  sigaddset(&stop, signal_number);
  sigprocmask(SIG_UNBLOCK, &stop, &before);
  sigprocmask(SIG_SETMASK, &before, nullptr);
}

// Nothing of the service's may be held open by this process.
bool Proxy::AwaitStart() {
  Packet packet;
  if (ReceivePacket(channel_.get(), sizeof(int), &packet) != 0 || !packet.fd.valid()) return false;
  service_ = std::move(packet.fd);
  return CloseAllBut({channel_.get(), signals_.get(), service_.get()}).ok() && chdir("/") == 0;
}

// The companion is gone. Either it never came to start the service, or it was killed: then this process has inherited
// the service.
int Proxy::AwaitOrphan() {
  int status = 0;
  while (waitpid(companion_, &status, 0) < 0) {
    if (errno != EINTR) return kUnknownStatus;
  }
  if (!WIFSIGNALED(status) || !service_.valid()) return kUnknownStatus;
  Await(service_.get());
  siginfo_t info = {};
  if (waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(service_.get()), &info, WEXITED) != 0) {
    return kUnknownStatus;
  }
  return info.si_code == CLD_EXITED ? info.si_status << 8 : info.si_status;
}

int Proxy::Run() {
  if (!AwaitStart()) return AwaitOrphan();
  for (;;) {
    Await(channel_.get());
    Packet packet;
    int status;
    if (ReceivePacket(channel_.get(), sizeof(status), &packet) != 0) return AwaitOrphan();
    if (packet.bytes.size() != sizeof(status)) return AwaitOrphan();
    memcpy(&status, packet.bytes.data(), sizeof(status));
    if (!WIFSTOPPED(status)) return status;
    StopAlike(WSTOPSIG(status));
  }
}

// Only the service may leave a core file.
int EndAlike(int status) {
  if (!WIFSIGNALED(status)) return WEXITSTATUS(status);
  const int signal_number = WTERMSIG(status);
  const rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  signal(signal_number, SIG_DFL);
  sigset_t all;
  sigfillset(&all);
  sigdelset(&all, signal_number);
  kill(getpid(), signal_number);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  return 128 + signal_number;
}

}  // namespace

void CallersSignals::Restore() const {
  sigaction(SIGCHLD, &on_child, nullptr);
  sigprocmask(SIG_SETMASK, &blocked, nullptr);
}

absl::StatusOr<bool> NeedsParentMode() {
  absl::StatusOr<std::string> text = ReadSmallFile(kScopeFile, kMaxScopeFile);
  if (absl::IsNotFound(text.status())) return false;
  if (!text.ok()) return text.status();
  int scope;
  if (!absl::SimpleAtoi(absl::StripAsciiWhitespace(*text), &scope)) {
    return absl::FailedPreconditionError(absl::StrCat(kScopeFile, " does not hold a number"));
  }
  if (scope > kPrivilegedOnly) {
    return absl::FailedPreconditionError(absl::StrCat(
        "kernel.yama.ptrace_scope is ", scope,
        ": nobody may look into a service, and so nobody can bind for it, until the next boot with a lower one"));
  }
  Capabilities own;
  const bool privileged = GetCapabilities(&own) == 0 && own.HasEffective(CAP_SYS_PTRACE);
  if (scope == kPrivilegedOnly && !privileged) {
    return absl::FailedPreconditionError(
        "kernel.yama.ptrace_scope is 2: to look into a service, which binding for it takes, needs CAP_SYS_PTRACE; run "
        "forcebind as root, or set the scope to 1");
  }
  return scope == kAncestorsOnly && !privileged;
}

int StayAsParent(absl::FunctionRef<int(UniqueFd, const CallersSignals&)> accompany) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return FailedTo("make a socket");
  UniqueFd ours(ends[0]), theirs(ends[1]);
  if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) return FailedTo("become a sub-reaper");
  CallersSignals signals;
  struct sigaction by_default = {};
  by_default.sa_handler = SIG_DFL;
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &signals.blocked);
  sigaction(SIGCHLD, &by_default, &signals.on_child);
  UniqueFd received(signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!received.valid()) return FailedTo("make a signalfd");
  const pid_t companion = fork();
  if (companion < 0) return FailedTo("start the companion");
  if (companion == 0) {
    ours.reset();
    received.reset();
    _exit(accompany(std::move(theirs), signals));
  }
  theirs.reset();
  return EndAlike(Proxy(companion, std::move(ours), std::move(received)).Run());
}

}  // namespace forcebind
