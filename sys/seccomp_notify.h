// SPDX-License-Identifier: Apache-2.0
// seccomp_notify: the kernel's user-notification device (seccomp_unotify(2)): receive a stopped call, ask whether it is
// still there, answer it. Behind an interface, so that tests can play a kernel that dies at any step.
//
// Continue() lets the kernel make the call itself, and read the service's memory a second time: another thread may have
// changed by then what was looked at, or put another file at the descriptor's number. It is for calls that no promise
// hangs on, today connect() alone (docs/adr/0012-connect-is-continued.md), and for those whose arguments are numbers in
// registers, today the native socket(); never for bind() or listen(), whatever they were found to be: there two threads
// won that race in 6 of 6 runs.
#ifndef FORCEBIND_SYS_SECCOMP_NOTIFY_H_
#define FORCEBIND_SYS_SECCOMP_NOTIFY_H_

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "sys/unique_fd.h"

namespace forcebind {

// One stopped call.
struct Notification {
  uint64_t id = 0;
  pid_t tid = 0;      // the thread, in this process's pid namespace; 0 if it cannot be seen from here
  uint32_t arch = 0;  // AUDIT_ARCH_*
  int number = 0;     // __NR_*, of that architecture
  uint64_t args[6] = {};
};

class NotifyDevice {
 public:
  virtual ~NotifyDevice() = default;
  // To poll(2): POLLIN = a call waits, POLLHUP = the last filtered task is gone.
  virtual int fd() const = 0;
  // 0, or ENOENT (the target went away meanwhile: a normal outcome), EINTR, EAGAIN.
  virtual int Receive(Notification* notification) = 0;
  // False when the target is gone, or has been interrupted: what was read of it means nothing.
  virtual bool IsAlive(uint64_t id) = 0;
  // The call returns 0 (error == 0) or -1 with errno `error`. 0, or ENOENT.
  virtual int Reply(uint64_t id, int error) = 0;
  // The kernel makes the call as if it had not been stopped. Not for bind() and listen(), see above. 0, or ENOENT.
  virtual int Continue(uint64_t id) = 0;
  // Puts a copy of `fd` into the target's descriptor table, at the number *number. An errno value: ENOENT, or EMFILE.
  virtual int AddFd(uint64_t id, int fd, bool close_on_exec, int* number) = 0;
  // The same, and the call returns that number. If it fails the call still waits for its reply.
  virtual int ReplyWithFd(uint64_t id, int fd, bool close_on_exec) = 0;
};

// As the kernel writes it. False: it wrote none.
bool ReadNotification(absl::Span<const uint8_t> request, Notification* notification);

class SeccompNotify : public NotifyDevice {
 public:
  // Asks the kernel for the sizes of its structures (they may be larger than those that this was compiled with), and
  // for synchronous wake-ups (Linux 6.6), which need no answer. `request`, borrowed, is where the kernel writes the
  // call that is received, and where it stays until the next one.
  static absl::StatusOr<std::unique_ptr<SeccompNotify>> Create(UniqueFd notify_fd, absl::Span<uint8_t> request);

  int fd() const override { return fd_.get(); }
  int Receive(Notification* notification) override;
  bool IsAlive(uint64_t id) override;
  int Reply(uint64_t id, int error) override;
  int Continue(uint64_t id) override;
  int AddFd(uint64_t id, int fd, bool close_on_exec, int* number) override;
  int ReplyWithFd(uint64_t id, int fd, bool close_on_exec) override;

 private:
  SeccompNotify(UniqueFd fd, absl::Span<uint8_t> request, size_t response_size)
      : fd_(std::move(fd)), request_(request), response_(response_size) {}

  int Send(const seccomp_notif_resp& response);

  UniqueFd fd_;
  absl::Span<uint8_t> request_;
  std::vector<uint8_t> response_;
};

// Loads a filter into this thread with a notification fd (close-on-exec), with WAIT_KILLABLE_RECV where the kernel has
// it (5.19). FAILED_PRECONDITION: another notifier is installed already (EBUSY).
absl::StatusOr<UniqueFd> LoadFilterWithListener(absl::Span<const sock_filter> program);

}  // namespace forcebind

#endif  // FORCEBIND_SYS_SECCOMP_NOTIFY_H_
