// SPDX-License-Identifier: Apache-2.0
#include "sys/pidfd.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "sys/small_file.h"

namespace forcebind {

// A file's name begins with a slash, so none is called that.
bool IsPidfd(int fd) {
  char target[64];
  const ssize_t size = readlink(absl::StrCat("/proc/self/fd/", fd).c_str(), target, sizeof(target));
  return size > 0 && absl::string_view(target, static_cast<size_t>(size)) == "anon_inode:[pidfd]";
}

pid_t ParsePidfdInfo(const std::string& fdinfo) {
  for (const absl::string_view line : absl::StrSplit(fdinfo, '\n')) {
    pid_t pid = 0;
    if (absl::StartsWith(line, "Pid:") && absl::SimpleAtoi(line.substr(4), &pid)) return pid > 0 ? pid : 0;
  }
  return 0;
}

pid_t ProcessOfPidfd(int fd) {
  const absl::StatusOr<std::string> text = ReadSmallFile(absl::StrCat("/proc/self/fdinfo/", fd), 4096);
  return text.ok() ? ParsePidfdInfo(*text) : 0;
}

// EPERM is the answer about a process that is there.
bool PidfdHasProcess(int fd) { return syscall(SYS_pidfd_send_signal, fd, 0, nullptr, 0) == 0 || errno == EPERM; }

}  // namespace forcebind
