// SPDX-License-Identifier: Apache-2.0
#include "core/service_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace forcebind {
namespace {

using ::testing::HasSubstr;

IpAddress Address(const std::string& text) { return IpAddress::Parse(text).value(); }

TEST(PrivateAddresses, ContainsTheIpv4AddressInBothForms) {
  const PrivateAddresses addresses{Address("127.84.3.1"), Address("fd5e::1")};
  EXPECT_TRUE(addresses.Contains(Address("127.84.3.1")));
  EXPECT_TRUE(addresses.Contains(Address("::ffff:127.84.3.1")));
  EXPECT_TRUE(addresses.Contains(Address("fd5e::1")));
  EXPECT_FALSE(addresses.Contains(Address("127.84.3.2")));
  EXPECT_FALSE(addresses.Contains(Address("fd5e::2")));
}

TEST(PrivateAddresses, ContainsNothingWhenEmpty) {
  EXPECT_FALSE(PrivateAddresses{}.Contains(Address("0.0.0.0")));
  EXPECT_FALSE(PrivateAddresses{}.Contains(Address("::")));
}

TEST(AddPrivateAddress, TakesOneOfEachFamily) {
  PrivateAddresses addresses;
  EXPECT_TRUE(AddPrivateAddress(Address("127.84.3.1"), &addresses).ok());
  EXPECT_TRUE(AddPrivateAddress(Address("fd5e::1"), &addresses).ok());
  EXPECT_THAT(AddPrivateAddress(Address("127.84.3.2"), &addresses).message(), HasSubstr("second IPv4 address"));
  EXPECT_THAT(AddPrivateAddress(Address("fd5e::2"), &addresses).message(), HasSubstr("second IPv6 address"));
  EXPECT_EQ(addresses.v4, Address("127.84.3.1"));
  EXPECT_EQ(addresses.v6, Address("fd5e::1"));
}

TEST(AddPrivateAddress, RefusesWhatIsNotInThePrivateRange) {
  PrivateAddresses addresses;
  for (const char* text : {"0.0.0.0", "192.0.2.7", "127.0.0.0", "::", "::1", "2001:db8::1", "::ffff:127.0.0.1"}) {
    EXPECT_FALSE(AddPrivateAddress(Address(text), &addresses).ok()) << text;
  }
  EXPECT_EQ(addresses, PrivateAddresses{});
}

Publication Publish(uint16_t port, size_t prefixes = 0) {
  Publication publication{Protocol::kTcp, port, {}};
  for (size_t i = 0; i < prefixes; ++i) {
    publication.on.push_back(Prefix::Host(IpAddress::V4(0xc0000200 + static_cast<uint32_t>(i))));
  }
  return publication;
}

TEST(AddPublication, RefusesAPortTwice) {
  std::vector<Publication> publish;
  EXPECT_TRUE(AddPublication(Publish(80), &publish).ok());
  EXPECT_EQ(AddPublication(Publish(80, 1), &publish).message(), "tcp/80 is published twice");
  Publication udp = Publish(80);
  udp.protocol = Protocol::kUdp;
  EXPECT_TRUE(AddPublication(udp, &publish).ok());
  EXPECT_EQ(publish.size(), 2u);
}

TEST(AddPublication, KeepsTheLimits) {
  std::vector<Publication> publish;
  EXPECT_FALSE(AddPublication(Publish(1, kMaxPrefixes + 1), &publish).ok());
  for (uint16_t port = 1; port <= kMaxPrefixesInAll / kMaxPrefixes; ++port) {
    ASSERT_TRUE(AddPublication(Publish(port, kMaxPrefixes), &publish).ok()) << port;
  }
  EXPECT_FALSE(AddPublication(Publish(1000, 1), &publish).ok()) << "too many prefixes in all";
  for (uint16_t port = 1000; publish.size() < kMaxPublications; ++port) {
    ASSERT_TRUE(AddPublication(Publish(port), &publish).ok()) << port;
  }
  EXPECT_THAT(AddPublication(Publish(9999), &publish).message(), HasSubstr("one too many"));
}

TEST(ServicePolicy, WithoutAllowEveryPortIsAllowed) {
  ServicePolicy policy;
  policy.publish = {Publish(80)};
  EXPECT_TRUE(policy.AllowsPort(Protocol::kTcp, 80));
  EXPECT_TRUE(policy.AllowsPort(Protocol::kUdp, 12345));
}

TEST(ServicePolicy, WithAnEmptyAllowOnlyPublishedPortsAndPortZeroAreAllowed) {
  ServicePolicy policy;
  policy.publish = {Publish(80)};
  policy.allow.emplace();
  EXPECT_TRUE(policy.AllowsPort(Protocol::kTcp, 80));
  EXPECT_TRUE(policy.AllowsPort(Protocol::kTcp, 0));
  EXPECT_FALSE(policy.AllowsPort(Protocol::kUdp, 80));
  EXPECT_FALSE(policy.AllowsPort(Protocol::kTcp, 81));
}

TEST(ServicePolicy, AllowNamesRangesOfOneProtocol) {
  ServicePolicy policy;
  policy.allow = {PortRange::Parse("tcp/8080-8090").value()};
  EXPECT_TRUE(policy.AllowsPort(Protocol::kTcp, 8090));
  EXPECT_FALSE(policy.AllowsPort(Protocol::kTcp, 8091));
  EXPECT_FALSE(policy.AllowsPort(Protocol::kUdp, 8090));
}

TEST(ServicePolicy, FindsAPublicationByProtocolAndPort) {
  ServicePolicy policy;
  policy.publish = {Publish(80), Publish(443)};
  EXPECT_EQ(policy.FindPublication(Protocol::kTcp, 443), &policy.publish[1]);
  EXPECT_EQ(policy.FindPublication(Protocol::kUdp, 443), nullptr);
  EXPECT_EQ(policy.FindPublication(Protocol::kTcp, 444), nullptr);
}

TEST(IsServiceName, TakesLettersDigitsDotsHyphensUnderscores) {
  for (const std::string& name : {std::string("a"), std::string("nginx"), std::string("web-2.example_x"),
                                  std::string("9p"), std::string(63, 'x')}) {
    EXPECT_TRUE(IsServiceName(name)) << name;
  }
  for (const std::string& name :
       {std::string(), std::string(".a"), std::string("-a"), std::string("_a"), std::string("a b"), std::string("a/b"),
        std::string("a\n"), std::string("ä"), std::string("a\0b", 3), std::string(64, 'x')}) {
    EXPECT_FALSE(IsServiceName(name)) << name;
  }
}

}  // namespace
}  // namespace forcebind
