// SPDX-License-Identifier: Apache-2.0
// The target is this process itself, or a thread of it with a descriptor table of its own.
#include "sys/target.h"

#include <errno.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <future>
#include <thread>

namespace forcebind {
namespace {

// A number that no task can have: above the kernel's PID_MAX_LIMIT (include/linux/threads.h).
constexpr pid_t kNobody = 1 << 23;

const char kStatus[] =
    "Name:\tin the\tway: 1\nUmask:\t0027\nTgid:\t70\nNgid:\t0\nPid:\t71\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\n"
    "FDSize:\t64\nGroups:\t9 10 \nNStgid:\t70\t3\nNSpid:\t71\t4\nCapInh:\t0\nCapEff:\t00000000000004ff\n";

std::string WithoutLine(std::string text, const std::string& key) {
  const size_t start = text.find("\n" + key);
  return text.erase(start, text.find('\n', start + 1) - start);
}

TEST(ParseTaskStatus, ReadsEveryField) {
  TaskIdentity identity;
  ASSERT_TRUE(ParseTaskStatus(kStatus, &identity));
  EXPECT_EQ(identity.tgid, 70);
  EXPECT_EQ(identity.tgid_inside, 3);
  EXPECT_EQ(identity.ruid, 1u);
  EXPECT_EQ(identity.euid, 2u);
  EXPECT_EQ(identity.suid, 3u);
  EXPECT_EQ(identity.fsuid, 4u);
  EXPECT_EQ(identity.rgid, 5u);
  EXPECT_EQ(identity.egid, 6u);
  EXPECT_EQ(identity.sgid, 7u);
  EXPECT_EQ(identity.fsgid, 8u);
  EXPECT_THAT(identity.groups, testing::ElementsAre(9, 10));
  EXPECT_EQ(identity.effective_caps, 0x4ffu);
  EXPECT_EQ(identity.umask, 0027u);
}

TEST(ParseTaskStatus, GroupsMayBeEmpty) {
  TaskIdentity identity;
  ASSERT_TRUE(ParseTaskStatus(WithoutLine(kStatus, "Groups") + "Groups:\t\n", &identity));
  EXPECT_THAT(identity.groups, testing::IsEmpty());
}

TEST(ParseTaskStatus, EveryFieldMustBeThere) {
  for (const char* key : {"Umask", "Tgid", "Uid", "Gid", "Groups", "NStgid", "CapEff"}) {
    TaskIdentity identity;
    EXPECT_FALSE(ParseTaskStatus(WithoutLine(kStatus, key), &identity)) << key;
  }
}

TEST(ParseTaskStatus, WhatIsNotANumberIsRefused) {
  for (const char* line : {"Uid:\t1\t2\t3\tx\n", "Uid:\t1\t2\t3\n", "CapEff:\tzz\n", "Umask:\t0089\n", "Tgid:\t\n"}) {
    TaskIdentity identity;
    const std::string key(line, strchr(line, ':'));
    EXPECT_FALSE(ParseTaskStatus(WithoutLine(kStatus, key) + line, &identity)) << line;
  }
}

TEST(ReadTaskIdentity, OfThisProcess) {
  const mode_t own_umask = umask(0);
  umask(own_umask);
  TaskIdentity identity;
  ASSERT_EQ(ReadTaskIdentity(getpid(), &identity), 0);
  EXPECT_EQ(identity.tgid, getpid());
  EXPECT_EQ(identity.euid, geteuid());
  EXPECT_EQ(identity.egid, getegid());
  EXPECT_EQ(identity.umask, own_umask);
}

TEST(ReadTaskIdentity, NobodyThere) {
  TaskIdentity identity;
  EXPECT_EQ(ReadTaskIdentity(kNobody, &identity), ESRCH);
}

// Two pages, of which the second may be neither read nor written.
class Pages {
 public:
  Pages() : size_(static_cast<size_t>(sysconf(_SC_PAGESIZE))) {
    start_ = static_cast<char*>(mmap(nullptr, 2 * size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (start_ == MAP_FAILED || munmap(start_ + size_, size_) != 0) abort();
  }
  ~Pages() { munmap(start_, size_); }
  // `count` bytes before the end of what may be used.
  char* BeforeEnd(size_t count) { return start_ + size_ - count; }

 private:
  size_t size_;
  char* start_;
};

uint64_t Address(const void* pointer) { return reinterpret_cast<uint64_t>(pointer); }

TEST(TargetMemory, IsReadWhole) {
  Pages pages;
  memcpy(pages.BeforeEnd(4), "abcd", 4);
  char buffer[5] = {};
  EXPECT_EQ(ReadTargetMemory(getpid(), Address(pages.BeforeEnd(4)), buffer, 4), 0);
  EXPECT_STREQ(buffer, "abcd");
  EXPECT_EQ(ReadTargetMemory(getpid(), 0, buffer, 0), 0);  // nothing is asked for
}

TEST(TargetMemory, PartOfItIsNotEnough) {
  Pages pages;
  char buffer[4] = {};
  EXPECT_EQ(ReadTargetMemory(getpid(), Address(pages.BeforeEnd(2)), buffer, 4), EFAULT);
  EXPECT_EQ(WriteTargetMemory(getpid(), Address(pages.BeforeEnd(2)), buffer, 4, [] { return true; }), EFAULT);
  EXPECT_EQ(ReadTargetMemory(getpid(), 0, buffer, 4), EFAULT);
  EXPECT_EQ(ReadTargetMemory(getpid(), UINT64_MAX - 1, buffer, 4), EFAULT);
}

TEST(TargetMemory, IsWritten) {
  Pages pages;
  EXPECT_EQ(WriteTargetMemory(getpid(), Address(pages.BeforeEnd(2)), "xy", 2, [] { return true; }), 0);
  EXPECT_EQ(memcmp(pages.BeforeEnd(2), "xy", 2), 0);
}

TEST(TargetMemory, OfNobody) {
  char buffer[4] = {};
  EXPECT_EQ(ReadTargetMemory(kNobody, Address(buffer), buffer, 4), ESRCH);
  EXPECT_EQ(WriteTargetMemory(kNobody, Address(buffer), buffer, 4, [] { return true; }), ESRCH);
}

ino_t InodeOf(int fd) {
  struct stat info = {};
  fstat(fd, &info);
  return info.st_ino;
}

UniqueFd SomePipe() {
  int ends[2] = {-1, -1};
  if (pipe2(ends, O_CLOEXEC) != 0) abort();
  close(ends[1]);
  return UniqueFd(ends[0]);
}

TEST(DescriptorSource, TakesACopyThatClosesOnExec) {
  UniqueFd theirs = SomePipe(), taken;
  DescriptorSource source;
  ASSERT_EQ(source.Fetch(getpid(), theirs.get(), &taken), 0);
  EXPECT_NE(taken.get(), theirs.get());
  EXPECT_EQ(InodeOf(taken.get()), InodeOf(theirs.get()));
  EXPECT_EQ(fcntl(taken.get(), F_GETFD), FD_CLOEXEC);
}

TEST(DescriptorSource, SaysWhatIsNotThere) {
  UniqueFd taken;
  DescriptorSource source;
  EXPECT_EQ(source.Fetch(getpid(), -1, &taken), EBADF);
  EXPECT_EQ(source.Fetch(getpid(), 1 << 20, &taken), EBADF);
  EXPECT_NE(source.Fetch(kNobody, 0, &taken), 0);
  EXPECT_FALSE(taken.valid());
}

// A thread with a table of its own has another file at the number than the process it belongs to. The source asks the
// process first, and so cannot take one's pidfd for the other's.
TEST(DescriptorSource, AThreadsOwnTableCounts) {
  UniqueFd shared = SomePipe(), other = SomePipe();
  std::promise<pid_t> ready;
  std::promise<void> done;
  std::thread thread([&] {
    if (unshare(CLONE_FILES) != 0 || dup2(other.get(), shared.get()) < 0) abort();
    ready.set_value(static_cast<pid_t>(syscall(SYS_gettid)));
    done.get_future().wait();
  });
  const pid_t tid = ready.get_future().get();
  DescriptorSource source;
  UniqueFd taken;
  ASSERT_EQ(source.Fetch(getpid(), shared.get(), &taken), 0);
  EXPECT_EQ(InodeOf(taken.get()), InodeOf(shared.get()));
  const int error = source.Fetch(tid, shared.get(), &taken);
  // ENOTSUP: a kernel before 6.9, which must not give the other one.
  if (error == 0) {
    EXPECT_EQ(InodeOf(taken.get()), InodeOf(other.get()));
  } else {
    EXPECT_EQ(error, ENOTSUP);
  }
  done.set_value();
  thread.join();
}

TEST(CompareNamespace, SaysWhyItCannotBeKnown) {
  bool same = true;
  EXPECT_EQ(CompareNamespace(getpid(), "net", &same), 0);
  EXPECT_EQ(CompareNamespace(kNobody, "net", &same), ENOENT);
}

TEST(InOwnNamespace, ThisProcessIs) {
  EXPECT_TRUE(InOwnNamespace(getpid(), "net"));
  EXPECT_FALSE(InOwnNamespace(kNobody, "net"));
  EXPECT_FALSE(InOwnNamespace(getpid(), "no-such"));
}

}  // namespace
}  // namespace forcebind
