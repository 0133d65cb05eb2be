// SPDX-License-Identifier: Apache-2.0
// Exact listeners of programs that know nothing of forcebind, in more ways than the table has rows for.
#include <errno.h>
#include <linux/in6.h>
#include <netinet/in.h>

#include <utility>

#include "sys/errno_status.h"
#include "tests/conformance/conformance.h"

namespace forcebind {

TEST_P(ForEachProtocol, AListenerIsSeenBeforeItsCallReturns) {
  const auto& [factory, protocol] = GetParam();
  StartBackend(factory);
  Player service("service", At(protocol, "127.84.3.1")), stranger("stranger", At(protocol, "192.0.2.7"));
  ASSERT_OPEN(service);
  Publish(protocol, {&service}, {"0.0.0.0/0"});
  for (int i = 0; i < 100; ++i) {
    ASSERT_OPEN(stranger);
    ASSERT_EQ(Who(protocol, "192.0.2.7", {&service, &stranger}), "stranger") << i;
    stranger.Close();
    ASSERT_EQ(Who(protocol, "192.0.2.7", {&service, &stranger}), "service") << i;
  }
}

// A new connection's socket is made as a copy of its listener: its changes of state are not the listener's.
TEST_P(ForEachProtocol, AListenerStaysKnownHoweverManyClientsItServes) {
  const auto& [factory, protocol] = GetParam();
  StartBackend(factory);
  Player service("service", At(protocol, "127.84.3.1")), stranger("stranger", At(protocol, "192.0.2.7"));
  Player ipv6("ipv6", At(protocol, "2001:db8::7"));
  ASSERT_OPEN(service);
  ASSERT_OPEN(stranger);
  ASSERT_OPEN(ipv6);
  Publish(protocol, {&service}, {"0.0.0.0/0", "::/0"});
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(Who(protocol, "192.0.2.7", {&service, &stranger, &ipv6}), "stranger") << i;
    ASSERT_EQ(Who(protocol, "2001:db8::7", {&service, &stranger, &ipv6}), "ipv6") << i;
  }
}

TEST_P(ForEachProtocol, ASecondDescriptorKeepsTheListenerKnown) {
  const auto& [factory, protocol] = GetParam();
  StartBackend(factory);
  Player service("service", At(protocol, "127.84.3.1")), stranger("stranger", At(protocol, "192.0.2.7"));
  ASSERT_OPEN(service);
  ASSERT_OPEN(stranger);
  Publish(protocol, {&service}, {"0.0.0.0/0"});
  Player copy("copy", stranger.spec());
  copy.Adopt(UniqueFd(dup(stranger.fd())));
  stranger.Close();
  EXPECT_EQ(Who(protocol, "192.0.2.7", {&service, &copy}), "copy");
  copy.Close();
  EXPECT_EQ(Who(protocol, "192.0.2.7", {&service, &copy}), "service");
}

TEST_P(ForEachProtocol, TheLastOfSeveralListenersOnOneAddressEndsIt) {
  const auto& [factory, protocol] = GetParam();
  StartBackend(factory);
  Player service("service", At(protocol, "127.84.3.1"));
  SocketSpec shared = At(protocol, "192.0.2.7");
  shared.reuse_port = true;
  Player first("stranger", shared), second("stranger", shared);
  ASSERT_OPEN(service);
  ASSERT_OPEN(first);
  ASSERT_OPEN(second);
  Publish(protocol, {&service}, {"0.0.0.0/0"});
  EXPECT_EQ(Who(protocol, "192.0.2.7", {&service, &first, &second}), "stranger");
  first.Close();
  EXPECT_EQ(Who(protocol, "192.0.2.7", {&service, &first, &second}), "stranger");
  second.Close();
  EXPECT_EQ(Who(protocol, "192.0.2.7", {&service, &first, &second}), "service");
}

TEST_P(ForEachProtocol, AListenerBoundToADeviceCountsForThatDeviceOnly) {
  const auto& [factory, protocol] = GetParam();
  StartBackend(factory);
  Player service("service", At(protocol, "127.84.3.1"));
  SocketSpec elsewhere = At(protocol, "192.0.2.7"), here = At(protocol, "192.0.2.8");
  elsewhere.device = "lo";
  here.device = "public";
  Player on_lo("on lo", elsewhere), on_public("on public", here);
  ASSERT_OPEN(service);
  ASSERT_OPEN(on_lo);
  ASSERT_OPEN(on_public);
  Publish(protocol, {&service}, {"0.0.0.0/0"});
  const std::vector<Player*> all = {&service, &on_lo, &on_public};
  EXPECT_EQ(Who(protocol, "192.0.2.7", all), "service");
  EXPECT_EQ(Who(protocol, "192.0.2.8", all), "on public");
}

