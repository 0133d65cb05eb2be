// SPDX-License-Identifier: Apache-2.0
#include "core/endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace forcebind {
namespace {

using ::testing::HasSubstr;

IpAddress Address(const std::string& text) { return IpAddress::Parse(text).value(); }
Prefix Network(const std::string& text) { return Prefix::Parse(text).value(); }

TEST(IpAddress, IsWrittenAsItWasRead) {
  for (const char* text : {"0.0.0.0", "127.84.3.1", "255.255.255.255", "::", "::1", "fd5e:1f2a:90c1::3:1",
                           "::ffff:127.0.0.1", "ff02::1", "2001:db8:1:2:3:4:5:6"}) {
    EXPECT_EQ(Address(text).ToString(), text);
  }
}

TEST(IpAddress, RefusesWhatIsNotAnAddressAndNamesIt) {
  for (const std::string text :
       {"", "1.2.3", "1.2.3.4.5", "256.0.0.1", " 1.2.3.4", "[::1]", "fe80::1%lo", ":::", "host"}) {
    const auto address = IpAddress::Parse(text);
    ASSERT_EQ(address.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_EQ(address.status().message(), "\"" + text + "\" is not an IPv4 or IPv6 address");
  }
}

TEST(IpAddress, EndsAtNoZeroByte) {
  EXPECT_FALSE(IpAddress::Parse(absl::string_view("127.0.0.1\0x", 11)).ok());
  EXPECT_FALSE(IpAddress::Parse(absl::string_view("::1\0", 4)).ok());
}

TEST(IpAddress, KeepsIpv4InHostOrder) {
  EXPECT_EQ(Address("127.84.3.1").v4(), 0x7f540301u);
  EXPECT_EQ(IpAddress::V4(0x7f540301), Address("127.84.3.1"));
  EXPECT_EQ(IpAddress::FromBytes(Family::kIpv4, {255, 2, 3, 4}), Address("255.2.3.4"));
}

TEST(IpAddress, MappedAndUnmappedAreInverse) {
  EXPECT_EQ(Address("127.0.0.9").Mapped(), Address("::ffff:127.0.0.9"));
  EXPECT_EQ(Address("::ffff:127.0.0.9").Unmapped(), Address("127.0.0.9"));
  EXPECT_EQ(Address("fd00::1").Mapped(), Address("fd00::1"));
  EXPECT_EQ(Address("fd00::1").Unmapped(), Address("fd00::1"));
}

TEST(IpAddress, OnlyTheUnspecifiedAddressIsTheWildcard) {
  EXPECT_TRUE(Address("0.0.0.0").IsWildcard());
  EXPECT_TRUE(Address("::").IsWildcard());
  EXPECT_FALSE(Address("::ffff:0.0.0.0").IsWildcard());
  EXPECT_FALSE(Address("0.0.0.1").IsWildcard());
  EXPECT_NE(Address("0.0.0.0"), Address("::"));
}

TEST(IpAddress, KnowsItsRanges) {
  EXPECT_TRUE(Address("127.255.0.1").IsLoopback());
  EXPECT_TRUE(Address("::1").IsLoopback());
  EXPECT_FALSE(Address("::2").IsLoopback());
  EXPECT_FALSE(Address("128.0.0.1").IsLoopback());
  EXPECT_TRUE(Address("224.0.0.1").IsMulticast());
  EXPECT_TRUE(Address("239.255.255.255").IsMulticast());
  EXPECT_FALSE(Address("240.0.0.1").IsMulticast());
  EXPECT_TRUE(Address("ff02::1").IsMulticast());
  EXPECT_TRUE(Address("fe80::1").IsLinkLocal());
  EXPECT_TRUE(Address("febf::1").IsLinkLocal());
  EXPECT_FALSE(Address("fec0::1").IsLinkLocal());
  EXPECT_TRUE(Address("169.254.1.1").IsLinkLocal());
  EXPECT_TRUE(Address("fd00::1").IsUla());
  EXPECT_FALSE(Address("fc00::1").IsUla());
}

TEST(IpAddress, PrivateRangeIsLoopbackWithoutItsEndsAndTheLocallyAssignedUlas) {
  EXPECT_TRUE(Address("127.0.0.1").IsPrivateRange());
  EXPECT_TRUE(Address("127.255.255.254").IsPrivateRange());
  EXPECT_FALSE(Address("127.0.0.0").IsPrivateRange());
  EXPECT_FALSE(Address("127.255.255.255").IsPrivateRange());
  EXPECT_TRUE(Address("fd5e::1").IsPrivateRange());
  EXPECT_FALSE(Address("::1").IsPrivateRange());
  EXPECT_FALSE(Address("192.0.2.7").IsPrivateRange());
  EXPECT_FALSE(Address("::ffff:127.0.0.1").IsPrivateRange());
}

TEST(Endpoint, IsWrittenAsItWasRead) {
  for (const char* text : {"127.0.0.1:80", "0.0.0.0:0", "[fd5e::7]:65535", "[::]:443", "[::ffff:127.0.0.1]:1"}) {
    const auto endpoint = Endpoint::Parse(text);
    ASSERT_TRUE(endpoint.ok()) << text;
    EXPECT_EQ(endpoint->ToString(), text);
  }
}

TEST(Endpoint, RefusesWhatIsNotOne) {
  for (const char* text : {"", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:+1", "127.0.0.1: 1",
                           "127.0.0.1:080", "[127.0.0.1]:80", "::1:80", "[::1]", "[::1]80", "[]:1"}) {
    EXPECT_FALSE(Endpoint::Parse(text).ok()) << text;
  }
}

TEST(Prefix, IsWrittenAsItWasRead) {
  for (const char* text : {"192.0.2.0/24", "0.0.0.0/0", "::/0", "2001:db8::/32", "127.0.0.1/32"}) {
    EXPECT_EQ(Network(text).ToString(), text);
  }
}

TEST(Prefix, BareAddressIsAPrefixOfItsFullLength) {
  EXPECT_EQ(Network("192.0.2.7").length, 32);
  EXPECT_EQ(Network("2001:db8::7").length, 128);
}

TEST(Prefix, RefusesHostBitsAndLengthsThatTheFamilyDoesNotHave) {
  EXPECT_THAT(Prefix::Parse("192.0.2.1/24").status().message(), HasSubstr("bits set behind the first 24"));
  EXPECT_THAT(Prefix::Parse("192.0.2.0/33").status().message(), HasSubstr("0 to 32"));
  EXPECT_THAT(Prefix::Parse("::/129").status().message(), HasSubstr("0 to 128"));
  EXPECT_THAT(Prefix::Parse("192.0.2.0/").status().message(), HasSubstr("0 to 32"));
  EXPECT_THAT(Prefix::Parse("lan/8").status().message(), HasSubstr("is not a network"));
}

TEST(Prefix, RefusesMappedAddressesAndSaysHowToWriteThem) {
  EXPECT_THAT(Prefix::Parse("::ffff:192.0.2.0/120").status().message(), HasSubstr("write 192.0.2.0/24"));
  EXPECT_FALSE((Prefix{Address("::ffff:192.0.2.0"), 120}).IsValid());
  EXPECT_FALSE((Prefix{Address("192.0.2.0"), 33}).IsValid());
  EXPECT_FALSE((Prefix{Address("192.0.2.0"), -1}).IsValid());
  EXPECT_FALSE((Prefix{Address("192.0.2.1"), 24}).IsValid());
  EXPECT_TRUE((Prefix{Address("192.0.2.0"), 24}).IsValid());
}

TEST(Prefix, ContainsGoesByTheBit) {
  EXPECT_TRUE(Network("192.0.2.128/25").Contains(Address("192.0.2.128")));
  EXPECT_TRUE(Network("192.0.2.128/25").Contains(Address("192.0.2.255")));
  EXPECT_FALSE(Network("192.0.2.128/25").Contains(Address("192.0.2.127")));
  EXPECT_TRUE(Network("2001:db8::/33").Contains(Address("2001:db8:7fff::1")));
  EXPECT_FALSE(Network("2001:db8::/33").Contains(Address("2001:db8:8000::1")));
  EXPECT_TRUE(Network("127.0.0.1").Contains(Address("127.0.0.1")));
  EXPECT_FALSE(Network("127.0.0.1").Contains(Address("127.0.0.2")));
}

TEST(Prefix, AllHoldsItsFamilyAndNoOther) {
  EXPECT_TRUE(Prefix::All(Family::kIpv4).Contains(Address("255.1.2.3")));
  EXPECT_FALSE(Prefix::All(Family::kIpv4).Contains(Address("::1")));
  EXPECT_TRUE(Prefix::All(Family::kIpv6).Contains(Address("ff02::1")));
  EXPECT_FALSE(Prefix::All(Family::kIpv6).Contains(Address("1.2.3.4")));
}

TEST(PortRange, IsWrittenAsItWasRead) {
  for (const char* text : {"tcp/1", "udp/65535", "tcp/8080-8090"}) {
    const auto range = PortRange::Parse(text);
    ASSERT_TRUE(range.ok()) << text;
    EXPECT_EQ(range->ToString(), text);
  }
}

TEST(PortRange, RefusesWhatIsNotOne) {
  for (const char* text : {"", "80", "tcp", "tcp/", "tcp/0", "tcp/0-5", "tcp/65536", "sctp/80", "TCP/80", "tcp/80-",
                           "tcp/-80", "tcp/1-2-3", "tcp/ 80", "tcp//80", "tcp/080", "tcp/80 "}) {
    EXPECT_FALSE(PortRange::Parse(text).ok()) << text;
  }
  EXPECT_EQ(PortRange::Parse("tcp/90-80").status().message(), "\"tcp/90-80\" ends before it begins");
}

TEST(PortRange, ContainsItsEndsAndNoOtherProtocol) {
  const PortRange range = PortRange::Parse("tcp/8080-8090").value();
  EXPECT_TRUE(range.Contains(Protocol::kTcp, 8080));
  EXPECT_TRUE(range.Contains(Protocol::kTcp, 8090));
  EXPECT_FALSE(range.Contains(Protocol::kTcp, 8079));
  EXPECT_FALSE(range.Contains(Protocol::kTcp, 8091));
  EXPECT_FALSE(range.Contains(Protocol::kUdp, 8080));
}

}  // namespace
}  // namespace forcebind
