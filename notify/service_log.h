// SPDX-License-Identifier: Apache-2.0
// service_log: where the companion says what an operator should know.
//
// THEORY OF OPERATION
//   The companion must not hold the service's standard error open: a pipeline would wait for it after a daemon has let
//   go of its own. So a line goes to the *target's* descriptor 2, borrowed for that one line, and only while it is
//   still the file that the service was started with; otherwise to syslog(3).
#ifndef FORCEBIND_NOTIFY_SERVICE_LOG_H_
#define FORCEBIND_NOTIFY_SERVICE_LOG_H_

#include <sys/types.h>

#include <string>

#include "sys/target.h"

namespace forcebind {

enum class LogLevel { kError, kWarning, kInfo };

class ServiceLog {
 public:
  // Remembers which file `stderr_fd` is (-1: none, everything goes to syslog). Lines above `level` are dropped.
  ServiceLog(std::string name, LogLevel level, int stderr_fd);

  bool Wants(LogLevel level) const { return level <= level_; }
  // `tid`: the thread that the line is about, 0 for none.
  void Write(LogLevel level, pid_t tid, const std::string& text);

 private:
  bool WriteToTarget(pid_t tid, const std::string& line);

  std::string name_;
  LogLevel level_;
  bool have_stderr_ = false;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  DescriptorSource descriptors_;
};

}  // namespace forcebind

#endif  // FORCEBIND_NOTIFY_SERVICE_LOG_H_
