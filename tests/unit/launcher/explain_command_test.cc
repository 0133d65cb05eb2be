// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <variant>

#include "tests/unit/launcher/command_runner.h"

namespace forcebind {
namespace {

using ::testing::HasSubstr;

constexpr char kAnswer[] = R"({"stages": [{"stage": "E", "what": "sshd", "result": "has it"}],
  "winner": {"stage": "E", "command": "sshd", "pid": 22}, "text": "the wildcard has it"})";

TEST(ExplainCommand, AsksForTheEndpointAndPrintsTheStages) {
  auto supervisor = PlayedSupervisor::WithDocument(kAnswer);
  const CommandResult result = RunForcebind({"explain", "--supervisor", supervisor->path(), "udp", "[2001:db8::1]:53"});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_EQ(result.out, "> E  sshd -> has it\n\nwinner: sshd (process 22)\nthe wildcard has it\n");
  const wire::Message question = supervisor->question();
  ASSERT_TRUE(std::holds_alternative<wire::ExplainRequest>(question));
  EXPECT_EQ(std::get<wire::ExplainRequest>(question).protocol, Protocol::kUdp);
  EXPECT_EQ(std::get<wire::ExplainRequest>(question).endpoint.ToString(), "[2001:db8::1]:53");
}

TEST(ExplainCommand, PrintsJson) {
  auto supervisor = PlayedSupervisor::WithDocument(kAnswer);
  const CommandResult result =
      RunForcebind({"explain", "--json", "--supervisor", supervisor->path(), "tcp", "192.0.2.7:80"});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("\"text\": \"the wildcard has it\""));
}

TEST(ExplainCommand, AWrongQuestionIsAUsageErrorAndNobodyIsAsked) {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"explain"}, {"explain", "tcp"}, {"explain", "tcp", "80"}, {"explain", "sctp", "192.0.2.7:80"}}) {
    const CommandResult result = RunForcebind(words);
    EXPECT_EQ(result.exit_status, 125);
    EXPECT_EQ(result.out, "");
    EXPECT_NE(result.err, "");
  }
}

TEST(ExplainCommand, WithoutASupervisorItFails) {
  const TemporaryDirectory directory;
  const CommandResult result =
      RunForcebind({"explain", "--supervisor", directory.path() + "/none.sock", "tcp", "192.0.2.7:80"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, HasSubstr("no supervisor answers"));
}

}  // namespace
}  // namespace forcebind
