// SPDX-License-Identifier: Apache-2.0
#include "core/wall_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>
#include <vector>

namespace forcebind {
namespace {

using ::testing::ElementsAre;

PortRange Range(const std::string& text) { return PortRange::Parse(text).value(); }

std::vector<std::string> TextsOf(const std::vector<PortRange>& ranges) {
  std::vector<std::string> texts;
  for (const PortRange& range : ranges) texts.push_back(range.ToString());
  return texts;
}

TEST(WallRules, WithoutAnAllowListEveryPortMayBeBound) {
  ServicePolicy policy;
  policy.publish = {{Protocol::kTcp, 443, {}}};
  EXPECT_FALSE(WallRulesOf(policy).ports.has_value());
}

TEST(WallRules, PublishedAndAllowedPortsAreOneSortedList) {
  ServicePolicy policy;
  policy.publish = {{Protocol::kUdp, 443, {}}, {Protocol::kTcp, 443, {}}};
  policy.allow = {Range("tcp/8080-8090"), Range("tcp/80")};
  EXPECT_THAT(TextsOf(*WallRulesOf(policy).ports), ElementsAre("tcp/80", "tcp/443", "tcp/8080-8090", "udp/443"));
}

TEST(WallRules, AnEmptyAllowListLeavesThePublishedPorts) {
  ServicePolicy policy;
  policy.publish = {{Protocol::kTcp, 443, {}}};
  policy.allow.emplace();
  EXPECT_THAT(TextsOf(*WallRulesOf(policy).ports), ElementsAre("tcp/443"));
}

TEST(WallRules, APublicationOfAnyPortIsEveryPortOfItsProtocol) {
  ServicePolicy policy;
  policy.publish = {{Protocol::kTcp, kAnyPort, {}, false, WhenGone::kFallThrough, Stage::kF}};
  policy.allow = {Range("udp/53")};
  EXPECT_THAT(TextsOf(*WallRulesOf(policy).ports), ElementsAre("tcp/1-65535", "udp/53"));
}

TEST(WallRules, WithoutNotifyTheWallIsAlone) {
  ServicePolicy policy;
  EXPECT_FALSE(WallRulesOf(policy).alone);
  policy.walls.wanted = {{Wall::kCgroup}};
  EXPECT_TRUE(WallRulesOf(policy).alone);
}

TEST(WallRules, RawSocketsComeWithPacketSockets) {
  ServicePolicy policy;
  policy.families = {AF_INET, AF_UNIX};
  EXPECT_FALSE(WallRulesOf(policy).raw);
  EXPECT_TRUE(WallRulesOf(policy).ipv4);
  EXPECT_FALSE(WallRulesOf(policy).ipv6);
  policy.families.push_back(AF_PACKET);
  EXPECT_TRUE(WallRulesOf(policy).raw);
}

TEST(WallRules, AnEmptyConnectListIsNotAMissingOne) {
  ServicePolicy policy;
  EXPECT_FALSE(WallRulesOf(policy).connect.has_value());
  policy.connect.emplace();
  EXPECT_TRUE(WallRulesOf(policy).connect.has_value());
}

TEST(MergedRanges, WhatTouchesIsOne) {
  EXPECT_THAT(TextsOf(Merged({Range("tcp/10-20"), Range("tcp/21"), Range("udp/22"), Range("tcp/15-18")})),
              ElementsAre("tcp/10-21", "udp/22"));
}

TEST(MergedRanges, TheLastPortEndsThem) {
  EXPECT_THAT(TextsOf(Merged({Range("tcp/65535"), Range("udp/1")})), ElementsAre("tcp/65535", "udp/1"));
}

TEST(MergedRanges, OnlyTheirOwnOrderIsSortedApart) {
  EXPECT_TRUE(IsSortedApart({Range("tcp/80"), Range("tcp/90"), Range("udp/1")}));
  EXPECT_FALSE(IsSortedApart({Range("tcp/90"), Range("tcp/80")}));
  EXPECT_FALSE(IsSortedApart({Range("tcp/80"), Range("tcp/80")}));
  EXPECT_FALSE(IsSortedApart({Range("udp/1"), Range("tcp/80")}));
}

}  // namespace
}  // namespace forcebind
