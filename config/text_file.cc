// SPDX-License-Identifier: Apache-2.0
#include "config/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "sys/errno_status.h"
#include "sys/unique_fd.h"

namespace forcebind {

absl::StatusOr<std::string> ReadTextFile(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd.valid()) return ErrnoStatus(errno, absl::StrCat("open ", path));
  std::string text;
  char buffer[16 * 1024];
  while (text.size() <= kMaxTextFileSize) {
    const ssize_t got = read(fd.get(), buffer, sizeof(buffer));
    if (got == 0) return text;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, absl::StrCat("read ", path));
    text.append(buffer, static_cast<size_t>(got));
  }
  return absl::InvalidArgumentError(absl::StrCat(path, ": longer than ", kMaxTextFileSize, " bytes"));
}

}  // namespace forcebind
