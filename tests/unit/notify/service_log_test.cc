// SPDX-License-Identifier: Apache-2.0
// Lines to the "target's" standard error; the target is this process, whose descriptor 2 is a pipe for the time.
// syslog(3) is this file's own, so that a line that goes there is seen.
#include "notify/service_log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>
#include <unistd.h>

#include <vector>

namespace {
struct SyslogLine {
  int priority;
  std::string text;
};
std::vector<SyslogLine> syslog_lines;

void Record(int priority, const char* format, va_list arguments) {
  char text[200];
  vsnprintf(text, sizeof(text), format, arguments);
  syslog_lines.push_back({priority, text});
}
}  // namespace

extern "C" {
void syslog(int priority, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  Record(priority, format, arguments);
  va_end(arguments);
}
// What <syslog.h> makes of it with _FORTIFY_SOURCE.
void __syslog_chk(int priority, int, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  Record(priority, format, arguments);
  va_end(arguments);
}
}

namespace forcebind {
namespace {

// A pipe in the place of standard error.
class ServiceLogTest : public ::testing::Test {
 protected:
  ServiceLogTest() : own_stderr_(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10)) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) abort();
    reading_.reset(ends[0]);
    writing_.reset(ends[1]);
    syslog_lines.clear();
  }
  ~ServiceLogTest() override { dup2(own_stderr_.get(), STDERR_FILENO); }

  void UsePipeAsStderr() { ASSERT_EQ(dup2(writing_.get(), STDERR_FILENO), STDERR_FILENO); }
  std::string Read() {
    char text[200];
    const ssize_t size = read(reading_.get(), text, sizeof(text));
    return size > 0 ? std::string(text, static_cast<size_t>(size)) : "";
  }

  UniqueFd own_stderr_, reading_, writing_;
};

TEST_F(ServiceLogTest, GoesToTheTargetsStandardError) {
  UsePipeAsStderr();
  ServiceLog log("web", LogLevel::kInfo, STDERR_FILENO);
  log.Write(LogLevel::kWarning, getpid(), "a line");
  EXPECT_EQ(Read(), "forcebind: web: a line\n");
  EXPECT_TRUE(syslog_lines.empty());
}

TEST_F(ServiceLogTest, DropsWhatIsAboveItsLevel) {
  UsePipeAsStderr();
  ServiceLog log("web", LogLevel::kError, STDERR_FILENO);
  log.Write(LogLevel::kWarning, getpid(), "a line");
  EXPECT_EQ(Read(), "");
  EXPECT_TRUE(syslog_lines.empty());
}

TEST_F(ServiceLogTest, LeavesAFileAloneThatIsNotTheOneAtTheStart) {
  ServiceLog log("web", LogLevel::kWarning, STDERR_FILENO);
  UsePipeAsStderr();
  log.Write(LogLevel::kWarning, getpid(), "a line");
  EXPECT_EQ(Read(), "");
  ASSERT_EQ(syslog_lines.size(), 1u);
  EXPECT_EQ(syslog_lines[0].priority, LOG_DAEMON | LOG_WARNING);
  EXPECT_EQ(syslog_lines[0].text, "forcebind[web]: a line");
}

TEST_F(ServiceLogTest, DoesNotWaitForAReaderWhoSleeps) {
  UsePipeAsStderr();
  ASSERT_EQ(fcntl(writing_.get(), F_SETFL, 0), 0);  // a write to it would block
  const std::vector<char> full(static_cast<size_t>(fcntl(writing_.get(), F_GETPIPE_SZ)), 'x');
  ASSERT_EQ(write(writing_.get(), full.data(), full.size()), static_cast<ssize_t>(full.size()));
  ServiceLog log("web", LogLevel::kInfo, STDERR_FILENO);
  log.Write(LogLevel::kError, getpid(), "a line");
  ASSERT_EQ(syslog_lines.size(), 1u);
  EXPECT_EQ(syslog_lines[0].priority, LOG_DAEMON | LOG_ERR);
}

TEST_F(ServiceLogTest, GoesToSyslogWithoutATarget) {
  UsePipeAsStderr();
  ServiceLog log("web", LogLevel::kInfo, STDERR_FILENO);
  log.Write(LogLevel::kInfo, 0, "100%s");
  EXPECT_EQ(Read(), "");
  ASSERT_EQ(syslog_lines.size(), 1u);
  EXPECT_EQ(syslog_lines[0].priority, LOG_DAEMON | LOG_INFO);
  EXPECT_EQ(syslog_lines[0].text, "forcebind[web]: 100%s");
}

}  // namespace
}  // namespace forcebind
