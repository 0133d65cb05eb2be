// SPDX-License-Identifier: Apache-2.0
#include "sys/socket_info.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>

#include "sys/netns.h"
#include "sys/sockaddr.h"
#include "sys/unique_fd.h"

namespace forcebind {
namespace {

constexpr uint8_t kLoopback[4] = {127, 0, 0, 1};

UniqueFd Open(int family, int type) { return UniqueFd(socket(family, type | SOCK_CLOEXEC, 0)); }

TEST(SocketInfo, Domain) {
  EXPECT_EQ(SocketDomain(Open(AF_INET, SOCK_DGRAM).get()), AF_INET);
  EXPECT_EQ(SocketDomain(Open(AF_UNIX, SOCK_STREAM).get()), AF_UNIX);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_EQ(SocketDomain(ends[0]), -ENOTSOCK);
  close(ends[0]);
  close(ends[1]);
  EXPECT_EQ(SocketDomain(-1), -EBADF);
}

TEST(SocketInfo, OptionsHaveAFallback) {
  UniqueFd tcp = Open(AF_INET, SOCK_STREAM), local = Open(AF_UNIX, SOCK_STREAM);
  EXPECT_EQ(IntOption(tcp.get(), SOL_SOCKET, SO_TYPE, -1), SOCK_STREAM);
  EXPECT_EQ(IntOption(local.get(), IPPROTO_IP, IP_FREEBIND, 7), 7);
}

TEST(SocketInfo, CookiesAreNeverTheSame) {
  UniqueFd one = Open(AF_INET, SOCK_STREAM), two = Open(AF_INET, SOCK_STREAM);
  EXPECT_NE(SocketCookie(one.get()), 0u);
  EXPECT_EQ(SocketCookie(one.get()), SocketCookie(one.get()));
  EXPECT_NE(SocketCookie(one.get()), SocketCookie(two.get()));
  EXPECT_EQ(SocketCookie(-1), 0u);
}

TEST(SocketInfo, TcpStateFollowsTheSocket) {
  UniqueFd tcp = Open(AF_INET, SOCK_STREAM);
  EXPECT_EQ(TcpState(tcp.get()), TCP_CLOSE);
  const SockAddr any_port = SockAddrV4(kLoopback, 0);
  ASSERT_EQ(bind(tcp.get(), any_port.get(), any_port.size), 0);
  ASSERT_EQ(listen(tcp.get(), 1), 0);
  EXPECT_EQ(TcpState(tcp.get()), TCP_LISTEN);
  EXPECT_LT(TcpState(Open(AF_INET, SOCK_DGRAM).get()), 0);
}

TEST(SocketInfo, NetnsCookieIsThisProcesss) {
  auto own = OwnNetnsCookie();
  ASSERT_TRUE(own.ok()) << own.status().ToString();
  EXPECT_EQ(SocketNetnsCookie(Open(AF_INET, SOCK_STREAM).get()), *own);
  EXPECT_EQ(SocketNetnsCookie(-1), 0u);
}

TEST(SockAddr, HoldsThePortInNetworkOrder) {
  const SockAddr name = SockAddrV4(kLoopback, 0x1234);
  EXPECT_EQ(name.size, sizeof(sockaddr_in));
  EXPECT_EQ(name.family(), AF_INET);
  EXPECT_EQ(name.v4()->sin_port, htons(0x1234));
  EXPECT_EQ(name.v4()->sin_addr.s_addr, htonl(INADDR_LOOPBACK));
}

TEST(SockAddr, OfIpv6HasAScope) {
  const SockAddr name = SockAddrV6(in6addr_loopback.s6_addr, 80, 3);
  EXPECT_EQ(name.size, sizeof(sockaddr_in6));
  EXPECT_EQ(name.family(), AF_INET6);
  EXPECT_EQ(name.v6()->sin6_scope_id, 3u);
  EXPECT_TRUE(IN6_IS_ADDR_LOOPBACK(&name.v6()->sin6_addr));
}

TEST(SockAddr, LocalNameIsTheSockets) {
  UniqueFd udp = Open(AF_INET, SOCK_DGRAM);
  const SockAddr any_port = SockAddrV4(kLoopback, 0);
  ASSERT_EQ(bind(udp.get(), any_port.get(), any_port.size), 0);
  SockAddr name;
  ASSERT_EQ(LocalName(udp.get(), &name), 0);
  EXPECT_EQ(name.size, sizeof(sockaddr_in));
  EXPECT_EQ(name.v4()->sin_addr.s_addr, htonl(INADDR_LOOPBACK));
  EXPECT_NE(name.v4()->sin_port, 0);
  EXPECT_EQ(LocalName(-1, &name), EBADF);
}

}  // namespace
}  // namespace forcebind
