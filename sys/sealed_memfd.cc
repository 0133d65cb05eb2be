// SPDX-License-Identifier: Apache-2.0
#include "sys/sealed_memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "sys/errno_status.h"

namespace forcebind {
namespace {

constexpr int kReadable = F_SEAL_SHRINK | F_SEAL_WRITE;

int WriteAll(int fd, const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t size = write(fd, text.data() + done, text.size() - done);
    if (size < 0 && errno != EINTR) return errno;
    if (size > 0) done += static_cast<size_t>(size);
  }
  return 0;
}

}  // namespace

absl::StatusOr<UniqueFd> SealedMemfd(const std::string& name, const std::string& text) {
  UniqueFd fd(memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd.valid()) return ErrnoStatus(errno, absl::StrCat("make memfd ", name));
  if (const int error = WriteAll(fd.get(), text); error != 0)
    return ErrnoStatus(error, absl::StrCat("write memfd ", name));
  if (fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_GROW | kReadable) != 0) {
    return ErrnoStatus(errno, absl::StrCat("seal memfd ", name));
  }
  if (lseek(fd.get(), 0, SEEK_SET) != 0) return ErrnoStatus(errno, absl::StrCat("rewind memfd ", name));
  return fd;
}

absl::StatusOr<std::string> ReadSealedMemfd(int fd, size_t max_size) {
  const int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & kReadable) != kReadable)
    return absl::InvalidArgumentError("the descriptor is not a sealed memfd");
  struct stat info;
  if (fstat(fd, &info) != 0) return ErrnoStatus(errno, "look at a memfd");
  if (static_cast<uint64_t>(info.st_size) > max_size) {
    return absl::InvalidArgumentError(absl::StrCat("the memfd holds ", info.st_size, " bytes, over ", max_size));
  }
  std::string text(static_cast<size_t>(info.st_size), '\0');
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t size = pread(fd, text.data() + done, text.size() - done, static_cast<off_t>(done));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return ErrnoStatus(size < 0 ? errno : EIO, "read a memfd");
    done += static_cast<size_t>(size);
  }
  return text;
}

}  // namespace forcebind
