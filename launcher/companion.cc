// SPDX-License-Identifier: Apache-2.0
#include "launcher/companion.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sys/capabilities.h"
#include "sys/errno_status.h"

namespace forcebind {
namespace {

// The companion's stack for life. Pages that are never touched cost nothing.
constexpr size_t kStackSize = 512 * 1024;

constexpr size_t kMaxReason = 512;  // not over PIPE_BUF, so that it is written in one piece

// Waits until `fd` has something to read, or the process behind `peer` is gone.
absl::Status Await(int fd, int peer, const char* who) {
  pollfd fds[2] = {{.fd = fd, .events = POLLIN, .revents = 0}, {.fd = peer, .events = POLLIN, .revents = 0}};
  while (poll(fds, 2, -1) < 0) {
    if (errno != EINTR) return ErrnoStatus(errno, absl::StrCat("wait for the ", who));
  }
  if ((fds[0].revents & POLLIN) != 0) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("the ", who, " died during the hand-over"));
}

// Runs in the launcher's memory while the launcher waits (CLONE_VM, CLONE_VFORK).
struct Start {
  absl::FunctionRef<int()> body;
  int pidfd = -1;
  int error = 0;
};

int Intermediate(void* argument) {
  Start* start = static_cast<Start*>(argument);
  clone_args arguments = {};
  arguments.flags = CLONE_FILES | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<uint64_t>(&start->pidfd);
  arguments.exit_signal = SIGCHLD;
  const long child = syscall(SYS_clone3, &arguments, sizeof(arguments));
  if (child == 0) _exit(start->body());
  if (child < 0) start->error = errno;
  return 0;
}

}  // namespace

absl::Status OccupyStandardNumbers() {
  for (;;) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "create a pipe");
    close(ends[1]);
    if (ends[0] <= STDERR_FILENO) continue;
    close(ends[0]);
    return absl::OkStatus();
  }
}

absl::Status CloseAllBut(std::vector<int> keep) {
  std::sort(keep.begin(), keep.end());
  unsigned first = 0;
  for (const int fd : keep) {
    const unsigned number = static_cast<unsigned>(fd);
    if (number > first && close_range(first, number - 1, 0) != 0) return ErrnoStatus(errno, "close descriptors");
    first = number + 1;
  }
  return close_range(first, ~0u, 0) == 0 ? absl::OkStatus() : ErrnoStatus(errno, "close descriptors");
}

absl::StatusOr<HandOver> HandOver::Create() {
  HandOver result;
  int ends[2];
  result.loaded_.reset(eventfd(0, EFD_CLOEXEC));
  if (!result.loaded_.valid() || pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "create an eventfd and a pipe");
  result.answer_here_.reset(ends[0]);
  result.answer_.reset(ends[1]);
  return result;
}

absl::Status HandOver::Give(int notify_fd, int companion) {
  if (eventfd_write(loaded_.get(), static_cast<eventfd_t>(notify_fd) + 1) != 0) return ErrnoStatus(errno, "hand over");
  absl::Status answered = Await(answer_here_.get(), companion, "companion process");
  if (!answered.ok()) return answered;
  char reason[kMaxReason];
  const ssize_t size = read(answer_here_.get(), reason, sizeof(reason));
  if (size < 0) return ErrnoStatus(errno, "hear from the companion process");
  if (size == 1 && reason[0] == '\0') return absl::OkStatus();
  return absl::FailedPreconditionError(absl::string_view(reason, static_cast<size_t>(size)));
}

absl::StatusOr<UniqueFd> HandOver::Take(int launcher, const std::vector<int>& keep) {
  absl::Status loaded = Await(loaded_.get(), launcher, "launcher");
  if (!loaded.ok()) return loaded;
  eventfd_t value = 0;
  if (eventfd_read(loaded_.get(), &value) != 0) return ErrnoStatus(errno, "take over");
  if (unshare(CLONE_FILES) != 0) return ErrnoStatus(errno, "make the descriptor table private");
  UniqueFd notify(static_cast<int>(value - 1));
  std::vector<int> needed = {notify.get(), loaded_.get(), answer_.get(), answer_here_.get()};
  needed.insert(needed.end(), keep.begin(), keep.end());
  absl::Status closed = CloseAllBut(std::move(needed));
  if (closed.ok()) closed = OccupyStandardNumbers();
  if (!closed.ok()) return closed;
  return notify;
}

void HandOver::Confirm() { Answer(absl::string_view("\0", 1)); }

void HandOver::Refuse(const std::string& why) { Answer(absl::string_view(why).substr(0, kMaxReason)); }

// There is room in the pipe for the one answer, and whoever has gone does not need it.
void HandOver::Answer(absl::string_view text) {
  [[maybe_unused]] const ssize_t size = write(answer_.get(), text.data(), text.size());
  Forget();
}

void HandOver::Forget() {
  loaded_.reset();
  answer_.reset();
  answer_here_.reset();
}

absl::StatusOr<UniqueFd> StartDetached(absl::FunctionRef<int()> body) {
  void* stack = mmap(nullptr, kStackSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) return ErrnoStatus(errno, "make a stack for the companion");
  Start start{.body = body};
  const int child = clone(&Intermediate, static_cast<char*>(stack) + kStackSize, CLONE_VM | CLONE_VFORK | CLONE_FILES,
                          &start);  // no SIGCHLD: it would stay pending, if blocked
  const int error = child < 0 ? errno : start.error;
  if (child > 0) {
    while (waitpid(child, nullptr, __WCLONE) < 0 && errno == EINTR) {
    }
  }
  munmap(stack, kStackSize);
  if (error != 0) return ErrnoStatus(error, "start the companion");
  return UniqueFd(start.pidfd);
}

absl::Status BecomeCompanion(Standing standing) {
  const bool own_session = standing == Standing::kOwnSession;
  if (own_session && setsid() < 0) return ErrnoStatus(errno, "start a session");
  if (!own_session && setpgid(0, 0) != 0) return ErrnoStatus(errno, "start a process group");
  if (chdir("/") != 0) return ErrnoStatus(errno, "go to /");
  for (const int signal_number : {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGXFSZ}) {
    signal(signal_number, SIG_IGN);
  }
  // Whoever started forcebind may have ignored it: then nothing is left to wait for (sys/stand_in.h).
  signal(SIGCHLD, SIG_DFL);
  sigset_t children;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  sigprocmask(SIG_SETMASK, &children, nullptr);
  prctl(PR_SET_NAME, "forcebind");
  if (prctl(PR_SET_DUMPABLE, 0) != 0) return ErrnoStatus(errno, "become undumpable");
  Capabilities own;
  if (const int failed = GetCapabilities(&own)) return ErrnoStatus(failed, "read capabilities");
  if (const int failed = SetEffectiveCapabilities(own.effective & ~(uint64_t{1} << CAP_NET_BIND_SERVICE))) {
    return ErrnoStatus(failed, "lay down CAP_NET_BIND_SERVICE");
  }
  return absl::OkStatus();
}

}  // namespace forcebind
