// SPDX-License-Identifier: Apache-2.0
#include "wire/messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace forcebind::wire {
namespace {

using ::testing::HasSubstr;

constexpr size_t kVersionOffset = 4;
constexpr size_t kTypeOffset = 6;
constexpr size_t kBodyOffset = 8;

IpAddress Address(const std::string& text) { return IpAddress::Parse(text).value(); }
Endpoint At(const std::string& text) { return Endpoint::Parse(text).value(); }
Prefix Network(const std::string& text) { return Prefix::Parse(text).value(); }

Hello FullHello() {
  Hello hello;
  hello.name = "nginx";
  hello.pid = -1;
  hello.addresses = {Address("127.84.3.1"), Address("fd5e::3:1")};
  hello.publish = {
      {Protocol::kTcp, 443, {Network("192.0.2.0/24"), Network("2001:db8::/32")}, false, WhenGone::kRefuse},
      {Protocol::kUdp, 65535, {}, true, WhenGone::kFallThrough},
      {Protocol::kTcp, kAnyPort, {}, false, WhenGone::kFallThrough, Stage::kF},
  };
  hello.walls = {"notify", "landlock"};
  hello.connect_limited = true;
  hello.resumed = true;
  return hello;
}

WallRules FullRules() {
  return {.ports = std::vector<PortRange>{{Protocol::kTcp, 80, 90}, {Protocol::kUdp, 1, 65535}},
          .egress = false,
          .multicast = true,
          .raw = true,
          .ipv4 = false,
          .ipv6 = false,
          .loopback = Loopback::kHost,
          .host_loopback = {{Protocol::kTcp, 5432, 5432}},
          .alone = true,
          .connect = std::vector<ConnectTarget>{{"gitea", PortRange{Protocol::kTcp, 3000, 3001}}, {"db", {}}},
          .report_requested = true};
}

std::vector<Message> EveryMessage() {
  Hello bare;
  bare.name = "a";
  return {FullHello(),
          bare,
          Claim{Protocol::kUdp, At("[::ffff:127.84.3.1]:53"), true},
          Listener{Protocol::kTcp, At("[::]:80"), true, true},
          Listener{Protocol::kUdp, At("0.0.0.0:0"), false, false},
          Opened{{{Protocol::kUdp, At("0.0.0.0:0"), At("[::]:40123"), true, 0x123456789abcdef0},
                  {Protocol::kTcp, At("0.0.0.0:80"), At("127.84.3.1:80"), false, 1}}},
          Opened{},
          Counters{{1, 2, std::numeric_limits<uint64_t>::max()}, {0, 7}},
          Counters{},
          StatusRequest{},
          ExplainRequest{Protocol::kTcp, At("192.0.2.7:443")},
          Welcome{{Address("127.84.3.1"), {}}, "hook-b"},
          Result{13, "port tcp/80 is not granted"},
          Result{},
          Document{},
          Enclose{FullRules()},
          Enclose{},
          AuditRequest{},
          LetIn{{1, 0x123456789abcdef0}},
          LetIn{},
          Successor{4711},
          Succeeded{-1}};
}

Hello LargestHello() {
  Hello hello;
  hello.name = std::string(kMaxServiceNameLength, 'x');
  hello.addresses = {Address("127.84.3.1"), Address("fd5e::3:1")};
  for (size_t i = 0; i < kMaxPublications; ++i) {
    hello.publish.push_back({Protocol::kTcp, static_cast<uint16_t>(i + 1), {}});
  }
  for (size_t i = 0; i < kMaxPrefixesInAll; ++i) {
    hello.publish[i / kMaxPrefixes].on.push_back(Prefix::Host(Address("2001:db8::1")));
  }
  hello.walls.assign(kMaxWalls, std::string(kMaxNameLength, 'w'));
  return hello;
}

// The text of the error with which `message`, changed by `change`, is refused; empty if it is not.
template <typename ChangeFn>
std::string RefusalOf(const Message& message, ChangeFn change) {
  std::vector<uint8_t> bytes = Encode(message);
  change(bytes);
  return std::string(Decode(bytes).status().message());
}

TEST(Messages, EveryOneIsReadAsItWasWritten) {
  for (const Message& message : EveryMessage()) {
    const auto decoded = Decode(Encode(message));
    ASSERT_TRUE(decoded.ok()) << message.index() << ": " << decoded.status();
    EXPECT_TRUE(*decoded == message) << message.index();
  }
}

// The layout is a promise between a running service and a newer supervisor.
TEST(Messages, LayoutIsFixed) {
  const std::vector<uint8_t> claim = {'F', 'B', 'N', 'D', 4, 0, 2, 0, 17, 4, 127, 84, 3, 1, 0x35, 0x14, 1};
  EXPECT_EQ(Encode(Claim{Protocol::kUdp, At("127.84.3.1:5173"), true}), claim);
}

TEST(Messages, TheLargestOneOfEachKindFits) {
  EXPECT_LE(Encode(LargestHello()).size(), kMaxMessageSize);
  EXPECT_TRUE(Decode(Encode(LargestHello())).ok());
  const Counters counters{std::vector<uint64_t>(kMaxCounters, 1), std::vector<uint64_t>(kMaxCounters, 2)};
  EXPECT_LE(Encode(counters).size(), kMaxMessageSize);
  const OpenedSocket socket{Protocol::kTcp, At("[::]:80"), At("[fd5e::3:1]:80"), false, 1};
  EXPECT_LE(Encode(Opened{std::vector<OpenedSocket>(kMaxOpened, socket)}).size(), kMaxMessageSize);
  EXPECT_TRUE(Decode(Encode(counters)).ok());
  Enclose enclose{.rules = FullRules()};
  enclose.rules.ports->clear();
  for (size_t i = 0; i < kMaxWallPorts; ++i) {
    const auto port = static_cast<uint16_t>(2 * i + 1);
    enclose.rules.ports->push_back({Protocol::kTcp, port, port});
  }
  enclose.rules.host_loopback.assign(enclose.rules.ports->begin(), enclose.rules.ports->begin() + kMaxHostLoopback);
  const ConnectTarget target{std::string(kMaxServiceNameLength, 'x'), PortRange{Protocol::kTcp, 1, 65535}};
  enclose.rules.connect.emplace(kMaxConnectTargets, target);
  EXPECT_LE(Encode(enclose).size(), kMaxMessageSize);
  EXPECT_TRUE(Decode(Encode(enclose)).ok());
}

// The kernel looks for a port by halves.
TEST(Messages, PortsOutOfOrderAreRefused) {
  const auto swap = [](std::vector<uint8_t>& bytes) {
    std::swap_ranges(bytes.begin() + kBodyOffset + 3, bytes.begin() + kBodyOffset + 8, bytes.begin() + kBodyOffset + 8);
  };
  EXPECT_THAT(RefusalOf(Enclose{FullRules()}, swap), HasSubstr("ports: not in order"));
}

TEST(Messages, ALongTextIsCut) {
  const auto decoded = Decode(Encode(Result{1, std::string(kMaxTextLength + 100, 'x')}));
  EXPECT_EQ(std::get<Result>(*decoded).text, std::string(kMaxTextLength, 'x'));
}

TEST(Messages, EveryPrefixOfOneIsRefused) {
  for (const Message& message : EveryMessage()) {
    const std::vector<uint8_t> bytes = Encode(message);
    for (size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_EQ(Decode({bytes.data(), size}).status().code(), absl::StatusCode::kInvalidArgument) << message.index();
    }
  }
}

TEST(Messages, AByteTooManyIsRefused) {
  for (const Message& message : EveryMessage()) {
    EXPECT_THAT(RefusalOf(message, [](auto& bytes) { bytes.push_back(0); }), HasSubstr("bytes left over"));
  }
}

TEST(Messages, AnotherVersionIsNamed) {
  std::vector<uint8_t> bytes = Encode(StatusRequest{});
  bytes[kVersionOffset] = 9;
  bytes.push_back(77);  // whatever another version may put there
  const absl::Status status = Decode(bytes).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(), "the other side speaks version 9 of the protocol, this one version 4");
}

