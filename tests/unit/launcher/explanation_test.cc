// SPDX-License-Identifier: Apache-2.0
#include "launcher/explanation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace forcebind {
namespace {

using ::testing::HasSubstr;

TEST(ParseExplainQuestion, TakesBothProtocolsAndFamilies) {
  const auto tcp = ParseExplainQuestion("tcp", "192.0.2.7:80");
  ASSERT_TRUE(tcp.ok()) << tcp.status();
  EXPECT_EQ(tcp->protocol, Protocol::kTcp);
  EXPECT_EQ(tcp->endpoint.ToString(), "192.0.2.7:80");
  const auto udp = ParseExplainQuestion("udp", "[2001:db8::1]:443");
  ASSERT_TRUE(udp.ok()) << udp.status();
  EXPECT_EQ(udp->protocol, Protocol::kUdp);
  EXPECT_EQ(udp->endpoint.ToString(), "[2001:db8::1]:443");
}

TEST(ParseExplainQuestion, SaysWhatWouldBeRight) {
  EXPECT_THAT(std::string(ParseExplainQuestion("sctp", "192.0.2.7:80").status().message()),
              HasSubstr("PROTO must be tcp or udp"));
  for (const char* wrong :
       {"", "80", "192.0.2.7", "192.0.2.7:", "2001:db8::1:80", "[::1]", "example:80", "1.2.3.4:99999"}) {
    EXPECT_THAT(std::string(ParseExplainQuestion("tcp", wrong).status().message()), HasSubstr("192.0.2.7:80")) << wrong;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(ParseExplainQuestion("tcp", "192.0.2.7:0").status()));
}

TEST(FormatExplanation, ShowsTheStagesTheWinnerAndWhy) {
  const auto text = FormatExplanation(R"({"stages": [{"stage": "A", "what": "none", "result": "goes on"},
      {"stage": "B", "what": "a route", "result": "given"}, {"stage": "C", "what": "nobody", "result": "not reached"}],
      "winner": {"stage": "B", "service": "web", "command": "nginx", "pid": 4711, "socket": "127.84.3.1:80",
      "refused": false}, "text": "it goes there"})");
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text,
            "  A  none -> goes on\n"
            "> B  a route -> given\n"
            "  C  nobody -> not reached\n"
            "\n"
            "winner: nginx (process 4711), service \"web\", socket on 127.84.3.1:80\n"
            "it goes there\n");
}

TEST(FormatExplanation, SaysSoWhereNobodyWins) {
  EXPECT_EQ(*FormatExplanation(R"({"stages": [], "winner": null, "text": "not here"})"), "winner: nobody\nnot here\n");
  EXPECT_THAT(*FormatExplanation(R"({"winner": {"stage": "B", "refused": true}, "text": "gone"})"),
              HasSubstr("winner: nobody: the packet is dropped\n"));
}

TEST(FormatExplanation, AWinnerThatCannotBeLookedIntoIsStillNamed) {
  EXPECT_THAT(*FormatExplanation(R"({"winner": {"stage": "E", "socket": "0.0.0.0:80"}, "text": "x"})"),
              HasSubstr("winner: a process that cannot be looked into, socket on 0.0.0.0:80\n"));
}

TEST(FormatExplanation, HostileTextsAreEscaped) {
  const auto text = FormatExplanation(
      R"({"stages": [{"stage": "A\n", "what": "\u001b[2J", "result": "\u009b"}],
          "winner": {"stage": "A\n", "command": "sh\r\u0007", "service": "\n", "socket": "\u007f"}, "text": "a\nb"})");
  ASSERT_TRUE(text.ok());
  for (const char byte : *text) EXPECT_TRUE(byte == '\n' || (byte >= ' ' && byte < 127)) << static_cast<int>(byte);
  EXPECT_THAT(*text, HasSubstr("winner: sh\\x0d\\x07, service \"\\x0a\", socket on \\x7f\na\\x0ab\n"));
}

TEST(FormatExplanation, WhatIsNoExplanationIsAnError) {
  for (const char* text : {"", "[]", "{}", R"({"text": 3})"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(FormatExplanation(text).status())) << text;
  }
}

}  // namespace
}  // namespace forcebind
