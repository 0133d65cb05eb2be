// SPDX-License-Identifier: Apache-2.0
#include "sys/small_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "sys/errno_status.h"

namespace forcebind {
namespace {

absl::Status WriteAndSync(int fd, const std::string& text, const std::string& path) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t size = write(fd, text.data() + done, text.size() - done);
    if (size < 0 && errno != EINTR) return ErrnoStatus(errno, absl::StrCat("write ", path));
    if (size > 0) done += static_cast<size_t>(size);
  }
  if (fsync(fd) != 0) return ErrnoStatus(errno, absl::StrCat("sync ", path));
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> Lock(UniqueFd fd, const std::string& path) {
  if (!fd.valid()) return ErrnoStatus(errno, absl::StrCat("open ", path));
  if (flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  if (errno == EWOULDBLOCK) return absl::AlreadyExistsError(absl::StrCat(path, " is locked by another process"));
  return ErrnoStatus(errno, absl::StrCat("lock ", path));
}

}  // namespace

absl::StatusOr<std::string> ReadSmallFile(const std::string& path, size_t max_size) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd.valid()) return ErrnoStatus(errno, absl::StrCat("open ", path));
  std::string text;
  char chunk[4096];
  while (text.size() <= max_size) {
    const ssize_t size = read(fd.get(), chunk, sizeof(chunk));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return ErrnoStatus(errno, absl::StrCat("read ", path));
    if (size == 0) return text;
    text.append(chunk, static_cast<size_t>(size));
  }
  return absl::InvalidArgumentError(absl::StrCat(path, " is longer than ", max_size, " bytes"));
}

absl::Status ReplaceFile(const std::string& path, const std::string& text, mode_t mode) {
  std::string temporary = absl::StrCat(path, ".XXXXXX");
  UniqueFd fd(mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, absl::StrCat("make a file beside ", path));
  absl::Status status = WriteAndSync(fd.get(), text, temporary);
  if (status.ok() && fchmod(fd.get(), mode) != 0) status = ErrnoStatus(errno, absl::StrCat("chmod ", temporary));
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0)
    status = ErrnoStatus(errno, absl::StrCat("replace ", path));
  if (!status.ok()) unlink(temporary.c_str());
  return status;
}

absl::Status MakeDirectories(const std::string& path, mode_t mode) {
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (!part.empty() && mkdir(part.c_str(), mode) != 0 && errno != EEXIST) {
      return ErrnoStatus(errno, absl::StrCat("make directory ", part));
    }
    if (end == std::string::npos) return absl::OkStatus();
  }
}

absl::StatusOr<UniqueFd> LockFile(const std::string& path) {
  return Lock(UniqueFd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)), path);
}

}  // namespace forcebind
