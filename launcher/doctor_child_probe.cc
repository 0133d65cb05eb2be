// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launcher/doctor_probes.h"
#include "sys/capabilities.h"
#include "sys/newer_kernel.h"
#include "sys/unique_fd.h"

namespace forcebind {
namespace {

int ErrnoOf(long result) { return result < 0 ? errno : 0; }

long Seccomp(unsigned operation, unsigned flags, void* argument) {
  return syscall(SYS_seccomp, operation, flags, argument);
}

// A filter that allows everything, so that nothing is ever stopped.
UniqueFd LoadFilter(unsigned flags) {
  sock_filter allow = {.code = BPF_RET | BPF_K, .jt = 0, .jf = 0, .k = SECCOMP_RET_ALLOW};
  sock_fprog program = {.len = 1, .filter = &allow};
  return UniqueFd(
      static_cast<int>(Seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER | flags, &program)));
}

void TryFilter(ChildFacts* facts) {
  seccomp_notif_sizes sizes = {};
  facts->notify_sizes = ErrnoOf(Seccomp(SECCOMP_GET_NOTIF_SIZES, 0, &sizes));
  Capabilities own;
  const bool free = GetCapabilities(&own) == 0 && own.HasEffective(CAP_SYS_ADMIN);
  if (!free) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  UniqueFd listener = LoadFilter(SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
  facts->wait_killable = listener.valid() ? 0 : errno;
  if (facts->wait_killable == EINVAL) listener = LoadFilter(0);
  facts->new_listener = listener.valid() ? 0 : errno;
  facts->sync_wake_up = facts->new_listener;
  if (!listener.valid()) return;
  facts->sync_wake_up =
      ErrnoOf(ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP));
}

// `fd`, and this function's own variable, are there in the parent as well: the child is its copy, and the parent keeps
// both until the child has answered.
void LookIntoParent(pid_t parent, int fd, ChildFacts* facts) {
  UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, parent, 0)));
  if (pidfd.valid()) {
    UniqueFd copy(static_cast<int>(syscall(SYS_pidfd_getfd, pidfd.get(), fd, 0)));
    facts->pidfd_getfd = copy.valid() ? 0 : errno;
  } else {
    facts->pidfd_getfd = errno;
  }
  char byte = 0;
  iovec local = {.iov_base = &byte, .iov_len = 1}, remote = local;
  facts->read_memory = ErrnoOf(process_vm_readv(parent, &local, 1, &remote, 1, 0));
  UniqueFd thread(static_cast<int>(syscall(SYS_pidfd_open, syscall(SYS_gettid), PIDFD_THREAD)));
  facts->pidfd_thread = thread.valid() ? 0 : errno;
}

ChildFacts NoAnswer() { return {ECHILD, ECHILD, ECHILD, ECHILD, ECHILD, ECHILD, ECHILD}; }

}  // namespace

ChildFacts ProbeInChild() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return NoAnswer();
  UniqueFd reading(ends[0]), writing(ends[1]);
  const pid_t parent = getpid(), child = fork();
  if (child == 0) {
    ChildFacts facts;
    LookIntoParent(parent, reading.get(), &facts);
    TryFilter(&facts);
    _exit(write(writing.get(), &facts, sizeof(facts)) == sizeof(facts) ? 0 : 1);
  }
  writing.reset();
  ChildFacts facts;
  const bool told = child > 0 && read(reading.get(), &facts, sizeof(facts)) == sizeof(facts);
  if (child > 0) waitpid(child, nullptr, 0);
  return told ? facts : NoAnswer();
}

}  // namespace forcebind
