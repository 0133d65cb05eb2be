// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <variant>

#include "tests/unit/launcher/command_runner.h"

namespace forcebind {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kStatus[] = R"({"backend": "hook-b", "services": [
  {"name": "web", "pid": 4711, "private": ["127.84.3.1"], "listeners": [{"protocol": "tcp", "requested": "0.0.0.0:80",
   "private": "127.84.3.1:80", "public": ["0.0.0.0:80"], "published": true, "connections": 3}]},
  {"name": "other\u001b[2J", "pid": 1, "private": [], "listeners": []}]})";

TEST(StatusCommand, AsksTheSupervisorAndPrintsATable) {
  auto supervisor = PlayedSupervisor::WithDocument(kStatus);
  const CommandResult result = RunForcebind({"status", "--supervisor", supervisor->path()});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.out, StartsWith("2 services, backend hook-b\n"));
  EXPECT_THAT(result.out, HasSubstr("0.0.0.0:80  127.84.3.1:80  0.0.0.0:80"));
  EXPECT_THAT(result.out, HasSubstr("other\\x1b[2J"));
  EXPECT_TRUE(std::holds_alternative<wire::StatusRequest>(supervisor->question()));
}

TEST(StatusCommand, FindsTheSupervisorByTheEnvironment) {
  auto supervisor = PlayedSupervisor::WithDocument(kStatus);
  const CommandResult result = RunForcebind({"status", "web"}, {"FORCEBIND_SUPERVISOR=" + supervisor->path()});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.out, StartsWith("1 service, backend hook-b\n"));
}

TEST(StatusCommand, PrintsJsonOfOneService) {
  auto supervisor = PlayedSupervisor::WithDocument(kStatus);
  const CommandResult result = RunForcebind({"status", "--json", "--supervisor", supervisor->path(), "web"});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.out, StartsWith("{\n \"name\": \"web\","));
}

TEST(StatusCommand, AnUnknownNameIsOneLineAndStatusOne) {
  for (const char* option : {"--json", "--"}) {
    auto supervisor = PlayedSupervisor::WithDocument(kStatus);
    const CommandResult result = RunForcebind({"status", "--supervisor", supervisor->path(), option, "nobody"});
    EXPECT_EQ(result.exit_status, 1);
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(result.err, "forcebind: status: no service \"nobody\" is running\n");
  }
}

TEST(StatusCommand, WithoutASupervisorItSaysSoInOneLine) {
  const TemporaryDirectory directory;
  const CommandResult result = RunForcebind({"status", "--supervisor", directory.path() + "/none.sock"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err, "forcebind: status: no supervisor answers: connect to " + directory.path() +
                            "/none.sock: ENOENT (No such file or directory); is forcebind-supervisor running?\n");
}

TEST(StatusCommand, NobodyToAskIsAUsageError) {
  EXPECT_EQ(RunForcebind({"status", "--supervisor", "none"}).exit_status, 125);
  EXPECT_EQ(RunForcebind({"status", "one", "two"}).exit_status, 125);
  EXPECT_EQ(RunForcebind({"status", "--nonsense"}).exit_status, 125);
}

TEST(StatusCommand, ARefusalIsPrintedWithItsReason) {
  auto supervisor = PlayedSupervisor::WithPacket(wire::Encode(wire::Result{.error = EPERM, .text = "not\x1b you"}));
  const CommandResult result = RunForcebind({"status", "--supervisor", supervisor->path()});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_EQ(result.err, "forcebind: status: the supervisor refuses: not\\x1b you (EPERM)\n");
}

TEST(StatusCommand, ASupervisorOfAnotherVersionIsNamedAsSuch) {
  std::vector<uint8_t> packet = wire::Encode(wire::Document{});
  packet[4] ^= 0x40;  // the version
  auto supervisor = PlayedSupervisor::WithPacket(packet);
  const CommandResult result = RunForcebind({"status", "--supervisor", supervisor->path()});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, HasSubstr("version"));
}

TEST(StatusCommand, AnAnswerThatIsNoStatusIsAnError) {
  auto supervisor = PlayedSupervisor::WithDocument("what?\x1b");
  const CommandResult result = RunForcebind({"status", "--supervisor", supervisor->path()});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_EQ(result.err, "forcebind: status: the answer is not a JSON object\n");
}

}  // namespace
}  // namespace forcebind
