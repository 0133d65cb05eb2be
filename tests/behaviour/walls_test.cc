// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "tests/support/child_process.h"
#include "tests/support/service_host.h"

namespace forcebind {
namespace {

using ::testing::HasSubstr;
using Words = std::vector<std::string>;

Words Forced(const Words& options, const Words& command) { return Join(PrivateRun(options), command); }

// ---- landlock

// /proc/PID/mem is for who may attach to PID by ptrace(2), which nobody in a Landlock domain may to one outside.
TEST(Landlock, RootInAServiceCannotReachIntoAProcessOutside) {
  ServiceHost host;
  const Words look = {"dd", absl::StrCat("if=/proc/", getpid(), "/mem"), "of=/dev/null", "count=0"};
  EXPECT_EQ(RunChild(look).status, 0);
  EXPECT_EQ(RunChild(Forced({"--wall", "notify"}, look)).status, 0);
  EXPECT_EQ(RunChild(Forced({}, look)).status, 1);
  EXPECT_EQ(RunChild(Forced({"--require-wall", "landlock"}, look)).status, 1);
}

TEST(Landlock, AServiceBindsAsBefore) {
  ServiceHost host;
  ChildProcess child(Forced({"--require-wall", "landlock"},
                            {kProbe, "s=socket inet stream", "bind s 0.0.0.0:8080", "listen s 5", "getsockname s"}));
  EXPECT_THAT(child.ReadAll(), HasSubstr("127.84.3.1:8080"));
  EXPECT_EQ(child.Wait(), 0) << child.ErrorText();
}

TEST(Walls, AreRefusedWhereTheyCannotStand) {
  ServiceHost host;
  const auto refused = [](const Words& options) {
    const ChildResult result = RunChild(Forced(options, {"true"}));
    EXPECT_EQ(result.status, 125) << result.errors;
    return result.errors;
  };
  EXPECT_THAT(refused({"--wall", "moat"}), HasSubstr("--wall moat: unknown wall"));
  EXPECT_THAT(refused({"--wall", "landlock"}), HasSubstr("choose both"));
  EXPECT_THAT(refused({"--wall", "notify", "--require-wall", "cgroup"}), HasSubstr("not among those chosen"));
  EXPECT_THAT(refused({"--require-wall", "cgroup"}), HasSubstr("wants the wall \"cgroup\""));
}

// ---- what is inherited

enum class Name { kNone, kPublic, kPrivate };

// In the child that executes: a socket as descriptor 9, which the service would inherit.
void InheritSocket(int family, int type, Name name, bool listening) {
  const int fd = socket(family, type, 0);
  sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(8099)};
  address.sin_addr.s_addr = name == Name::kPrivate ? htonl(0x7f540301) : htonl(INADDR_ANY);
  if (name != Name::kNone && bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) _exit(99);
  if (listening && listen(fd, 5) != 0) _exit(99);
  if (dup2(fd, 9) != 9) _exit(99);
  close(fd);
}

ChildResult WithInherited(int family, int type, Name name, bool listening, const Words& options = {}) {
  return RunChild(Forced(options, {"true"}), [&] { InheritSocket(family, type, name, listening); });
}

TEST(InheritedSockets, OneThatAnswersElsewhereIsRefused) {
  ServiceHost host;
  const ChildResult listener = WithInherited(AF_INET, SOCK_STREAM, Name::kPublic, true);
  EXPECT_EQ(listener.status, 125);
  EXPECT_THAT(listener.errors, HasSubstr("would inherit descriptor 9, a socket that listens on 0.0.0.0:8099"));
  EXPECT_THAT(listener.errors, HasSubstr("inherited-sockets = \"allow\""));
  EXPECT_THAT(WithInherited(AF_INET, SOCK_STREAM, Name::kPublic, false).errors, HasSubstr("bound to 0.0.0.0:8099"));
  EXPECT_THAT(WithInherited(AF_INET, SOCK_DGRAM, Name::kPublic, false).errors, HasSubstr("bound to 0.0.0.0:8099"));
  EXPECT_THAT(WithInherited(AF_INET, SOCK_STREAM, Name::kNone, true).errors, HasSubstr("listens on 0.0.0.0:"));
  EXPECT_THAT(WithInherited(AF_PACKET, SOCK_RAW, Name::kNone, false).errors, HasSubstr("of address family 17"));
}

TEST(InheritedSockets, OneThatAnswersNowhereElseComesIn) {
  ServiceHost host;
  EXPECT_EQ(WithInherited(AF_INET, SOCK_STREAM, Name::kNone, false).status, 0);
  EXPECT_EQ(WithInherited(AF_INET6, SOCK_DGRAM, Name::kNone, false).status, 0);
  EXPECT_EQ(WithInherited(AF_UNIX, SOCK_STREAM, Name::kNone, false).status, 0);
  EXPECT_EQ(WithInherited(AF_INET, SOCK_STREAM, Name::kPrivate, true).status, 0);
}

TEST(InheritedSockets, OneThatIsClosedAtTheExecutionIsNoMatter) {
  ServiceHost host;
  const ChildResult result = RunChild(Forced({}, {"true"}), [] {
    InheritSocket(AF_INET, SOCK_STREAM, Name::kPublic, true);
    fcntl(9, F_SETFD, FD_CLOEXEC);
  });
  EXPECT_EQ(result.status, 0) << result.errors;
}

TEST(InheritedSockets, AProfileLetsThemIn) {
  ServiceHost host;
  const std::string profile = "/mnt/open/activated.toml";
  UniqueFd file(open(profile.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  const std::string text = "inherited-sockets = \"allow\"\n";
  ASSERT_EQ(write(file.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  EXPECT_EQ(WithInherited(AF_INET, SOCK_STREAM, Name::kPublic, true, {"--profile", profile}).status, 0);
}

TEST(InheritedSockets, ARingIsRefused) {
  ServiceHost host;
  const ChildResult result = RunChild(Forced({}, {"true"}), [] {
    io_uring_params parameters = {};
    const long ring = syscall(SYS_io_uring_setup, 1, &parameters);
    if (ring < 0 || fcntl(static_cast<int>(ring), F_SETFD, 0) != 0) _exit(99);
  });
  EXPECT_EQ(result.status, 125);
  EXPECT_THAT(result.errors, HasSubstr("an io_uring ring"));
}

}  // namespace
}  // namespace forcebind
