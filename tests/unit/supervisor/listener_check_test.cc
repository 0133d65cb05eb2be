// SPDX-License-Identifier: Apache-2.0
#include "supervisor/listener_check.h"

#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "sys/unique_fd.h"

namespace forcebind {
namespace {

constexpr uint64_t kNetns = 7;

PrivateAddresses Own() { return {.v4 = *IpAddress::Parse("127.84.3.1"), .v6 = *IpAddress::Parse("fd5e::7")}; }

SocketReport Good() {
  SocketReport report;
  report.is_socket = report.accepting = true;
  report.domain = AF_INET;
  report.type = SOCK_STREAM;
  report.protocol = IPPROTO_TCP;
  report.local = *Endpoint::Parse("127.84.3.1:80");
  report.netns_cookie = kNetns;
  report.cookie = 9;
  return report;
}

wire::Listener Published() {
  wire::Listener listener;
  listener.published = true;
  return listener;
}

int Check(const SocketReport& report, const wire::Listener& said = Published()) {
  VerifiedListener verified;
  return VerifyListener(said, report, Own(), kNetns, &verified).error;
}

template <typename Spoil>
int CheckSpoiled(Spoil spoil) {
  SocketReport report = Good();
  spoil(report);
  return Check(report);
}

TEST(ListenerCheck, AGoodSocketPasses) { EXPECT_EQ(Check(Good()), 0); }

TEST(ListenerCheck, EachFactIsLookedAt) {
  EXPECT_EQ(CheckSpoiled([](SocketReport& r) { r.is_socket = false; }), ENOTSOCK);
  EXPECT_EQ(CheckSpoiled([](SocketReport& r) { r.domain = AF_UNIX; }), EAFNOSUPPORT);
  EXPECT_EQ(CheckSpoiled([](SocketReport& r) { r.type = SOCK_DGRAM; }), EACCES);
  EXPECT_EQ(CheckSpoiled([](SocketReport& r) { r.protocol = IPPROTO_SCTP; }), EACCES);
  EXPECT_EQ(CheckSpoiled([](SocketReport& r) { r.protocol = 262; }), EPROTONOSUPPORT);
  EXPECT_EQ(CheckSpoiled([](SocketReport& r) { r.accepting = false; }), EACCES);
  EXPECT_EQ(CheckSpoiled([](SocketReport& r) { r.netns_cookie = kNetns + 1; }), EACCES);
  EXPECT_EQ(CheckSpoiled([](SocketReport& r) { r.netns_cookie = 0; }), EACCES);
  EXPECT_EQ(CheckSpoiled([](SocketReport& r) { r.local.port = 0; }), EACCES);
  EXPECT_EQ(CheckSpoiled([](SocketReport& r) { r.local.address = *IpAddress::Parse("127.84.3.2"); }), EACCES);
  EXPECT_EQ(CheckSpoiled([](SocketReport& r) { r.local.address = IpAddress(); }), EACCES);
}

TEST(ListenerCheck, AnUnpublishedMptcpSocketIsShownButNotMapped) {
  SocketReport report = Good();
  report.protocol = 262;
  wire::Listener said = Published();
  said.published = false;
  VerifiedListener verified;
  ASSERT_EQ(VerifyListener(said, report, Own(), kNetns, &verified).error, 0);
  EXPECT_FALSE(verified.mappable);
}

TEST(ListenerCheck, OnlyAClientsUdpSocketMayBeOnTheWildcard) {
  const auto check = [](Protocol protocol, const char* bound, bool egress, uint64_t cookie = 9) {
    return CheckOpened({.protocol = protocol, .bound = *Endpoint::Parse(bound), .egress = egress, .cookie = cookie},
                       Own())
        .error;
  };
  EXPECT_EQ(check(Protocol::kUdp, "0.0.0.0:5353", true), 0);
  EXPECT_EQ(check(Protocol::kUdp, "[::]:5353", true), 0);
  EXPECT_EQ(check(Protocol::kUdp, "0.0.0.0:5353", false), EACCES);
  EXPECT_EQ(check(Protocol::kTcp, "0.0.0.0:5353", true), EACCES);
  EXPECT_EQ(check(Protocol::kUdp, "192.0.2.7:5353", true), EACCES);
  EXPECT_EQ(check(Protocol::kUdp, "0.0.0.0:0", true), EACCES);
  EXPECT_EQ(check(Protocol::kTcp, "127.84.3.1:80", false), 0);
  EXPECT_EQ(check(Protocol::kTcp, "127.84.3.2:80", false), EACCES);
  EXPECT_EQ(check(Protocol::kTcp, "127.84.3.1:80", false, 0), ENOTSOCK);
}

TEST(ListenerCheck, FamiliesServedFollowFromTheSocketAlone) {
  const auto verify = [](int domain, bool v6only, const char* local) {
    SocketReport report = Good();
    report.domain = domain;
    report.v6only = v6only;
    report.local = *Endpoint::Parse(local);
    VerifiedListener verified;
    EXPECT_EQ(VerifyListener(Published(), report, Own(), kNetns, &verified).error, 0) << local;
    return verified;
  };
  EXPECT_TRUE(verify(AF_INET, false, "127.84.3.1:80").serves_v4);
  EXPECT_FALSE(verify(AF_INET, false, "127.84.3.1:80").serves_v6);
  EXPECT_TRUE(verify(AF_INET6, false, "[::ffff:127.84.3.1]:80").dual_stack());
  EXPECT_EQ(verify(AF_INET6, false, "[::ffff:127.84.3.1]:80").bound, *Endpoint::Parse("127.84.3.1:80"));
  EXPECT_FALSE(verify(AF_INET6, false, "[fd5e::7]:80").serves_v4);
  EXPECT_TRUE(verify(AF_INET6, true, "[fd5e::7]:80").serves_v6);
}

TEST(ListenerCheck, TheKernelIsAsked) {
  const UniqueFd null(open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(ReadSocket(null.get()).is_socket);
  const UniqueFd udp(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ASSERT_TRUE(udp.valid());
  const SocketReport report = ReadSocket(udp.get());
  EXPECT_TRUE(report.is_socket);
  EXPECT_EQ(report.domain, AF_INET6);
  EXPECT_EQ(report.type, SOCK_DGRAM);
  EXPECT_EQ(report.protocol, IPPROTO_UDP);
  EXPECT_NE(report.cookie, 0u);
  EXPECT_NE(report.netns_cookie, 0u);
}

}  // namespace
}  // namespace forcebind
