// SPDX-License-Identifier: Apache-2.0
#include "supervisor/wall_policy.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

namespace forcebind {
namespace {

const WallScope kScope{
    .netns_cookie = 7, .pool = *Prefix::Parse("127.64.0.0/10"), .ula = Prefix::Parse("fd5e::/48").value()};
const PrivateAddresses kAddresses{*IpAddress::Parse("127.84.3.1"), *IpAddress::Parse("fd5e::3:1")};

TEST(WallPolicy, AddressesAreInNetworkOrder) {
  const fb_wall_policy policy = WallPolicy(kScope, kAddresses, {});
  EXPECT_EQ(policy.netns_cookie, 7u);
  EXPECT_EQ(policy.private4, htonl(0x7f540301));
  EXPECT_EQ(policy.private6[0], htonl(0xfd5e0000));
  EXPECT_EQ(policy.private6[3], htonl(0x00030001));
  EXPECT_EQ(policy.pool4, htonl(0x7f400000));
  EXPECT_EQ(policy.pool4_mask, htonl(0xffc00000));
  EXPECT_EQ(policy.pool6_mask[1], htonl(0xffff0000));
  EXPECT_EQ(policy.pool6_mask[2], 0u);
}

TEST(WallPolicy, WhatIsMissingIsZero) {
  const fb_wall_policy policy = WallPolicy({.netns_cookie = 7, .pool = kScope.pool, .ula = std::nullopt}, {}, {});
  EXPECT_EQ(policy.private4, 0u);
  EXPECT_EQ(policy.private6[0], 0u);
  EXPECT_EQ(policy.pool6_mask[0], 0u);
}

TEST(WallPolicy, EachPermissionIsAFlagOfItsOwn) {
  WallRules none{.ports = std::vector<PortRange>(), .egress = false, .ipv4 = false, .ipv6 = false};
  EXPECT_EQ(WallPolicy(kScope, kAddresses, none).flags, 0u);
  const auto with = [&](auto change) {
    WallRules rules = none;
    change(rules);
    return WallPolicy(kScope, kAddresses, rules).flags;
  };
  EXPECT_EQ(with([](WallRules& rules) { rules.ports.reset(); }), FB_WALL_ANY_PORT);
  EXPECT_EQ(with([](WallRules& rules) { rules.egress = true; }), FB_WALL_EGRESS);
  EXPECT_EQ(with([](WallRules& rules) { rules.multicast = true; }), FB_WALL_MULTICAST);
  EXPECT_EQ(with([](WallRules& rules) { rules.raw = true; }), FB_WALL_RAW);
  EXPECT_EQ(with([](WallRules& rules) { rules.ipv4 = true; }), FB_WALL_INET);
  EXPECT_EQ(with([](WallRules& rules) { rules.ipv6 = true; }), FB_WALL_INET6);
  EXPECT_EQ(with([](WallRules& rules) { rules.report_requested = true; }), FB_WALL_REPORT);
}

TEST(WallPolicy, AConnectListIsOfNamesThatGetAddressesLater) {
  WallRules rules;
  EXPECT_EQ(WallPolicy(kScope, kAddresses, rules).flags & FB_WALL_LIMITED, 0u);
  rules.connect = {{"gitea", PortRange{Protocol::kTcp, 3000, 3001}}, {"db", std::nullopt}};
  fb_wall_policy policy = WallPolicy(kScope, kAddresses, rules);
  EXPECT_NE(policy.flags & FB_WALL_LIMITED, 0u);
  ASSERT_EQ(policy.target_count, 2u);
  EXPECT_EQ(policy.targets[0].protocol, 6u);
  EXPECT_EQ(policy.targets[0].ports.last, 3001);
  EXPECT_EQ(policy.targets[1].protocol, 0u);
  std::map<std::string, PrivateAddresses> book;
  const auto addresses_of = [&](const std::string& name) { return book[name]; };
  EXPECT_FALSE(ResolveTargets(addresses_of, &policy));
  book["db"] = {*IpAddress::Parse("127.84.3.2"), *IpAddress::Parse("fd5e::3:2")};
  EXPECT_TRUE(ResolveTargets(addresses_of, &policy));
  EXPECT_FALSE(ResolveTargets(addresses_of, &policy));
  EXPECT_EQ(policy.targets[0].address4, 0u);
  EXPECT_EQ(policy.targets[1].address4, htonl(0x7f540302));
  EXPECT_EQ(policy.targets[1].address6[3], htonl(0x00030002));
  book.clear();
  EXPECT_TRUE(ResolveTargets(addresses_of, &policy));
  EXPECT_EQ(policy.targets[1].address4, 0u);
}

TEST(WallPolicy, TcpRangesComeBeforeUdpRanges) {
  WallRules rules;
  rules.ports = {{Protocol::kTcp, 80, 80}, {Protocol::kTcp, 443, 443}, {Protocol::kUdp, 53, 60}};
  rules.host_loopback = {{Protocol::kUdp, 123, 123}, {Protocol::kTcp, 5432, 5433}};
  const fb_wall_policy policy = WallPolicy(kScope, kAddresses, rules);
  EXPECT_EQ(policy.tcp_ports, 2u);
  EXPECT_EQ(policy.udp_ports, 1u);
  EXPECT_EQ(policy.ports[1].first, 443);
  EXPECT_EQ(policy.ports[2].last, 60);
  EXPECT_EQ(policy.host_tcp_ports, 1u);
  EXPECT_EQ(policy.host_ports[0].last, 5433);
  EXPECT_EQ(policy.host_ports[1].first, 123);
}

}  // namespace
}  // namespace forcebind
