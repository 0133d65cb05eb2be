// SPDX-License-Identifier: Apache-2.0
#include "sys/pidfd.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/unique_fd.h"

namespace forcebind {
namespace {

UniqueFd OpenPidfd(pid_t pid) { return UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))); }

TEST(Pidfd, IsKnownFromEverythingElse) {
  const UniqueFd self = OpenPidfd(getpid());
  EXPECT_TRUE(IsPidfd(self.get()));
  const UniqueFd event(eventfd(0, EFD_CLOEXEC)), file(open("/proc/self/status", O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(IsPidfd(event.get()));
  EXPECT_FALSE(IsPidfd(file.get()));
  EXPECT_FALSE(IsPidfd(-1));
}

TEST(Pidfd, NamesItsProcessUntilThatHasBeenWaitedFor) {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  const UniqueFd pidfd = OpenPidfd(child);
  EXPECT_EQ(ProcessOfPidfd(pidfd.get()), child);
  EXPECT_TRUE(PidfdHasProcess(pidfd.get()));
  waitpid(child, nullptr, 0);
  EXPECT_EQ(ProcessOfPidfd(pidfd.get()), 0);
  EXPECT_FALSE(PidfdHasProcess(pidfd.get()));
}

TEST(Pidfd, ANumberThatIsNoProcessHereIsNone) {
  EXPECT_EQ(ParsePidfdInfo("pos:\t0\nflags:\t02000002\nPid:\t4711\nNSpid:\t4711\n"), 4711);
  EXPECT_EQ(ParsePidfdInfo("Pid:\t-1\n"), 0);
  EXPECT_EQ(ParsePidfdInfo("Pid:\t0\n"), 0);
  EXPECT_EQ(ParsePidfdInfo("pos:\t0\n"), 0);
}

}  // namespace
}  // namespace forcebind