TEST(Messages, WhatIsNotOneIsRefused) {
  EXPECT_THAT(RefusalOf(Document{}, [](auto& bytes) { bytes[0] ^= 1; }), HasSubstr("begins with something else"));
  EXPECT_THAT(RefusalOf(Document{}, [](auto& bytes) { bytes[kTypeOffset] = 0; }), HasSubstr("unknown type 0"));
  constexpr uint8_t kNext = std::variant_size_v<Message> + 1;
  EXPECT_THAT(RefusalOf(Document{}, [](auto& bytes) { bytes[kTypeOffset] = kNext; }),
              HasSubstr(absl::StrCat("unknown type ", kNext)));
  EXPECT_THAT(RefusalOf(Document{}, [](auto& bytes) { bytes.resize(kMaxMessageSize + 1); }), HasSubstr("longer than"));
}

TEST(Messages, ValuesOutsideTheirEnumAreRefused) {
  const Message claim = Claim{Protocol::kTcp, At("127.84.3.1:80"), false};
  EXPECT_THAT(RefusalOf(claim, [](auto& bytes) { bytes[kBodyOffset] = 7; }), HasSubstr("protocol: an unknown value"));
  EXPECT_THAT(RefusalOf(claim, [](auto& bytes) { bytes[kBodyOffset + 1] = 5; }), HasSubstr("address family"));
  EXPECT_THAT(RefusalOf(claim, [](auto& bytes) { bytes.back() = 2; }), HasSubstr("dual-stack: neither 0 nor 1"));
}

