// SPDX-License-Identifier: Apache-2.0
#include "core/grants.h"

#include <gtest/gtest.h>

#include <string>

namespace forcebind {
namespace {

constexpr Protocol kTcp = Protocol::kTcp;

std::vector<Prefix> Networks(std::initializer_list<const char*> texts) {
  std::vector<Prefix> networks;
  for (const char* text : texts) networks.push_back(Prefix::Parse(text).value());
  return networks;
}

GrantedPorts Ports(const char* text, std::initializer_list<const char*> on = {}) {
  return {PortRange::Parse(text).value(), Networks(on)};
}

Publication Publish(uint16_t port, std::initializer_list<const char*> on = {}) { return {kTcp, port, Networks(on)}; }

const Peer kWww{1000, 1000, {33, 1000}};

TEST(MayPublish, RootMayPublishAnything) { EXPECT_TRUE(MayPublish({}, Peer{}, "web", Publish(80))); }

TEST(MayPublish, WithoutAGrantNobodyElseMay) { EXPECT_FALSE(MayPublish({}, kWww, "web", Publish(8080))); }

TEST(MayPublish, GoesByUserGroupAndService) {
  const auto may = [](const Grant& grant) { return MayPublish({grant}, kWww, "web", Publish(80)); };
  EXPECT_TRUE(may({1000, {}, {}, {Ports("tcp/80")}}));
  EXPECT_FALSE(may({1001, {}, {}, {Ports("tcp/80")}}));
  EXPECT_TRUE(may({{}, 1000, {}, {Ports("tcp/80")}})) << "primary group";
  EXPECT_TRUE(may({{}, 33, {}, {Ports("tcp/80")}})) << "supplementary group";
  EXPECT_FALSE(may({{}, 34, {}, {Ports("tcp/80")}}));
  EXPECT_TRUE(may({{}, {}, "web", {Ports("tcp/80")}}));
  EXPECT_FALSE(may({{}, {}, "mail", {Ports("tcp/80")}}));
}

TEST(MayPublish, AllThatAGrantNamesMustMatch) {
  const auto may = [](const Grant& grant) { return MayPublish({grant}, kWww, "web", Publish(80)); };
  EXPECT_TRUE(may({1000, 33, "web", {Ports("tcp/80")}}));
  EXPECT_FALSE(may({1001, 33, "web", {Ports("tcp/80")}}));
  EXPECT_FALSE(may({1000, 34, "web", {Ports("tcp/80")}}));
  EXPECT_FALSE(may({1000, 33, "mail", {Ports("tcp/80")}}));
}

TEST(MayPublish, AGrantThatNamesNobodyMatchesNobody) {
  const Grant grant{{}, {}, {}, {Ports("tcp/1-65535")}};
  EXPECT_FALSE(MayPublish({grant}, kWww, "web", Publish(80)));
}

TEST(MayPublish, GoesByPortAndProtocol) {
  const Grant grant{1000, {}, {}, {Ports("tcp/8000-8999"), Ports("udp/53")}};
  EXPECT_TRUE(MayPublish({grant}, kWww, "web", Publish(8000)));
  EXPECT_TRUE(MayPublish({grant}, kWww, "web", Publish(8999)));
  EXPECT_FALSE(MayPublish({grant}, kWww, "web", Publish(9000)));
  EXPECT_FALSE(MayPublish({grant}, kWww, "web", Publish(53)));
}

TEST(MayPublish, AnyPortTakesAGrantOfEveryPort) {
  const Publication any{.protocol = kTcp, .port = kAnyPort, .stage = Stage::kF};
  const auto may = [&](const char* ports) {
    return MayPublish({{.uid = 1000, .publish = {Ports(ports)}}}, kWww, "web", any);
  };
  EXPECT_TRUE(may("tcp/1-65535"));
  EXPECT_FALSE(may("tcp/2-65535"));
  EXPECT_FALSE(may("tcp/1-65534"));
  EXPECT_FALSE(may("udp/1-65535"));
}

TEST(MayPublish, PrefixesMustLieWithinGrantedOnes) {
  const Grant grant{1000, {}, {}, {Ports("tcp/80", {"192.0.2.0/24", "2001:db8::/32"})}};
  const auto may = [&](std::initializer_list<const char*> on) {
    return MayPublish({grant}, kWww, "web", Publish(80, on));
  };
  EXPECT_TRUE(may({"192.0.2.0/24"}));
  EXPECT_TRUE(may({"192.0.2.128/25", "2001:db8:1::/48"}));
  EXPECT_FALSE(may({"192.0.0.0/16"}));
  EXPECT_FALSE(may({"192.0.2.0/24", "198.51.100.7"}));
  EXPECT_FALSE(may({})) << "asks for everywhere";
}

TEST(MayPublish, EverywhereIsAGrantWithoutPrefixesOrWithBothWholeFamilies) {
  EXPECT_TRUE(MayPublish({{1000, {}, {}, {Ports("tcp/80")}}}, kWww, "web", Publish(80, {"192.0.2.7"})));
  const Grant both{1000, {}, {}, {Ports("tcp/80", {"0.0.0.0/0"}), Ports("tcp/80", {"::/0"})}};
  EXPECT_TRUE(MayPublish({both}, kWww, "web", Publish(80)));
  const Grant ipv4{1000, {}, {}, {Ports("tcp/80", {"0.0.0.0/0"})}};
  EXPECT_FALSE(MayPublish({ipv4}, kWww, "web", Publish(80)));
}

TEST(MayPublish, TwoGrantsDoNotAddUp) {
  const std::vector<Grant> grants = {{1000, {}, {}, {Ports("tcp/80", {"192.0.2.0/24"})}},
                                     {1000, {}, {}, {Ports("tcp/80", {"198.51.100.0/24"})}}};
  EXPECT_TRUE(MayPublish(grants, kWww, "web", Publish(80, {"198.51.100.7"})));
  EXPECT_FALSE(MayPublish(grants, kWww, "web", Publish(80, {"192.0.2.7", "198.51.100.7"})));
}

}  // namespace
}  // namespace forcebind
