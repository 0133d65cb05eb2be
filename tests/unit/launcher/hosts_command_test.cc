// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/launcher/command_runner.h"

namespace forcebind {
namespace {

using ::testing::HasSubstr;

TEST(HostsCommand, PrintsWhatTheSupervisorHasAssigned) {
  auto supervisor =
      PlayedSupervisor::WithDocument(R"({"services": [{"name": "web", "private": ["127.84.3.1", "fd5e::1"]}]})");
  const CommandResult result = RunForcebind({"hosts", "--supervisor", supervisor->path()});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_EQ(result.out,
            "# forcebind services, as the supervisor has assigned them\n"
            "127.84.3.1 web web.forcebind\n"
            "fd5e::1 web web.forcebind\n");
}

TEST(HostsCommand, PrintsNothingThatCouldHijackAName) {
  auto supervisor = PlayedSupervisor::WithDocument(
      R"({"services": [{"name": "web", "private": ["127.84.3.1"]}, {"name": "bank", "private": ["192.0.2.1"]}]})");
  const CommandResult result = RunForcebind({"hosts", "--supervisor", supervisor->path()});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("\"192.0.2.1\", of service \"bank\", is not a private address"));
}

TEST(HostsCommand, TakesTheProfilesWhereNoSupervisorIsWanted) {
  const TemporaryDirectory directory;
  directory.Write("forcebind/profiles/web.toml", "address = [\"127.84.3.1\"]\n");
  const CommandResult result =
      RunForcebind({"hosts", "--supervisor", "none"}, {"XDG_CONFIG_HOME=" + directory.path()}, RunAs::kNobody);
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("127.84.3.1 web web.forcebind\n"));
}

TEST(HostsCommand, ABrokenProfileIsLeftOutAndComplainedOf) {
  const TemporaryDirectory directory;
  directory.Write("forcebind/profiles/web.toml", "address = [\"127.84.3.1\"]\n");
  directory.Write("forcebind/profiles/bad.toml", "?");
  const CommandResult result =
      RunForcebind({"hosts", "--supervisor", "none"}, {"XDG_CONFIG_HOME=" + directory.path()}, RunAs::kNobody);
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.out, HasSubstr("127.84.3.1 web web.forcebind\n"));
  EXPECT_THAT(result.err, HasSubstr("bad.toml:1:1: "));
}

TEST(HostsCommand, ASupervisorThatWasNamedMustAnswer) {
  const TemporaryDirectory directory;
  const CommandResult result = RunForcebind({"hosts", "--supervisor", directory.path() + "/none.sock"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_EQ(result.out, "");
}

}  // namespace
}  // namespace forcebind