TEST_P(ForEachProtocol, AListenerInAnotherNetworkNamespaceDoesNotCount) {
  const auto& [factory, protocol] = GetParam();
  StartBackend(factory);
  Player service("service", At(protocol, "127.84.3.1")), far("far", At(protocol, "192.0.2.7"));
  ASSERT_OPEN(service);
  Publish(protocol, {&service}, {"0.0.0.0/0"});
  // Another network where the same address exists.
  UniqueFd other_netns = NewNetns();
  ASSERT_TRUE(other_netns.valid());
  {
    EnteredNetns entered(other_netns.get());
    ASSERT_OK(IpBatch("link set lo up\naddr add 192.0.2.7/32 dev lo\n"));
    ASSERT_OPEN(far);
  }
  EXPECT_EQ(Who(protocol, "192.0.2.7", {&service, &far}), "service");
}

TEST_P(ForTheBackend, AListenerThatIsShutDownIsGoneUntilItListensAgain) {
  StartBackend(GetParam());
  Player service("service", At(Protocol::kTcp, "127.84.3.1")), stranger("stranger", At(Protocol::kTcp, "192.0.2.7"));
  ASSERT_OPEN(service);
  ASSERT_OPEN(stranger);
  Publish(Protocol::kTcp, {&service}, {"0.0.0.0/0"});
  EXPECT_EQ(Who(Protocol::kTcp, "192.0.2.7", {&service, &stranger}), "stranger");
  ASSERT_EQ(stranger.Shutdown(), 0);
  EXPECT_EQ(Who(Protocol::kTcp, "192.0.2.7", {&service}), "service");
  ASSERT_EQ(stranger.ListenAgain(), 0);
  EXPECT_EQ(Who(Protocol::kTcp, "192.0.2.7", {&service, &stranger}), "stranger");
}

TEST_P(ForTheBackend, AnMptcpListenerCounts) {
  StartBackend(GetParam());
  SocketSpec mptcp = At(Protocol::kTcp, "192.0.2.7");
  mptcp.mptcp = true;
  Player service("service", At(Protocol::kTcp, "127.84.3.1")), stranger("stranger", mptcp);
  ASSERT_OPEN(service);
  Publish(Protocol::kTcp, {&service}, {"0.0.0.0/0"});
  const int error = stranger.Open();
  if (error == EPROTONOSUPPORT || error == ENOPROTOOPT) GTEST_SKIP() << "this kernel has no MPTCP";
  ASSERT_EQ(error, 0) << ErrnoName(error);
  EXPECT_EQ(Who(Protocol::kTcp, "192.0.2.7", {&service, &stranger}), "stranger");
  stranger.Close();
  EXPECT_EQ(Who(Protocol::kTcp, "192.0.2.7", {&service, &stranger}), "service");
}

// Such a socket hears its peer alone; for everybody else nobody is there.
TEST_P(ForTheBackend, AConnectedUdpSocketDoesNotCountButKeepsItsPeer) {
  StartBackend(GetParam());
  Player service("service", At(Protocol::kUdp, "127.84.3.1")), stranger("stranger", At(Protocol::kUdp, "192.0.2.7"));
  ASSERT_OPEN(service);
  ASSERT_OPEN(stranger);
  Publish(Protocol::kUdp, {&service}, {"0.0.0.0/0"});
  UniqueFd peer = UdpClient(*network_, Family::kIpv4);
  ASSERT_EQ(BindTo(peer.get(), {Ip("192.0.2.100"), 5000}), 0);
  ASSERT_EQ(ConnectTo(stranger.fd(), {Ip("192.0.2.100"), 5000}), 0);

  EXPECT_EQ(Who(Protocol::kUdp, "192.0.2.7", {&service, &stranger}), "service");
  EXPECT_EQ(WhoHears(peer.get(), {Ip("192.0.2.7"), kPort}, {&service, &stranger}), "stranger");
  ASSERT_OK(backend_->Tick());
  EXPECT_EQ(Who(Protocol::kUdp, "192.0.2.7", {&service, &stranger}), "service");

  sockaddr nobody{};
  nobody.sa_family = AF_UNSPEC;
  ASSERT_EQ(connect(stranger.fd(), &nobody, sizeof(nobody)), 0);
  ASSERT_OK(backend_->Tick());
  EXPECT_EQ(Who(Protocol::kUdp, "192.0.2.7", {&service, &stranger}), "stranger");
}

TEST_P(ForEachProtocol, ListenersStayKnownOverManyTicks) {
  const auto& [factory, protocol] = GetParam();
  StartBackend(factory);
  Player service("service", At(protocol, "127.84.3.1")), stranger("stranger", At(protocol, "192.0.2.7"));
  ASSERT_OPEN(service);
  ASSERT_OPEN(stranger);
  Publish(protocol, {&service}, {"0.0.0.0/0"});
  for (int i = 0; i < 5; ++i) ASSERT_OK(backend_->Tick());
  EXPECT_EQ(Who(protocol, "192.0.2.7", {&service, &stranger}), "stranger");
  stranger.Close();
  EXPECT_EQ(Who(protocol, "192.0.2.7", {&service, &stranger}), "service");
  for (int i = 0; i < 5; ++i) ASSERT_OK(backend_->Tick());
  EXPECT_EQ(Who(protocol, "192.0.2.7", {&service, &stranger}), "service");
}

}  // namespace forcebind
