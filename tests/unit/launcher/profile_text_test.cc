// SPDX-License-Identifier: Apache-2.0
#include "launcher/profile_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/profile_file.h"

namespace forcebind {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kEverything[] = R"(
name = "web"
address = ["127.84.3.1", "fd5e::1"]
publish = ["tcp/80", { port = "udp/443", on = ["192.0.2.0/24", "2001:db8::/32"], guard = false, when-gone = "refuse" }]
allow = ["tcp/8080-8090", "udp/53"]
families = ["inet", "inet6", "netlink", "vsock"]
unix = "deny"
egress = false
multicast = true
loopback = "own"
host-loopback = ["tcp/5432", "udp/53-54"]
connect = ["gitea:tcp/3000-3001", "postgres"]
report = "requested"
wall = ["notify", "landlock"]
require-wall = "landlock"
inherited-sockets = "allow"
)";

ServicePolicy Parsed(const std::string& text) {
  const auto policy = ParseProfile(text, "web.toml", "web");
  EXPECT_TRUE(policy.ok()) << policy.status() << "\n" << text;
  return policy.ok() ? *policy : ServicePolicy{};
}

void ExpectSame(const ServicePolicy& a, const ServicePolicy& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.addresses, b.addresses);
  EXPECT_EQ(a.publish, b.publish);
  EXPECT_EQ(a.allow, b.allow);
  EXPECT_EQ(a.families, b.families);
  EXPECT_EQ(a.unix_sockets, b.unix_sockets);
  EXPECT_EQ(a.egress, b.egress);
  EXPECT_EQ(a.multicast, b.multicast);
  EXPECT_EQ(a.loopback, b.loopback);
  EXPECT_EQ(a.host_loopback, b.host_loopback);
  EXPECT_EQ(a.connect, b.connect);
  EXPECT_EQ(a.report_requested, b.report_requested);
  EXPECT_EQ(a.walls, b.walls);
  EXPECT_EQ(a.inherited_sockets, b.inherited_sockets);
}

TEST(FormatProfile, IsAProfileOfTheSameMeaning) {
  for (const char* text :
       {kEverything, "", "allow = []", "families = []\nunix = \"deny\"", "publish = [\"tcp/1\"]", "connect = []"}) {
    const ServicePolicy policy = Parsed(text);
    ExpectSame(policy, Parsed(FormatProfile(policy, policy.addresses, "web.toml")));
  }
}

TEST(FormatProfile, FillsInTheDefaultsAndTheAddresses) {
  const ServicePolicy policy = Parsed("publish = [\"tcp/80\"]");
  const PrivateAddresses addresses{.v4 = *IpAddress::Parse("127.84.3.1"), .v6 = *IpAddress::Parse("fd5e::1")};
  EXPECT_EQ(FormatProfile(policy, addresses, "/etc/web.toml"),
            "# /etc/web.toml, with every default\n"
            "name = \"web\"\n"
            "address = [\"127.84.3.1\", \"fd5e::1\"]  # from the name; a supervisor may assign others\n"
            "publish = [\n"
            "  { port = \"tcp/80\", stage = \"D\", guard = true, when-gone = \"fall-through\" },\n"
            "]\n"
            "# allow: any port\n"
            "families = [\"inet\", \"inet6\", \"unix\", \"netlink\"]\n"
            "unix = \"allow\"\n"
            "egress = true\n"
            "multicast = false\n"
            "loopback = \"own-first\"\n"
            "host-loopback = []\n"
            "# connect: every service\n"
            "report = \"actual\"\n"
            "# wall: all that are to be had\n"
            "# require-wall: none\n"
            "inherited-sockets = \"refuse\"\n");
}

TEST(FormatProfile, WhatItPrintsIsTheSameProfile) {
  const ServicePolicy policy = Parsed("publish = [{ port = \"udp/*\", stage = \"F\" }, \"tcp/80\"]");
  const std::string text = FormatProfile(policy, {}, "x");
  EXPECT_THAT(text, HasSubstr("{ port = \"udp/*\", stage = \"F\", guard = false, when-gone = \"fall-through\" }"));
  EXPECT_EQ(Parsed(text.substr(text.find("publish"))).publish, policy.publish);
}

TEST(FormatProfile, SaysWhyThereIsNoIpv6Address) {
  const PrivateAddresses v4{.v4 = *IpAddress::Parse("127.84.3.1"), .v6 = {}};
  EXPECT_THAT(FormatProfile(Parsed(""), v4, "x"), HasSubstr("# no IPv6 address"));
  const ServicePolicy named = Parsed("address = [\"127.84.3.1\"]");
  EXPECT_THAT(FormatProfile(named, named.addresses, "x"), Not(HasSubstr("# no IPv6 address")));
}

TEST(FormatProfile, APathCannotAddALine) {
  const std::string text = FormatProfile(Parsed(""), {}, "a\nname = \"evil\"");
  EXPECT_THAT(text, HasSubstr("# a\\x0aname = "));
  EXPECT_EQ(Parsed(text).name, "web");
}

TEST(FormatProfileList, ShowsGoodAndBrokenOnes) {
  const ListedProfile good{
      .name = "web",
      .path = "/p/web.toml",
      .error = "",
      .addresses = {.v4 = *IpAddress::Parse("127.84.3.1"), .v6 = {}},
      .publish = {{.protocol = Protocol::kTcp, .port = 80}, {.protocol = Protocol::kUdp, .port = 443}}};
  const ListedProfile broken{
      .name = "bad", .path = "/p/bad.toml", .error = "/p/bad.toml:1:1: x\x1b", .addresses = {}, .publish = {}};
  EXPECT_EQ(FormatProfileList({broken, good}, 80),
            "NAME  PRIVATE     PUBLISHED  PATH\n"
            "bad   (broken)    -          /p/bad.toml\n"
            "web   127.84.3.1  tcp/80     /p/web.toml\n"
            "                  udp/443\n"
            "broken: /p/bad.toml:1:1: x\\x1b\n");
}

}  // namespace
}  // namespace forcebind
