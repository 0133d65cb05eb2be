// SPDX-License-Identifier: Apache-2.0
#include "supervisor/startup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <filesystem>

#include "core/address_plan.h"
#include "supervisor/companion.h"
#include "supervisor/event_loop.h"
#include "sys/small_file.h"

namespace forcebind {
namespace {

using ::testing::HasSubstr;

class StartupTest : public ::testing::Test {
 protected:
  StartupTest() {
    char path[] = "/tmp/forcebind-startup.XXXXXX";
    directory_ = mkdtemp(path);
    config_.state_dir = directory_ + "/state";
    options_.socket_path = directory_ + "/run/supervisor.sock";
  }
  ~StartupTest() override { std::filesystem::remove_all(directory_); }

  std::string directory_;
  SupervisorConfig config_;
  SupervisorOptions options_;
};

TEST_F(StartupTest, TheUlaPrefixIsMadeUpOnce) {
  ASSERT_TRUE(TakeLocks(options_, config_).ok());
  const auto first = ChooseUlaPrefix(config_);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(first->base.IsUla());
  EXPECT_EQ(first->length, 48);
  EXPECT_EQ(*ChooseUlaPrefix(config_), *first);
  EXPECT_EQ(*ReadSmallFile(config_.state_dir + "/ula-prefix", 100), first->ToString() + "\n");
}

TEST_F(StartupTest, AConfiguredUlaPrefixIsTaken) {
  config_.ula = *Prefix::Parse("fd5e:1f2a:90c1::/48");
  EXPECT_EQ(*ChooseUlaPrefix(config_), *config_.ula);
}

TEST_F(StartupTest, ABrokenUlaPrefixIsAnError) {
  ASSERT_TRUE(TakeLocks(options_, config_).ok());
  for (const char* text : {"", "rubbish", "2001:db8::/48", "fd00::/64"}) {
    ASSERT_TRUE(ReplaceFile(config_.state_dir + "/ula-prefix", text, 0644).ok());
    EXPECT_THAT(std::string(ChooseUlaPrefix(config_).status().message()), HasSubstr("is not a /48")) << text;
  }
}

TEST_F(StartupTest, TheLocksAreTakenOnce) {
  auto first = TakeLocks(options_, config_);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_THAT(std::string(TakeLocks(options_, config_).status().message()), HasSubstr("another forcebind-supervisor"));
  SupervisorOptions elsewhere = options_;
  elsewhere.socket_path = directory_ + "/elsewhere/supervisor.sock";
  EXPECT_TRUE(absl::IsAlreadyExists(TakeLocks(elsewhere, config_).status())) << "the state directory is the same";
  first->clear();
  EXPECT_TRUE(TakeLocks(options_, config_).ok());
}

TEST_F(StartupTest, AddressesAreKept) {
  ASSERT_TRUE(TakeLocks(options_, config_).ok());
  AddressBook book(DefaultPool(), std::nullopt);
  EXPECT_TRUE(LoadAddresses(
                  config_, [](const std::string&) {}, &book)
                  .ok())
      << "no table is no error";
  PrivateAddresses assigned;
  book.Assign(
      "web", 0, {}, [](const std::string&) { return false; }, &assigned);
  ASSERT_TRUE(SaveAddresses(config_, book).ok());
  AddressBook next(DefaultPool(), std::nullopt);
  ASSERT_TRUE(LoadAddresses(
                  config_, [](const std::string&) {}, &next)
                  .ok());
  EXPECT_EQ(next.entries().at("web").addresses, assigned);
  ASSERT_TRUE(ReplaceFile(config_.state_dir + "/addresses", "rubbish", 0644).ok());
  EXPECT_THAT(std::string(LoadAddresses(
                              config_, [](const std::string&) {}, &next)
                              .message()),
              HasSubstr(config_.state_dir + "/addresses: "));
}

TEST_F(StartupTest, ABpfDirectoryOutsideABpffsIsSaid) {
  std::string logged;
  const absl::Status status = PrepareBpfDirectory(directory_ + "/bpf", [&](const std::string& line) { logged = line; });
  EXPECT_THAT(std::string(status.message()), HasSubstr("is not in a bpffs"));
  EXPECT_EQ(logged, "");
}

TEST(EventLoop, AnEventIsNotGivenToTheNextHolderOfADescriptorNumber) {
  auto loop = *EventLoop::Create();
  int fds[4];
  ASSERT_EQ(pipe(fds), 0);
  ASSERT_EQ(pipe(fds + 2), 0);
  int calls = 0, strangers = 0;
  // Both are ready at once; the first callback replaces the other's descriptor.
  const auto replace = [&](int other) {
    ++calls;
    loop->Remove(other);
    ASSERT_TRUE(loop->Add(other, EPOLLIN, [&](uint32_t) { ++strangers; }).ok());
  };
  ASSERT_TRUE(loop->Add(fds[0], EPOLLIN, [&](uint32_t) { replace(fds[2]); }).ok());
  ASSERT_TRUE(loop->Add(fds[2], EPOLLIN, [&](uint32_t) { replace(fds[0]); }).ok());
  ASSERT_EQ(write(fds[1], "x", 1) + write(fds[3], "x", 1), 2);
  ASSERT_TRUE(loop->RunOnce(5000).ok());
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(strangers, 0);
  for (int fd : fds) close(fd);
}

TEST(Companion, AProcessIsKnownByItsStartTime) {
  const ProcessId self = IdentifyProcess(getpid());
  EXPECT_NE(self.start_time, 0u);
  EXPECT_TRUE(WatchProcess(self).valid());
  EXPECT_FALSE(WatchProcess({self.pid, self.start_time + 1}).valid());
  EXPECT_FALSE(WatchProcess({self.pid, 0}).valid());
  EXPECT_EQ(IdentifyProcess(-1).start_time, 0u);
}

}  // namespace
}  // namespace forcebind