TEST(Messages, AHelloMustNameAService) {
  const auto first_of_name = [](auto& bytes) { bytes[kBodyOffset + 2] = '/'; };
  EXPECT_THAT(RefusalOf(FullHello(), first_of_name), HasSubstr("not a service's name"));
  const auto long_name = [](auto& bytes) { bytes[kBodyOffset] = kMaxServiceNameLength + 1; };
  EXPECT_THAT(RefusalOf(LargestHello(), long_name), HasSubstr("name: too long"));
}

// Offsets into LargestHello(): the name, its length, the pid, two addresses with presence and family.
constexpr size_t kAddressesOffset = kBodyOffset + 2 + kMaxServiceNameLength + 4;
constexpr size_t kPublishOffset = kAddressesOffset + (2 + 4) + (2 + 16);

TEST(Messages, AnAddressMustBeOfItsPlacesFamily) {
  EXPECT_THAT(RefusalOf(LargestHello(), [](auto& bytes) { bytes[kAddressesOffset + 1] = 6; }),
              HasSubstr("of the other family"));
}

TEST(Messages, ListsKeepTheirBounds) {
  ASSERT_EQ(Encode(LargestHello())[kPublishOffset + 1], kMaxPublications >> 8);
  EXPECT_THAT(RefusalOf(LargestHello(), [](auto& bytes) { bytes[kPublishOffset] = 1; }),
              HasSubstr("publications: too many"));
  const size_t prefixes = kPublishOffset + 2 + 1 + 2;
  ASSERT_EQ(Encode(LargestHello())[prefixes], kMaxPrefixes);
  EXPECT_THAT(RefusalOf(LargestHello(), [&](auto& bytes) { bytes[prefixes] = kMaxPrefixes + 1; }),
              HasSubstr("prefixes: too many"));
  EXPECT_THAT(RefusalOf(LargestHello(), [&](auto& bytes) { bytes[kPublishOffset + 3] = 0; }),
              HasSubstr("published port: any, but not at stage F"))
      << "its low byte was 1, its high byte 0";
}

TEST(Messages, APrefixMustBeOne) {
  const size_t length = kPublishOffset + 2 + 1 + 2 + 2 + 1 + 16;
  ASSERT_EQ(Encode(LargestHello())[length], 128);
  EXPECT_THAT(RefusalOf(LargestHello(), [&](auto& bytes) { bytes[length] = 129; }), HasSubstr("host bits"));
  EXPECT_THAT(RefusalOf(LargestHello(), [&](auto& bytes) { bytes[length] = 64; }), HasSubstr("host bits"));
}

TEST(Messages, TooManyPrefixesInAllAreRefused) {
  // One prefix more than may be, put together from two encodings: a publication of one prefix in place of one of none.
  Hello hello;
  hello.name = "a";
  hello.publish = {{Protocol::kTcp, 1, std::vector<Prefix>(kMaxPrefixes, Prefix::Host(Address("1.2.3.4")))}};
  const std::vector<uint8_t> one = Encode(hello);
  hello.publish.clear();
  const std::vector<uint8_t> none = Encode(hello);
  const size_t list = kBodyOffset + 2 + 1 + 4 + 1 + 1;
  const std::vector<uint8_t> publication(one.begin() + list + 2, one.begin() + list + 2 + (one.size() - none.size()));
  std::vector<uint8_t> bytes(none.begin(), none.begin() + list);
  const size_t count = kMaxPrefixesInAll / kMaxPrefixes + 1;
  bytes.push_back(count);
  bytes.push_back(0);
  for (size_t i = 0; i < count; ++i) bytes.insert(bytes.end(), publication.begin(), publication.end());
  bytes.insert(bytes.end(), none.begin() + list + 2, none.end());
  EXPECT_THAT(Decode(bytes).status().message(), HasSubstr("prefixes: too many in all"));
}

// What Decode() accepts is exactly what Encode() writes.
TEST(Messages, AMutatedOneIsRefusedOrWrittenTheSameAgain) {
  std::mt19937 random(4711);
  int accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    const std::vector<Message> messages = EveryMessage();
    std::vector<uint8_t> bytes = Encode(messages[random() % messages.size()]);
    const size_t changes = 1 + random() % 3;
    for (size_t i = 0; i < changes; ++i) bytes[random() % bytes.size()] = static_cast<uint8_t>(random());
    const auto decoded = Decode(bytes);
    if (!decoded.ok()) continue;
    ++accepted;
    ASSERT_EQ(Encode(*decoded), bytes);
  }
  EXPECT_GT(accepted, 1000);
}

}  // namespace
}  // namespace forcebind::wire
