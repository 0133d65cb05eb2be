// SPDX-License-Identifier: Apache-2.0
#include "wire/companion_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace forcebind::wire {
namespace {

using ::testing::HasSubstr;

constexpr size_t kVersionOffset = 4;

CompanionState Full() {
  CompanionState state;
  state.hello = {.name = "web",
                 .pid = 4711,
                 .addresses = {IpAddress::Parse("127.84.3.1").value(), IpAddress::Parse("fd5e::3:1").value()},
                 .publish = {{Protocol::kTcp, 443, {}, false, WhenGone::kRefuse}},
                 .walls = {"notify"},
                 .resumed = true};
  state.policy.name = state.hello.name;
  state.policy.addresses = state.hello.addresses;
  state.policy.publish = state.hello.publish;
  state.policy.allow = {{Protocol::kTcp, 8080, 8090}, {Protocol::kUdp, 53, 53}};
  state.policy.egress = false;
  state.policy.multicast = true;
  state.policy.unix_sockets = false;
  state.policy.loopback = Loopback::kOwn;
  state.policy.host_loopback = {{Protocol::kTcp, 5432, 5432}};
  state.policy.connect = {{.name = "db", .ports = PortRange{Protocol::kTcp, 5432, 5432}}, {.name = "all"}};
  state.policy.report_requested = true;
  state.policy.families = {2, 10, -1};
  state.policy.walls = {.wanted = {{Wall::kNotify, Wall::kCgroup}}, .required = Wall::kCgroup};
  state.policy.inherited_sockets = true;
  state.let_in = {7, 8};
  state.supervisor_path = "/run/forcebind/supervisor.sock";
  state.netns_cookie = 0x123456789abcdef0;
  state.log_level = kMaxLogLevel;
  state.has_stderr = true;
  state.stderr_device = 8;
  state.stderr_inode = UINT64_MAX;
  return state;
}

void ExpectSame(const CompanionState& a, const CompanionState& b) {
  EXPECT_EQ(a.hello, b.hello);
  EXPECT_EQ(a.policy.name, b.policy.name);
  EXPECT_EQ(a.policy.addresses, b.policy.addresses);
  EXPECT_EQ(a.policy.publish, b.policy.publish);
  EXPECT_EQ(a.policy.allow, b.policy.allow);
  EXPECT_EQ(a.policy.egress, b.policy.egress);
  EXPECT_EQ(a.policy.multicast, b.policy.multicast);
  EXPECT_EQ(a.policy.unix_sockets, b.policy.unix_sockets);
  EXPECT_EQ(a.policy.loopback, b.policy.loopback);
  EXPECT_EQ(a.policy.host_loopback, b.policy.host_loopback);
  EXPECT_EQ(a.policy.connect, b.policy.connect);
  EXPECT_EQ(a.policy.report_requested, b.policy.report_requested);
  EXPECT_EQ(a.policy.families, b.policy.families);
  EXPECT_EQ(a.policy.walls, b.policy.walls);
  EXPECT_EQ(a.policy.inherited_sockets, b.policy.inherited_sockets);
  EXPECT_EQ(a.let_in, b.let_in);
  EXPECT_EQ(a.supervisor_path, b.supervisor_path);
  EXPECT_EQ(a.netns_cookie, b.netns_cookie);
  EXPECT_EQ(a.log_level, b.log_level);
  EXPECT_EQ(a.has_stderr, b.has_stderr);
  EXPECT_EQ(a.stderr_device, b.stderr_device);
  EXPECT_EQ(a.stderr_inode, b.stderr_inode);
}

TEST(CompanionState, ComesBackAsItWas) {
  const auto back = DecodeCompanionState(EncodeCompanionState(Full()));
  ASSERT_TRUE(back.ok()) << back.status();
  ExpectSame(*back, Full());
}

TEST(CompanionState, NoAllowAndAnEmptyOneAreTwoThings) {
  CompanionState any = Full(), none = Full();
  any.policy.allow.reset();
  none.policy.allow.emplace();
  EXPECT_FALSE(DecodeCompanionState(EncodeCompanionState(any))->policy.allow.has_value());
  EXPECT_TRUE(DecodeCompanionState(EncodeCompanionState(none))->policy.allow.has_value());
}

TEST(CompanionState, TheLongestFits) {
  CompanionState state = Full();
  const Prefix prefix = Prefix::Parse("2001:db8::/32").value();
  state.hello.name = std::string(kMaxServiceNameLength, 'n');
  state.hello.publish.clear();
  for (size_t i = 0; i < kMaxPublications; ++i) {
    state.hello.publish.push_back({Protocol::kTcp, static_cast<uint16_t>(i + 1), {}});
    state.hello.publish.back().on.assign(kMaxPrefixesInAll / kMaxPublications, prefix);
  }
  state.hello.walls.assign(kMaxWalls, std::string(kMaxNameLength, 'w'));
  state.policy.allow.emplace(256, PortRange{Protocol::kUdp, 1, 65535});
  state.policy.host_loopback = *state.policy.allow;
  state.policy.families.assign(kMaxFamilies, 2);
  state.supervisor_path = std::string(kMaxPathLength, 'p');
  const std::vector<uint8_t> bytes = EncodeCompanionState(state);
  EXPECT_LE(bytes.size(), kMaxCompanionStateSize);
  EXPECT_TRUE(DecodeCompanionState(bytes).ok());
}

TEST(CompanionState, WhatIsCutOffIsRefused) {
  const std::vector<uint8_t> bytes = EncodeCompanionState(Full());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_TRUE(absl::IsInvalidArgument(DecodeCompanionState({bytes.data(), size}).status())) << size;
  }
}

TEST(CompanionState, AByteTooManyIsRefused) {
  std::vector<uint8_t> bytes = EncodeCompanionState(Full());
  bytes.push_back(0);
  EXPECT_THAT(std::string(DecodeCompanionState(bytes).status().message()), HasSubstr("left over"));
}

TEST(CompanionState, AnotherVersionIsToldApart) {
  std::vector<uint8_t> bytes = EncodeCompanionState(Full());
  ++bytes[kVersionOffset];
  EXPECT_TRUE(absl::IsFailedPrecondition(DecodeCompanionState(bytes).status()));
}

TEST(CompanionState, AnotherMessageIsNoHello) {
  std::vector<uint8_t> bytes = EncodeCompanionState(Full());
  const std::vector<uint8_t> hello = Encode(Full().hello), other = Encode(Spare{});
  const auto at = std::search(bytes.begin(), bytes.end(), hello.begin(), hello.end());
  ASSERT_NE(at, bytes.end());
  const auto rest = bytes.erase(at, at + static_cast<ptrdiff_t>(hello.size()));
  const size_t place = static_cast<size_t>(rest - bytes.begin());
  bytes.insert(rest, other.begin(), other.end());
  bytes[place - 2] = static_cast<uint8_t>(other.size());
  bytes[place - 1] = 0;
  EXPECT_THAT(std::string(DecodeCompanionState(bytes).status().message()), HasSubstr("Hello"));
}

// What a hostile user may have made of it: refused, or written the same again.
TEST(CompanionState, ChangedBytesAreRefusedOrTheSameAgain) {
  const std::vector<uint8_t> bytes = EncodeCompanionState(Full());
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    std::vector<uint8_t> changed = bytes;
    changed[random() % changed.size()] = static_cast<uint8_t>(random());
    const auto state = DecodeCompanionState(changed);
    if (!state.ok()) continue;
    EXPECT_EQ(EncodeCompanionState(*state), changed);
  }
}

}  // namespace
}  // namespace forcebind::wire
