// SPDX-License-Identifier: Apache-2.0
#include "sys/process_list.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "sys/proc_sockets.h"
#include "sys/unique_fd.h"

namespace forcebind {
namespace {

uint32_t InodeOf(int fd) {
  struct stat info = {};
  EXPECT_EQ(fstat(fd, &info), 0);
  return static_cast<uint32_t>(info.st_ino);
}

TEST(ProcessList, ANameMayLookLikeTheRestOfTheLine) {
  const std::string rest = " 3 3 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 4711 2 3 4";
  const auto plain = ParseProcessStat("12 (a) S 7" + rest);
  ASSERT_TRUE(plain.has_value());
  EXPECT_EQ(plain->parent, 7);
  EXPECT_EQ(plain->start_time, 4711u);
  EXPECT_FALSE(plain->dead);
  const auto odd = ParseProcessStat("12 (a) R 1 2) Z 7" + rest);
  ASSERT_TRUE(odd.has_value());
  EXPECT_EQ(odd->parent, 7);
  EXPECT_TRUE(odd->dead);
  EXPECT_FALSE(ParseProcessStat("12 (a) S 7 3").has_value());
  EXPECT_FALSE(ParseProcessStat("").has_value());
}

TEST(ProcessList, HasThisProcessAndItsParent) {
  const auto processes = ListProcesses();
  ASSERT_TRUE(processes.contains(getpid()));
  EXPECT_EQ(processes.at(getpid()).parent, getppid());
  EXPECT_EQ(processes.at(getpid()).start_time, ReadProcessStat(getpid())->start_time);
}

TEST(ProcessList, AFilterIsSeenByItsMode) {
  EXPECT_TRUE(ParseHasFilter("NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n"));
  EXPECT_FALSE(ParseHasFilter("NoNewPrivs:\t1\nSeccomp:\t0\n"));
  EXPECT_FALSE(ParseHasFilter("NoNewPrivs:\t1\nSeccomp:\t1\n"));
}

TEST(ProcSockets, AProcessHoldsThoseOfItsThreadsToo) {
  const UniqueFd shared(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  UniqueFd own;
  uint32_t hidden = 0;
  std::set<uint32_t> inodes;
  int error = -1;
  std::thread([&] {
    // A table of descriptors of its own.
    ASSERT_EQ(unshare(CLONE_FILES), 0);
    own.reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    hidden = InodeOf(own.get());
    error = SocketsOfProcess(getpid(), &inodes);
    own.reset();
  }).join();
  EXPECT_EQ(error, 0);
  EXPECT_TRUE(inodes.contains(InodeOf(shared.get())));
  EXPECT_TRUE(inodes.contains(hidden));
}

TEST(ProcSockets, WhoHasEndedHoldsNothing) {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  std::set<uint32_t> inodes;
  EXPECT_EQ(SocketsOfProcess(child, &inodes), ESRCH);
  EXPECT_TRUE(inodes.empty());
}

}  // namespace
}  // namespace forcebind
