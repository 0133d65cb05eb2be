// SPDX-License-Identifier: Apache-2.0
#include "launcher/status_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_split.h"

namespace forcebind {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

StatusListener Published() {
  return {.protocol = "tcp",
          .requested = "0.0.0.0:80",
          .bound = "127.84.3.1:80",
          .public_places = {"0.0.0.0:80"},
          .published = true,
          .connections = 12};
}

StatusDocument With(const StatusListener& listener) {
  return {.backend = "hook-b", .services = {{.name = "nginx", .pid = 4711, .listeners = {listener}}}};
}

TEST(FormatStatus, ShowsOneRowPerListener) {
  EXPECT_EQ(FormatStatus(With(Published()), 80),
            "1 service, backend hook-b\n"
            "\n"
            "SERVICE   PID  PROTO  REQUESTED   PRIVATE        PUBLIC      CONNECTIONS\n"
            "nginx    4711  tcp    0.0.0.0:80  127.84.3.1:80  0.0.0.0:80           12\n");
}

TEST(FormatStatus, WhatIsNotPublishedHasNoPublicAddressAndNoCount) {
  StatusListener listener = Published();
  listener.published = false;
  listener.public_places = {};
  EXPECT_THAT(FormatStatus(With(listener), 80), HasSubstr("127.84.3.1:80  -                 -\n"));
}

TEST(FormatStatus, StageFIsNamed) {
  StatusListener listener = Published();
  EXPECT_THAT(FormatStatus(With(listener), 80), Not(HasSubstr("stage")));
  listener.stage = "F";
  EXPECT_THAT(FormatStatus(With(listener), 80), HasSubstr("(stage F)"));
}

TEST(FormatStatus, AClientsSocketOnTheWildcardIsShownAsEgress) {
  const StatusListener listener{.protocol = "udp", .requested = "0.0.0.0:0", .bound = "0.0.0.0:40123", .egress = true};
  EXPECT_THAT(FormatStatus(With(listener), 80), HasSubstr("0.0.0.0:40123  (egress)"));
}

TEST(FormatStatus, ADualStackListenerShowsBothPrivateAddresses) {
  StatusListener listener = Published();
  listener.bound = "[::ffff:127.84.3.1]:80";
  listener.reachable = {"127.84.3.1:80", "[fd5e:1f2a:90c1::3:1]:80"};
  const std::string text = FormatStatus(With(listener), 120);
  EXPECT_THAT(text, HasSubstr("127.84.3.1:80"));
  EXPECT_THAT(text, HasSubstr("[fd5e:1f2a:90c1::3:1]:80"));
  EXPECT_THAT(text, Not(HasSubstr("ffff")));
}

TEST(FormatStatus, AServiceWithoutListenersIsThereWithItsAddresses) {
  const StatusDocument status{.backend = "hook-b",
                              .services = {{.name = "idle", .pid = 1, .addresses = {"127.84.3.9"}}}};
  EXPECT_THAT(FormatStatus(status, 80), HasSubstr("idle       1  -      -          127.84.3.9  -                 -\n"));
}

TEST(FormatStatus, SaysWhenThereIsNothing) {
  EXPECT_EQ(FormatStatus({.backend = "hook-b"}, 80), "no services, backend hook-b\n");
  EXPECT_EQ(FormatStatus({}, 80), "no services, backend unknown\n");
}

TEST(FormatStatus, SaysWhichCompanionHasNotComeBack) {
  StatusDocument status = With(Published());
  status.services[0].attached = false;
  EXPECT_THAT(FormatStatus(status, 80), HasSubstr("\nnginx: its companion has not come back"));
}

TEST(FormatStatus, SaysWhetherAConnectListIsEnforced) {
  StatusDocument status = With(Published());
  status.services[0].connect = "open";
  EXPECT_THAT(FormatStatus(status, 80), Not(HasSubstr("connect")));
  status.services[0].connect = "enforced";
  EXPECT_THAT(FormatStatus(status, 80), HasSubstr("\nnginx: its connect list is enforced by the cgroup wall\n"));
  status.services[0].connect = "not enforced";
  EXPECT_THAT(FormatStatus(status, 80), HasSubstr("\nnginx: its connect list is not enforced, since"));
}

TEST(FormatStatus, LongAddressesFitEightyColumns) {
  StatusListener listener = Published();
  listener.requested = "[2001:db8:1234:5678:9abc:def0:1234:5678]:65535";
  listener.bound = "[fd5e:1f2a:90c1:1111:2222:3333:4444:5555]:65535";
  listener.public_places = {"[2001:db8:1234:5678::/64]:65535", "192.0.2.0/24:65535"};
  StatusDocument status = With(listener);
  status.services[0].name = std::string(63, 'n');
  status.services[0].pid = 4194304;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(FormatStatus(status, 80), '\n'))) {
    EXPECT_LE(line.size(), 80u) << line;
  }
}

TEST(FormatStatus, HostileTextsAreEscapedEverywhere) {
  const std::string evil = "\x1b[2J\n\xc2\x9b";
  StatusDocument status{.backend = evil,
                        .services = {{.name = evil,
                                      .attached = false,
                                      .addresses = {evil},
                                      .listeners = {{.protocol = evil,
                                                     .requested = evil,
                                                     .bound = evil,
                                                     .reachable = {evil},
                                                     .public_places = {evil},
                                                     .published = true}}},
                                     {.name = evil, .addresses = {evil}}}};
  for (const char byte : FormatStatus(status, 80)) {
    EXPECT_TRUE(byte == '\n' || (byte >= ' ' && byte < 127)) << static_cast<int>(byte);
  }
  EXPECT_THAT(FormatStatus(status, 200), Not(HasSubstr("\n\xc2")));
}

}  // namespace
}  // namespace forcebind
