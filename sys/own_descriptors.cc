// SPDX-License-Identifier: Apache-2.0
#include "sys/own_descriptors.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <memory>

#include "absl/strings/numbers.h"
#include "sys/errno_status.h"

namespace forcebind {

absl::StatusOr<std::vector<OwnDescriptor>> ListOwnDescriptors() {
  std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir("/proc/self/fd"), closedir);
  if (directory == nullptr) return ErrnoStatus(errno, "list descriptors in /proc/self/fd");
  std::vector<OwnDescriptor> all;
  for (errno = 0; const dirent* entry = readdir(directory.get()); errno = 0) {
    OwnDescriptor own;
    if (!absl::SimpleAtoi(entry->d_name, &own.fd) || own.fd == dirfd(directory.get())) continue;
    char target[PATH_MAX];
    const ssize_t size = readlinkat(dirfd(directory.get()), entry->d_name, target, sizeof(target));
    if (size < 0) return ErrnoStatus(errno, "read a link in /proc/self/fd");
    own.link.assign(target, static_cast<size_t>(size));
    own.close_on_exec = (fcntl(own.fd, F_GETFD) & FD_CLOEXEC) != 0;
    all.push_back(own);
  }
  if (errno != 0) return ErrnoStatus(errno, "list descriptors in /proc/self/fd");
  return all;
}

}  // namespace forcebind
