// SPDX-License-Identifier: Apache-2.0
// target: what may be taken from a thread that is stopped in a call: its copy of a descriptor, its memory, who it is.
//
// TRUST    All of it is hostile, and may change while it is read. Whoever reads must ask
//          NotifyDevice::IsAlive() afterwards (the thread id may have been given to somebody else) and act only on
//          what was read.
// RIGHTS   ptrace(2), PTRACE_MODE_ATTACH_REALCREDS: the same user and a dumpable target, or CAP_SYS_PTRACE; Yama.
// Errors are errno values; ESRCH = the thread is gone.
#ifndef FORCEBIND_SYS_TARGET_H_
#define FORCEBIND_SYS_TARGET_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "sys/unique_fd.h"

namespace forcebind {

// Duplicates descriptors out of threads. Keeps the last thread's pidfd, since one thread often makes several calls.
class DescriptorSource {
 public:
  // Descriptor `fd` of thread `tid`, close-on-exec. EBADF: it has none. EPERM: not allowed to look.
  // ENOTSUP: the thread has its own descriptor table, and this kernel (before 6.9) cannot reach it.
  int Fetch(pid_t tid, int fd, UniqueFd* out);

 private:
  int Open(pid_t tid);
  int Take(pid_t tid, int fd, UniqueFd* out);

  pid_t tid_ = 0;
  bool whole_process_ = false;  // pidfd_ is the thread group's, not the thread's
  UniqueFd pidfd_;
};

// Exactly `size` bytes from `address`. EFAULT: not all of it is readable there.
int ReadTargetMemory(pid_t tid, uint64_t address, void* buffer, size_t size);

// Writes exactly `size` bytes to `address`. EFAULT: not all of it is mapped. What the
// target has protected is written as if by itself through /proc/self/mem (proc_pid_mem(5)). `is_alive` is asked when
// the memory is open, so that what is written to is not somebody else's who has got the number; if it says no, the
// answer is ESRCH.
int WriteTargetMemory(pid_t tid, uint64_t address, const void* buffer, size_t size, absl::FunctionRef<bool()> is_alive);

// Who a thread is, as far as a call made for it must be made as it.
struct TaskIdentity {
  pid_t tgid = 0;
  pid_t tgid_inside = 0;  // in the innermost pid namespace
  uid_t ruid = 0, euid = 0, suid = 0, fsuid = 0;
  gid_t rgid = 0, egid = 0, sgid = 0, fsgid = 0;
  std::vector<gid_t> groups;
  uint64_t effective_caps = 0;  // none if the thread is in another user namespace than this process
  mode_t umask = 0;
};

// From /proc/TID/status.
int ReadTaskIdentity(pid_t tid, TaskIdentity* identity);
// The parser of the above; false if a field is missing or not a number.
bool ParseTaskStatus(const std::string& status, TaskIdentity* identity);
// Is the task this user's in every respect? Whoever it is, it is root's.
bool IsOf(const TaskIdentity& task, uid_t uid);

// Is /proc/TID/ns/NAME this process's own namespace? False if that cannot be known.
bool InOwnNamespace(pid_t tid, const char* name);
// The same; an errno value if it cannot be known.
int CompareNamespace(pid_t tid, const char* name, bool* same);

}  // namespace forcebind

#endif  // FORCEBIND_SYS_TARGET_H_
