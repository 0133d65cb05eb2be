// SPDX-License-Identifier: Apache-2.0
// The end of supervisors and companions, and what is there afterwards.
#include <errno.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "sys/small_file.h"
#include "sys/unix_channel.h"
#include "tests/netns/supervisor_fixture.h"

namespace forcebind {
namespace {

using ::testing::HasSubstr;

class SupervisorRestartTest : public SupervisorTest {};

TEST_F(SupervisorRestartTest, KillAndRestartLoseNothing) {
  TestClient web = Connect();
  const UniqueFd listener = Publish(&web, "web", AF_INET6);
  const Json before = Status()["services"];
  ASSERT_EQ(supervisor_->Stop(SIGKILL), -SIGKILL);
  EXPECT_EQ(FromClient("192.0.2.7:80"), 0);
  EXPECT_TRUE(HasWaiting(listener.get()));
  ASSERT_EQ(supervisor_->Start(), absl::OkStatus());
  const Json after = Status()["services"];
  ASSERT_EQ(after.size(), 1u);
  EXPECT_EQ(after[0]["private"], before[0]["private"]);
  EXPECT_EQ(after[0]["listeners"][0]["public"], before[0]["listeners"][0]["public"]);
  EXPECT_EQ(after[0]["listeners"][0]["requested"], before[0]["listeners"][0]["requested"]);
  EXPECT_EQ(after[0]["attached"], false);
  EXPECT_EQ(FromClient("[2001:db8::7]:80"), 0);
  EXPECT_TRUE(HasWaiting(listener.get()));
  TestClient back = Connect();
  wire::Hello hello = HelloOf("web", {80});
  hello.resumed = true;
  ASSERT_TRUE(back.Hello(hello).has_value());
  EXPECT_EQ(Status()["services"][0]["attached"], true);
  EXPECT_EQ(Status()["services"][0]["listeners"].size(), before[0]["listeners"].size());
}

TEST_F(SupervisorRestartTest, ARestartAfterSigtermIsTheSame) {
  TestClient web = Connect();
  const UniqueFd listener = Publish(&web, "web");
  ASSERT_EQ(supervisor_->Stop(SIGTERM), 0);
  EXPECT_EQ(FromClient("192.0.2.7:80"), 0);
  ASSERT_EQ(supervisor_->Start(), absl::OkStatus());
  EXPECT_EQ(FromClient("192.0.2.7:80"), 0);
  EXPECT_EQ(Status()["services"].size(), 1u);
}

// A companion in a process of its own, which holds the listener as the service would. Ends when `release` is closed.
class CompanionProcess {
 public:
  CompanionProcess(const std::string& socket_path, const std::string& name) {
    int ready[2], release[2];
    if (pipe2(ready, O_CLOEXEC) != 0 || pipe2(release, O_CLOEXEC) != 0) abort();
    pid_ = fork();
    if (pid_ == 0) {
      close(release[1]);
      TestClient client(socket_path);
      const auto welcome = client.Hello(HelloOf(name, {80}));
      const UniqueFd listener = ListenOn({*welcome->addresses.v4, 80});
      char byte = client.Listener(Published(), listener.get()) == 0 ? 'y' : 'n';
      if (write(ready[1], &byte, 1) != 1) _exit(1);
      if (read(release[0], &byte, 1) != 0) _exit(2);
      _exit(0);
    }
    close(ready[1]);
    close(release[0]);
    release_.reset(release[1]);
    char byte = 'n';
    published_ = read(ready[0], &byte, 1) == 1 && byte == 'y';
    close(ready[0]);
  }
  ~CompanionProcess() { End(); }
  bool published() const { return published_; }
  void End() {
    release_.reset();
    if (pid_ > 0) waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_ = -1;
  UniqueFd release_;
  bool published_ = false;
};

TEST_F(SupervisorRestartTest, ACompanionThatEndsWhileTheSupervisorIsAwayIsForgotten) {
  CompanionProcess companion(supervisor_->socket_path(), "web");
  ASSERT_TRUE(companion.published());
  supervisor_->Stop(SIGKILL);
  companion.End();
  ASSERT_EQ(supervisor_->Start(), absl::OkStatus());
  EXPECT_EQ(Status()["services"].size(), 0u);
}

TEST_F(SupervisorRestartTest, ACompanionThatEndsWithoutComingBackIsForgotten) {
  CompanionProcess companion(supervisor_->socket_path(), "web");
  ASSERT_TRUE(companion.published());
  supervisor_->Stop(SIGKILL);
  ASSERT_EQ(supervisor_->Start(), absl::OkStatus());
  ASSERT_EQ(Status()["services"].size(), 1u);
  EXPECT_EQ(FromClient("192.0.2.7:80"), 0);
  companion.End();
  EXPECT_EQ(Status()["services"].size(), 0u);
}

TEST_F(SupervisorRestartTest, ASecondSupervisorRefuses) {
  const auto second = supervisor_->RunToEnd({});
  EXPECT_EQ(second.exit_status, 1);
  EXPECT_THAT(second.stderr_text, HasSubstr("another forcebind-supervisor"));
  EXPECT_TRUE(Status().is_object());
}

TEST_F(SupervisorRestartTest, UnloadRefusesWhileASupervisorRuns) {
  EXPECT_EQ(supervisor_->RunToEnd({"--unload"}).exit_status, 1);
  EXPECT_TRUE(Status().is_object());
}

TEST_F(SupervisorRestartTest, UnloadLeavesNothing) {
  TestClient web = Connect();
  const UniqueFd listener = Publish(&web, "web");
  ASSERT_EQ(supervisor_->Stop(SIGTERM), 0);
  ASSERT_EQ(FromClient("192.0.2.7:80"), 0);
  ASSERT_EQ(ConnectTo("[fd77:1f2a:90c1::9]:80"), ECONNREFUSED);
  EXPECT_EQ(supervisor_->RunToEnd({"--unload"}).exit_status, 0);
  EXPECT_EQ(FromClient("192.0.2.7:80"), ECONNREFUSED);
  struct stat info;
  EXPECT_NE(stat(supervisor_->bpf_dir().c_str(), &info), 0);
  EXPECT_NE(ConnectTo("[fd77:1f2a:90c1::9]:80"), ECONNREFUSED) << "the ULA prefix is still local";
  EXPECT_EQ(supervisor_->RunToEnd({"--unload"}).exit_status, 0) << "a second time";
}

TEST_F(SupervisorRestartTest, AddressesAreRemembered) {
  TestClient web = Connect();
  wire::Hello hello = HelloOf("web");
  hello.addresses.v4 = *IpAddress::Parse("127.1.27.1");
  ASSERT_TRUE(web.Hello(hello).has_value());
  ASSERT_EQ(supervisor_->Stop(SIGTERM), 0);
  EXPECT_THAT(*ReadSmallFile(supervisor_->state_dir() + "/addresses", 1 << 20), HasSubstr("127.1.27.1"));
  ASSERT_EQ(supervisor_->Start(), absl::OkStatus());
  TestClient again = Connect();
  EXPECT_EQ(again.Hello(HelloOf("web"))->addresses.v4, *IpAddress::Parse("127.1.27.1"));
}

}  // namespace
}  // namespace forcebind
