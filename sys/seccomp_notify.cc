// SPDX-License-Identifier: Apache-2.0
#include "sys/seccomp_notify.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "sys/errno_status.h"
#include "sys/newer_kernel.h"

namespace forcebind {
namespace {

// The kernel waits for a lock that signals interrupt (kernel/seccomp.c); nothing has been done then.
int Control(int notify_fd, unsigned long request, void* argument) {
  int result;
  do {
    result = ioctl(notify_fd, request, argument);
  } while (result < 0 && errno == EINTR);
  return result;
}

int Seccomp(unsigned operation, unsigned flags, void* argument) {
  return static_cast<int>(syscall(SYS_seccomp, operation, flags, argument));
}

int AddFdWithFlags(int notify_fd, uint64_t id, int fd, bool close_on_exec, uint32_t flags) {
  seccomp_notif_addfd request = {.id = id,
                                 .flags = flags,
                                 .srcfd = static_cast<uint32_t>(fd),
                                 .newfd = 0,
                                 .newfd_flags = close_on_exec ? static_cast<uint32_t>(O_CLOEXEC) : 0};
  return Control(notify_fd, SECCOMP_IOCTL_NOTIF_ADDFD, &request);
}

}  // namespace

bool ReadNotification(absl::Span<const uint8_t> bytes, Notification* notification) {
  seccomp_notif request;
  memcpy(&request, bytes.data(), sizeof(request));
  notification->id = request.id;
  notification->tid = static_cast<pid_t>(request.pid);
  notification->arch = request.data.arch;
  notification->number = request.data.nr;
  std::copy(std::begin(request.data.args), std::end(request.data.args), notification->args);
  return request.id != 0;
}

absl::StatusOr<std::unique_ptr<SeccompNotify>> SeccompNotify::Create(UniqueFd notify_fd, absl::Span<uint8_t> request) {
  seccomp_notif_sizes sizes = {};
  if (Seccomp(SECCOMP_GET_NOTIF_SIZES, 0, &sizes) != 0)
    return ErrnoStatus(errno, "ask for seccomp's notification sizes");
  ioctl(notify_fd.get(), SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
  const size_t request_size = std::max<size_t>(sizes.seccomp_notif, sizeof(seccomp_notif));
  if (request_size > request.size()) {
    return absl::UnimplementedError(absl::StrCat("this kernel's seccomp notifications have ", request_size,
                                                 " bytes, more than forcebind has room for"));
  }
  const size_t response = std::max<size_t>(sizes.seccomp_notif_resp, sizeof(seccomp_notif_resp));
  return std::unique_ptr<SeccompNotify>(new SeccompNotify(std::move(notify_fd), request.first(request_size), response));
}

int SeccompNotify::Receive(Notification* notification) {
  // The kernel refuses a buffer that is not zero (EINVAL).
  memset(request_.data(), 0, request_.size());
  if (ioctl(fd_.get(), SECCOMP_IOCTL_NOTIF_RECV, request_.data()) != 0) return errno;
  ReadNotification(request_, notification);
  return 0;
}

bool SeccompNotify::IsAlive(uint64_t id) { return Control(fd_.get(), SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0; }

int SeccompNotify::Send(const seccomp_notif_resp& response) {
  memset(response_.data(), 0, response_.size());
  memcpy(response_.data(), &response, sizeof(response));
  return Control(fd_.get(), SECCOMP_IOCTL_NOTIF_SEND, response_.data()) == 0 ? 0 : errno;
}

int SeccompNotify::Reply(uint64_t id, int error) { return Send({.id = id, .val = 0, .error = -error, .flags = 0}); }

int SeccompNotify::Continue(uint64_t id) {
  return Send({.id = id, .val = 0, .error = 0, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE});
}

int SeccompNotify::AddFd(uint64_t id, int fd, bool close_on_exec, int* number) {
  *number = AddFdWithFlags(fd_.get(), id, fd, close_on_exec, 0);
  return *number >= 0 ? 0 : errno;
}

int SeccompNotify::ReplyWithFd(uint64_t id, int fd, bool close_on_exec) {
  return AddFdWithFlags(fd_.get(), id, fd, close_on_exec, SECCOMP_ADDFD_FLAG_SEND) >= 0 ? 0 : errno;
}

absl::StatusOr<UniqueFd> LoadFilterWithListener(absl::Span<const sock_filter> program) {
  sock_fprog filter = {.len = static_cast<unsigned short>(program.size()),
                       .filter = const_cast<sock_filter*>(program.data())};
  const unsigned flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
  int fd = Seccomp(SECCOMP_SET_MODE_FILTER, flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &filter);
  if (fd < 0 && errno == EINVAL) fd = Seccomp(SECCOMP_SET_MODE_FILTER, flags, &filter);
  if (fd >= 0) return UniqueFd(fd);
  if (errno == EBUSY) {
    return absl::FailedPreconditionError(
        "this process is watched by another seccomp notifier (a container runtime, or another forcebind), and the "
        "kernel "
        "allows one: start forcebind outside of it");
  }
  return ErrnoStatus(errno, "load the seccomp filter");
}

}  // namespace forcebind
