// SPDX-License-Identifier: Apache-2.0
// What KernelHostFacts says of addresses and ports, in a network whose addresses are known.
#include "notify/host_facts.h"

#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <fstream>

#include "tests/support/child_process.h"
#include "tests/support/netns.h"

namespace forcebind {
namespace {

using Kind = HostFacts::AddressKind;
constexpr uid_t kOrdinaryUser = 65534;

class HostFactsTest : public testing::Test {
 protected:
  void SetUp() override {
    auto network = TestNetwork::Create();
    ASSERT_TRUE(network.ok()) << network.status().ToString();
    network_ = *std::move(network);
    v4_.reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    v6_.reset(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  }
  Kind Classify(const char* address, uint32_t scope_id = 0) {
    const IpAddress parsed = *IpAddress::Parse(address);
    return KernelHostFacts(getpid(), parsed.is_v4() ? v4_.get() : v6_.get(), scope_id).Classify(parsed);
  }
  void SetOption(int level, int option) {
    const int on = 1;
    ASSERT_EQ(setsockopt(level == IPPROTO_IP ? v4_.get() : v6_.get(), level, option, &on, sizeof(on)), 0);
  }

  std::unique_ptr<TestNetwork> network_;
  UniqueFd v4_, v6_;
};

TEST_F(HostFactsTest, TheHostsAddresses) {
  EXPECT_EQ(Classify("192.0.2.7"), Kind::kLocal);
  EXPECT_EQ(Classify("2001:db8::8"), Kind::kLocal);
}

TEST_F(HostFactsTest, OtherHostsAddresses) {
  EXPECT_EQ(Classify("192.0.2.100"), Kind::kForeign);
  EXPECT_EQ(Classify("203.0.113.1"), Kind::kForeign);
  EXPECT_EQ(Classify("2001:db8::100"), Kind::kForeign);
}

TEST_F(HostFactsTest, BroadcastAddresses) {
  EXPECT_EQ(Classify("192.0.2.255"), Kind::kBroadcast);
  EXPECT_EQ(Classify("255.255.255.255"), Kind::kBroadcast);
}

TEST_F(HostFactsTest, LinkLocalAddressesHaveAnInterface) {
  EXPECT_EQ(Classify("fe80::1", 4000), Kind::kNoInterface);
  EXPECT_EQ(Classify("fe80::1", if_nametoindex("lo")), Kind::kForeign);
}

TEST_F(HostFactsTest, FreebindAndTransparentMakeEveryAddressTheirOwn) {
  SetOption(IPPROTO_IP, IP_FREEBIND);
  EXPECT_EQ(Classify("203.0.113.1"), Kind::kLocal);
  SetOption(IPPROTO_IPV6, IPV6_TRANSPARENT);
  EXPECT_EQ(Classify("2001:db8::100"), Kind::kLocal);
}

TEST_F(HostFactsTest, PortsOfARootService) { EXPECT_TRUE(KernelHostFacts(getpid(), v4_.get(), 0).MayBindPort(1)); }

TEST_F(HostFactsTest, PortsOfAnOrdinaryUser) {
  ChildProcess service({"cat"}, ChildInput::kPipe, [] {
    if (setresuid(kOrdinaryUser, kOrdinaryUser, kOrdinaryUser) != 0) _exit(1);
  });
  service.Write("there\n");
  ASSERT_TRUE(service.ReadUntil("there\n"));
  KernelHostFacts facts(service.pid(), v4_.get(), 0);
  EXPECT_FALSE(facts.MayBindPort(1023));
  EXPECT_TRUE(facts.MayBindPort(1024));
  std::ofstream("/proc/sys/net/ipv4/ip_unprivileged_port_start") << "80\n";
  EXPECT_FALSE(facts.MayBindPort(79));
  EXPECT_TRUE(facts.MayBindPort(80));
}

}  // namespace
}  // namespace forcebind
