// SPDX-License-Identifier: Apache-2.0
#include "notify/service_log.h"

#include <poll.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"

namespace forcebind {

ServiceLog::ServiceLog(std::string name, LogLevel level, int stderr_fd) : name_(std::move(name)), level_(level) {
  struct stat info;
  if (stderr_fd >= 0 && fstat(stderr_fd, &info) == 0) {
    have_stderr_ = true;
    device_ = info.st_dev;
    inode_ = info.st_ino;
  }
}

bool ServiceLog::WriteToTarget(pid_t tid, const std::string& line) {
  UniqueFd fd;
  struct stat info;
  if (!have_stderr_ || tid == 0 || descriptors_.Fetch(tid, STDERR_FILENO, &fd) != 0) return false;
  if (fstat(fd.get(), &info) != 0 || info.st_dev != device_ || info.st_ino != inode_) return false;
  // The loop must not wait for a reader that sleeps.
  pollfd writable = {.fd = fd.get(), .events = POLLOUT, .revents = 0};
  if (poll(&writable, 1, 0) != 1 || (writable.revents & POLLOUT) == 0) return false;
  return write(fd.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size());
}

void ServiceLog::Write(LogLevel level, pid_t tid, const std::string& text) {
  if (!Wants(level)) return;
  if (WriteToTarget(tid, absl::StrCat("forcebind: ", name_, ": ", text, "\n"))) return;
  constexpr int kPriorities[] = {LOG_ERR, LOG_WARNING, LOG_INFO};
  syslog(LOG_DAEMON | kPriorities[static_cast<int>(level)], "forcebind[%s]: %s", name_.c_str(), text.c_str());
}

}  // namespace forcebind
