// SPDX-License-Identifier: Apache-2.0
#include "config/profile_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace forcebind {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

ServicePolicy Parsed(const std::string& text) {
  auto policy = ParseProfile(text, "web.toml", "web");
  EXPECT_TRUE(policy.ok()) << policy.status();
  return policy.ok() ? *policy : ServicePolicy();
}

std::string ErrorOf(const std::string& text) {
  const auto policy = ParseProfile(text, "web.toml", "web");
  EXPECT_EQ(policy.status().code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(policy.status().message());
}

TEST(ProfileFile, AnEmptyOneHasTheDefaultOfEveryKey) {
  const ServicePolicy policy = Parsed("");
  EXPECT_EQ(policy.name, "web");
  EXPECT_EQ(policy.addresses, PrivateAddresses());
  EXPECT_THAT(policy.publish, IsEmpty());
  EXPECT_EQ(policy.allow, std::nullopt);
  EXPECT_TRUE(policy.egress);
  EXPECT_FALSE(policy.multicast);
  EXPECT_EQ(policy.loopback, Loopback::kOwnFirst);
  EXPECT_THAT(policy.host_loopback, IsEmpty());
  EXPECT_TRUE(policy.unix_sockets);
  EXPECT_THAT(policy.families, ElementsAre(AF_INET, AF_INET6, AF_UNIX, AF_NETLINK));
}

TEST(ProfileFile, EveryKeyIsTaken) {
  const ServicePolicy policy = Parsed(R"(
name      = "nginx"
address   = ["127.84.3.1", "fd5e:1f2a:90c1::3:1"]
publish   = ["tcp/80", "udp/443", { port = "tcp/443", on = ["192.0.2.0/24", "2001:db8::/32"] }]
allow     = ["tcp/8080-8090", "udp/53"]
families  = ["inet", "vsock", "inet"]
unix      = "allow"
egress    = false
multicast = true
loopback  = "own"
host-loopback = ["tcp/5432", "udp/53-54"]
)");
  EXPECT_EQ(policy.name, "nginx");
  EXPECT_EQ(policy.addresses.v4->ToString(), "127.84.3.1");
  EXPECT_EQ(policy.addresses.v6->ToString(), "fd5e:1f2a:90c1::3:1");
  const std::vector<Prefix> on = {*Prefix::Parse("192.0.2.0/24"), *Prefix::Parse("2001:db8::/32")};
  EXPECT_THAT(policy.publish, ElementsAre(Publication{Protocol::kTcp, 80, {}}, Publication{Protocol::kUdp, 443, {}},
                                          Publication{Protocol::kTcp, 443, on}));
  EXPECT_EQ(policy.allow->size(), 2u);
  EXPECT_EQ(policy.allow->front(), (PortRange{Protocol::kTcp, 8080, 8090}));
  EXPECT_THAT(policy.families, ElementsAre(AF_INET, AF_VSOCK));
  EXPECT_FALSE(policy.egress);
  EXPECT_TRUE(policy.multicast);
  EXPECT_EQ(policy.loopback, Loopback::kOwn);
  EXPECT_THAT(policy.host_loopback,
              ElementsAre(PortRange{Protocol::kTcp, 5432, 5432}, PortRange{Protocol::kUdp, 53, 54}));
}

TEST(ProfileFile, AnEmptyConnectListIsNotAMissingOne) {
  EXPECT_FALSE(Parsed("").connect.has_value());
  EXPECT_THAT(*Parsed("connect = []").connect, IsEmpty());
  const std::vector<ConnectTarget> targets = *Parsed("connect = [\"gitea:tcp/3000\", \"postgres\"]").connect;
  ASSERT_EQ(targets.size(), 2u);
  EXPECT_EQ(targets[0].ToString(), "gitea:tcp/3000");
  EXPECT_EQ(targets[1].ToString(), "postgres");
}

TEST(ProfileFile, WhatIsReportedIsActualUnlessSaidOtherwise) {
  EXPECT_FALSE(Parsed("").report_requested);
  EXPECT_FALSE(Parsed("report = \"actual\"").report_requested);
  EXPECT_TRUE(Parsed("report = \"requested\"").report_requested);
}

TEST(ProfileFile, TheLoopbackIsTheServicesOwnOrTheHosts) {
  EXPECT_EQ(Parsed("loopback = \"own-first\"").loopback, Loopback::kOwnFirst);
  const ServicePolicy host = Parsed("loopback = \"host\"");
  EXPECT_TRUE(host.IsHostLoopback(Protocol::kTcp, 80));
  const ServicePolicy database = Parsed("host-loopback = [\"tcp/5432\"]");
  EXPECT_TRUE(database.IsHostLoopback(Protocol::kTcp, 5432));
  EXPECT_FALSE(database.IsHostLoopback(Protocol::kTcp, 5433));
  EXPECT_FALSE(database.IsHostLoopback(Protocol::kUdp, 5432));
}

TEST(ProfileFile, AnEmptyAllowAllowsOnlyPublishedPorts) {
  const ServicePolicy policy = Parsed("publish = [\"tcp/80\"]\nallow = []");
  EXPECT_TRUE(policy.AllowsPort(Protocol::kTcp, 80));
  EXPECT_FALSE(policy.AllowsPort(Protocol::kTcp, 81));
}

TEST(ProfileFile, UnixDenyTakesTheFamilyAway) {
  const ServicePolicy policy = Parsed("unix = \"deny\"\nfamilies = [\"inet\", \"unix\"]");
  EXPECT_FALSE(policy.unix_sockets);
  EXPECT_THAT(policy.families, ElementsAre(AF_INET));
}

TEST(ProfileFile, GuardAndWhenGoneOfTheProfileAreDefaultsOfItsPublications) {
  const ServicePolicy policy = Parsed(R"(
publish = ["tcp/80", { port = "tcp/81", guard = true, when-gone = "fall-through" }]
guard = false
when-gone = "refuse"
)");
  EXPECT_THAT(policy.publish, ElementsAre(Publication{Protocol::kTcp, 80, {}, false, WhenGone::kRefuse},
                                          Publication{Protocol::kTcp, 81, {}, true, WhenGone::kFallThrough}));
}

TEST(ProfileFile, APortMayBePublishedAtStageFAndSoMayAllPorts) {
  const ServicePolicy policy = Parsed(R"(
publish = [
  { port = "tcp/8080", stage = "F" },
  { port = "tcp/80", stage = "D" },
  { stage = "F", port = "tcp/*", when-gone = "refuse" },
]
allow = []
)");
  const Publication one{Protocol::kTcp, 8080, {}, false, WhenGone::kFallThrough, Stage::kF};
  const Publication early{Protocol::kTcp, 80, {}, true, WhenGone::kFallThrough, Stage::kD};
  const Publication any{Protocol::kTcp, kAnyPort, {}, false, WhenGone::kRefuse, Stage::kF};
  EXPECT_THAT(policy.publish, ElementsAre(one, early, any));
  EXPECT_EQ(policy.FindPublication(Protocol::kTcp, 8080)->port, 8080);
  EXPECT_EQ(policy.FindPublication(Protocol::kTcp, 81)->port, kAnyPort);
  EXPECT_EQ(policy.FindPublication(Protocol::kTcp, 0), nullptr);
  EXPECT_EQ(policy.FindPublication(Protocol::kUdp, 81), nullptr);
  EXPECT_TRUE(policy.AllowsPort(Protocol::kTcp, 81));
  EXPECT_FALSE(policy.AllowsPort(Protocol::kUdp, 81));
}

TEST(ProfileFile, PublicationsMayBeAnArrayOfTables) {
  const ServicePolicy policy = Parsed("[[publish]]\nport = \"tcp/80\"\n[[publish]]\nport = \"tcp/81\"\n");
  EXPECT_EQ(policy.publish.size(), 2u);
}

struct BadProfile {
  const char* text;
  const char* error;
};

TEST(ProfileFile, AnErrorNamesFileLineColumnAndWhatWouldBeRight) {
  const BadProfile bad[] = {
      {"name = \"a\nb\"", "web.toml:1:10: "},
      {"egress = yes", "web.toml:1:10: "},
      {"name = \"a\"\nname = \"b\"", "web.toml:2:"},
      {"name = 3", "web.toml:1:8: name: must be a text in quotes"},
      {"\n  name = \"a b\"", "web.toml:2:10: name: must be 1 to 63 letters"},
      {"address = \"127.0.0.1\"", "web.toml:1:11: address: must be a list in square brackets"},
      {"address = [\"127.0.0\"]", "web.toml:1:12: address: \"127.0.0\" is not an IPv4 or IPv6 address"},
      {"address = [\"192.0.2.7\"]", "web.toml:1:12: address: 192.0.2.7 is not a private address"},
      {"address = [\"127.0.0.1\",\n\"127.0.0.2\"]", "web.toml:2:1: address: 127.0.0.2 is a second IPv4 address"},
      {"publish = [80]", "web.toml:1:12: publish: must be a text in quotes"},
      {"publish = [\"80\"]", "web.toml:1:12: publish: \"80\" is not a port such as tcp/80"},
      {"publish = [\"tcp/0\"]", "web.toml:1:12: publish: \"tcp/0\" is not a port such as tcp/80"},
      {"publish = [\"tcp/80-90\"]", "web.toml:1:12: publish: \"tcp/80-90\" is a range: name each port by itself"},
      {"publish = [\n\"tcp/80\",\n  \"tcp/80\"\n]", "web.toml:3:3: publish: tcp/80 is published twice"},
      {"publish = [\"tcp/*\"]",
       "web.toml:1:12: publish: \"tcp/*\" is for stage F alone: { port = \"tcp/*\", stage = \"F\" }"},
      {"publish = [{ port = \"udp/*\", stage = \"D\" }]", "web.toml:1:21: port: \"udp/*\" is for stage F alone"},
      {"publish = [{ port = \"tcp/80\", stage = \"E\" }]", "web.toml:1:39: stage: must be \"D\" or \"F\""},
      {"publish = [{ port = \"tcp/80\", stage = \"F\", guard = true }]", "web.toml:1:52: guard: is for stage D"},
      {"publish = [{ stage = \"F\" }]", "web.toml:1:12: publish: lacks a port"},
      {"publish = [{ port = \"tcp/*\", stage = \"F\" },\n{ port = \"tcp/*\", stage = \"F\" }]",
       "web.toml:2:1: publish: tcp/* is published twice"},
      {"allow = [\"tcp/*\"]", "web.toml:1:10: allow: \"tcp/*\" is not a port"},
      {"publish = [{ on = [\"::/0\"] }]", "web.toml:1:12: publish: lacks a port, such as port = \"tcp/80\""},
      {"publish = [{ port = \"tcp/80\", off = 1 }]", "web.toml:1:31: unknown key \"off\": did you mean \"on\"? "},
      {"publish = [{ port = \"tcp/80\", on = [\"192.0.2.1/24\"] }]",
       "web.toml:1:37: on: \"192.0.2.1/24\" has bits set"},
      {"publish = [{ port = \"tcp/80\", on = [\"::/0\", \"::/0\"] }]", "web.toml:1:45: on: ::/0 is here twice"},
      {"publish = [{ port = \"tcp/80\", on = [] }]", "web.toml:1:36: on: is empty"},
      {"allow = [\"tcp/90-80\"]", "web.toml:1:10: allow: \"tcp/90-80\" ends before it begins"},
      {"allow = [\"tcp/80-90\", \"tcp/85\"]",
       "web.toml:1:23: allow: \"tcp/85\" and \"tcp/80-90\" have ports in common"},
      {"unix = true", "web.toml:1:8: unix: must be a text in quotes"},
      {"unix = \"maybe\"", "web.toml:1:8: unix: must be \"allow\" or \"deny\""},
      {"families = [\"smc\"]", "web.toml:1:13: families: unknown family \"smc\": known are inet, inet6, unix"},
      {"egress = 1", "web.toml:1:10: egress: must be true or false"},
      {"multicast = \"no\"", "web.toml:1:13: multicast: must be true or false"},
      {"loopback = \"mine\"", "web.toml:1:12: loopback: must be \"own-first\", \"own\" or \"host\""},
      {"report = \"mine\"", "web.toml:1:10: report: must be \"actual\" or \"requested\""},
      {"connect = [\"gitea:3000\"]", "web.toml:1:12: connect: \"3000\" is not a port such as tcp/80 or udp/5000-5999"},
      {"connect = [\"-\"]",
       "web.toml:1:12: connect: \"-\" is not a service such as gitea, or one with ports such as gitea:tcp/3000"},
      {"connect = [\"a\", \"a\"]", "web.toml:1:17: connect: \"a\" is here twice"},
      {"host-loopback = [5432]", "web.toml:1:18: host-loopback: must be a text in quotes"},
      {"host-loopback = [\"tcp/80\", \"tcp/80\"]",
       "web.toml:1:28: host-loopback: \"tcp/80\" and \"tcp/80\" have ports in common"},
      {"guard = 0", "web.toml:1:9: guard: must be true or false"},
      {"wall = [\"notify\", \"moat\"]",
       "web.toml:1:19: wall: unknown wall \"moat\": known are notify, landlock, cgroup"},
      {"wall = [\"landlock\"]",
       "web.toml:1:1: the wall \"landlock\" denies every bind that \"notify\" does not make: choose both"},
      {"wall = []", "web.toml:1:1: no wall is chosen: choose at least \"notify\""},
      {"require-wall = 3", "web.toml:1:16: require-wall: must be a text in quotes"},
      {"inherited-sockets = \"maybe\"", "web.toml:1:21: inherited-sockets: must be \"refuse\" or \"allow\""},
      {"when-gone = \"drop\"", "web.toml:1:13: when-gone: must be \"fall-through\" or \"refuse\""},
      {"when-gone = 1979-05-27", "web.toml:1:13: when-gone: must be a text in quotes"},
  };
  for (const BadProfile& each : bad) EXPECT_THAT(ErrorOf(each.text), ::testing::StartsWith(each.error)) << each.text;
}

TEST(ProfileFile, AHeaderThatBeginsWithNoKeyIsAnError) {
  for (const char* text : {"[&", "[[*grant]]", "[[[a]]]", "[[=", "[ \x18]", "[.a]"}) {
    EXPECT_THAT(ErrorOf(text), ::testing::StartsWith("web.toml:1:")) << text;
  }
  EXPECT_THAT(ErrorOf("\n[[*grant]]"), HasSubstr("web.toml:2:3: "));
}

TEST(ProfileFile, TextThatIsNotAsciiMayStandInComments) {
  EXPECT_EQ(Parsed("# gr\u00fc\u00df \uFBFF\u3000\U0001F40C\nname = \"web\"").name, "web");
  EXPECT_EQ(Parsed("\uFEFFname = \"web\"").name, "web") << "a byte order mark";
}

TEST(ProfileFile, TextThatIsNotAsciiIsNoKeyAndNoWhiteSpace) {
  for (const char* text : {"name\u00fc = 1", "name \u3042= 1", "name = 1 \uFBFF", "\u00fc = 1", "[\u00fc]"}) {
    EXPECT_THAT(ErrorOf(text), ::testing::StartsWith("web.toml:1:")) << text;
  }
}

TEST(ProfileFile, AnUnknownKeyIsNamedWithItsLikelyMeaningAndTheKnownOnes) {
  EXPECT_EQ(
      ErrorOf("name = \"a\"\npubish = []"),
      "web.toml:2:1: unknown key \"pubish\": did you mean \"publish\"? known keys are name, address, guard, "
      "when-gone, publish, allow, families, unix, egress, multicast, loopback, host-loopback, connect, report, wall, "
      "require-wall, inherited-sockets");
  EXPECT_THAT(ErrorOf("listen = []"), HasSubstr("unknown key \"listen\": known keys are name"));
}

TEST(ProfileFile, AFileNameThatIsNoServiceNameNeedsAName) {
  const auto policy = ParseProfile("", "my web.toml", "my web");
  EXPECT_THAT(policy.status().message(), HasSubstr("my web.toml:1:1: \"my web\", the file's name, cannot be"));
  EXPECT_TRUE(ParseProfile("name = \"web\"", "my web.toml", "my web").ok());
}

TEST(ProfileFile, LimitsAreThoseOfTheMessages) {
  std::string publish = "publish = [";
  for (size_t port = 1; port <= kMaxPublications; ++port) absl::StrAppend(&publish, "\"tcp/", port, "\",");
  EXPECT_EQ(Parsed(publish + "]").publish.size(), kMaxPublications);
  EXPECT_THAT(ErrorOf(publish + "\"tcp/9999\"]"), HasSubstr("publish: tcp/9999 is one too many"));

  std::string on = "publish = [{ port = \"tcp/1\", on = [";
  for (size_t i = 0; i < kMaxPrefixes; ++i) absl::StrAppend(&on, "\"192.0.2.", i, "\",");
  EXPECT_EQ(Parsed(on + "]}]").publish[0].on.size(), kMaxPrefixes);
  EXPECT_THAT(ErrorOf(on + "\"::1\"]}]"), HasSubstr("on: more than 32 networks"));

  std::string allow = "allow = [";
  for (size_t port = 1; port <= kMaxPortRanges; ++port) absl::StrAppend(&allow, "\"tcp/", port, "\",");
  EXPECT_EQ(Parsed(allow + "]").allow->size(), kMaxPortRanges);
  EXPECT_THAT(ErrorOf(allow + "\"tcp/9999\"]"), HasSubstr("allow: more than 256 ranges"));
}

}  // namespace
}  // namespace forcebind
