// SPDX-License-Identifier: Apache-2.0
#include "core/address_plan.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace forcebind {
namespace {

Prefix Network(const std::string& text) { return Prefix::Parse(text).value(); }

TEST(AddressPlan, DefaultPoolIsTheSecondQuarterOfLoopback) { EXPECT_EQ(DefaultPool(), Network("127.64.0.0/10")); }

TEST(AddressPlan, UlaPrefixHoldsTheGlobalIdBehindFd) {
  EXPECT_EQ(UlaPrefix({0x5e, 0x1f, 0x2a, 0x90, 0xc1}), Network("fd5e:1f2a:90c1::/48"));
  EXPECT_EQ(UlaPrefix({0xff, 0xff, 0xff, 0xff, 0xff}), Network("fdff:ffff:ffff::/48"));
}

// These must never change: services, /etc/hosts and peers remember them.
TEST(AddressPlan, NamesKeepTheirAddressesForEver) {
  const Prefix ula = Network("fd5e:1f2a:90c1::/48");
  const auto both = [&](const std::string& name, uint32_t attempt) {
    const PrivateAddresses addresses = AddressesFor(name, attempt, DefaultPool(), ula);
    return addresses.v4->ToString() + " " + addresses.v6->ToString();
  };
  EXPECT_EQ(both("nginx", 0), "127.71.175.126 fd5e:1f2a:90c1::7:af7e");
  EXPECT_EQ(both("nginx", 1), "127.71.88.215 fd5e:1f2a:90c1::7:58d7");
  EXPECT_EQ(both("gitea", 0), "127.98.242.193 fd5e:1f2a:90c1::22:f2c1");
}

TEST(AddressPlan, TheTwoAddressesShareTheirLowBits) {
  const PrivateAddresses addresses = AddressesFor("nginx", 0, DefaultPool(), Network("fd5e:1f2a:90c1::/48"));
  const auto& v6 = addresses.v6->bytes();
  const uint32_t low = v6[12] << 24 | v6[13] << 16 | v6[14] << 8 | v6[15];
  EXPECT_EQ(addresses.v4->v4() & 0x003fffff, low);
  EXPECT_TRUE(Network("fd5e:1f2a:90c1::/48").Contains(*addresses.v6));
}

TEST(AddressPlan, WithoutAUlaPrefixThereIsNoIpv6Address) {
  EXPECT_FALSE(AddressesFor("nginx", 0, DefaultPool(), std::nullopt).v6.has_value());
}

TEST(AddressPlan, GivesOutNoNetworkOrBroadcastLikeAddress) {
  for (const char* pool :
       {"127.64.0.0/10", "127.200.7.0/24", "127.200.7.248/30", "127.200.7.252/30", "127.200.7.0/30"}) {
    for (uint32_t attempt = 0; attempt < 2000; ++attempt) {
      const IpAddress address = *AddressesFor("x", attempt, Network(pool), std::nullopt).v4;
      ASSERT_TRUE(Network(pool).Contains(address)) << pool << " " << address.ToString();
      ASSERT_NE(address, Network(pool).base);
      ASSERT_NE(address.v4() & 0xff, 0u) << pool;
      ASSERT_NE(address.v4() & 0xff, 255u) << pool;
    }
  }
}

TEST(AddressPlan, AttemptsReachEveryAddressOfASmallPool) {
  std::set<IpAddress> seen;
  for (uint32_t attempt = 0; attempt < 20000; ++attempt) {
    seen.insert(*AddressesFor("web", attempt, Network("127.200.7.0/24"), std::nullopt).v4);
  }
  EXPECT_EQ(seen.size(), 254u);
}

TEST(AddressPlan, AThousandNamesHardlyCollide) {
  std::set<IpAddress> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(*AddressesFor("service-" + std::to_string(i), 0, DefaultPool(), {}).v4);
  // 1000² / 2 / 2²² = 0.12 collisions are to be expected.
  EXPECT_GE(seen.size(), 998u);
}

}  // namespace
}  // namespace forcebind
