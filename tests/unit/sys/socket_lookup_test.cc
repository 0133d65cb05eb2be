// SPDX-License-Identifier: Apache-2.0
// Against the kernel, on addresses of 127.0.0.0/8 that nobody else uses, and ports that it chooses.
#include "sys/socket_lookup.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <string.h>

#include "sys/sockaddr.h"
#include "sys/unique_fd.h"

namespace forcebind {
namespace {

constexpr uint8_t kOwn[4] = {127, 84, 3, 200}, kOther[4] = {127, 84, 3, 201}, kWildcard[4] = {};
constexpr uint8_t kMapped[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 84, 3, 200};
constexpr uint8_t kLoopback6[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

class Bound {
 public:
  Bound(int type, const SockAddr& name) : fd_(socket(name.family(), type | SOCK_CLOEXEC, 0)) {
    if (bind(fd_.get(), name.get(), name.size) != 0) ADD_FAILURE() << "bind: " << strerror(errno);
    SockAddr bound;
    if (LocalName(fd_.get(), &bound) == 0) port_ = ntohs(bound.v4()->sin_port);
  }
  int fd() const { return fd_.get(); }
  uint16_t port() const { return port_; }

 private:
  UniqueFd fd_;
  uint16_t port_ = 0;
};

bool FindsTcp(const uint8_t* address, uint16_t port) {
  FoundSocket found;
  return FindBoundSocket(AF_INET, IPPROTO_TCP, address, port, &found);
}

bool FindsUdp(const uint8_t* address, uint16_t port) {
  FoundSocket found;
  return FindBoundSocket(AF_INET, IPPROTO_UDP, address, port, &found);
}

TEST(FindBoundSocket, FindsAListenerOnItsAddressAndPortAlone) {
  const Bound listener(SOCK_STREAM, SockAddrV4(kOwn, 0));
  EXPECT_FALSE(FindsTcp(kOwn, listener.port())) << "bound, and not listening";
  ASSERT_EQ(listen(listener.fd(), 1), 0);
  FoundSocket found;
  EXPECT_TRUE(FindBoundSocket(AF_INET, IPPROTO_TCP, kOwn, listener.port(), &found));
  EXPECT_EQ(found.family, AF_INET);
  EXPECT_FALSE(FindsTcp(kOther, listener.port()));
  EXPECT_FALSE(FindsTcp(kOwn, 9));
  EXPECT_FALSE(FindsUdp(kOwn, listener.port()));
}

TEST(NobodyListens, IsSaidOfAnAddressAndAnInterface) {
  const Bound listener(SOCK_STREAM, SockAddrV4(kOwn, 0)), on_lo(SOCK_STREAM, SockAddrV4(kOther, 0));
  EXPECT_TRUE(NobodyListens(AF_INET, kOwn, listener.port(), 0)) << "bound, and not listening";
  ASSERT_EQ(listen(listener.fd(), 1), 0);
  EXPECT_FALSE(NobodyListens(AF_INET, kOwn, listener.port(), 0));
  EXPECT_TRUE(NobodyListens(AF_INET, kOther, listener.port(), 0));
  const int lo = 1;
  ASSERT_EQ(setsockopt(on_lo.fd(), SOL_SOCKET, SO_BINDTOIFINDEX, &lo, sizeof(lo)), 0);
  ASSERT_EQ(listen(on_lo.fd(), 1), 0);
  EXPECT_FALSE(NobodyListens(AF_INET, kOther, on_lo.port(), lo));
  EXPECT_TRUE(NobodyListens(AF_INET, kOther, on_lo.port(), 0));
}

TEST(FindBoundSocket, TheWildcardIsNotTheAddress) {
  const Bound listener(SOCK_STREAM, SockAddrV4(kWildcard, 0)), receiver(SOCK_DGRAM, SockAddrV4(kWildcard, 0));
  ASSERT_EQ(listen(listener.fd(), 1), 0);
  EXPECT_FALSE(FindsTcp(kOwn, listener.port()));
  EXPECT_FALSE(FindsUdp(kOwn, receiver.port()));
}

TEST(FindBoundSocket, FindsUdpSocketsThatHearStrangers) {
  const Bound receiver(SOCK_DGRAM, SockAddrV4(kOwn, 0));
  EXPECT_TRUE(FindsUdp(kOwn, receiver.port()));
  EXPECT_FALSE(FindsUdp(kOther, receiver.port()));
  EXPECT_FALSE(FindsTcp(kOwn, receiver.port()));
  const SockAddr peer = SockAddrV4(kOther, 9);
  ASSERT_EQ(connect(receiver.fd(), peer.get(), peer.size), 0);
  EXPECT_FALSE(FindsUdp(kOwn, receiver.port())) << "connected to somebody else";
}

TEST(FindBoundSocket, TellsOfWhichFamilyASocketOnAnIpv4AddressIs) {
  const Bound listener(SOCK_STREAM, SockAddrV6(kMapped, 0)), receiver(SOCK_DGRAM, SockAddrV6(kMapped, 0));
  ASSERT_EQ(listen(listener.fd(), 1), 0);
  FoundSocket found;
  ASSERT_TRUE(FindBoundSocket(AF_INET, IPPROTO_TCP, kOwn, listener.port(), &found));
  EXPECT_EQ(found.family, AF_INET6);
  EXPECT_FALSE(found.v6only);
  ASSERT_TRUE(FindBoundSocket(AF_INET, IPPROTO_UDP, kOwn, receiver.port(), &found));
  EXPECT_EQ(found.family, AF_INET6);
  EXPECT_FALSE(found.v6only);
}

TEST(FindBoundSocket, FindsIpv6Sockets) {
  const Bound receiver(SOCK_DGRAM, SockAddrV6(kLoopback6, 0)), listener(SOCK_STREAM, SockAddrV6(kLoopback6, 0));
  ASSERT_EQ(listen(listener.fd(), 1), 0);
  FoundSocket found;
  EXPECT_TRUE(FindBoundSocket(AF_INET6, IPPROTO_UDP, kLoopback6, receiver.port(), &found));
  EXPECT_EQ(found.family, AF_INET6);
  EXPECT_TRUE(FindBoundSocket(AF_INET6, IPPROTO_TCP, kLoopback6, listener.port(), &found));
  EXPECT_EQ(found.family, AF_INET6);
  uint8_t other[16] = {};
  other[15] = 2;
  EXPECT_FALSE(FindBoundSocket(AF_INET6, IPPROTO_TCP, other, listener.port(), &found));
}

TEST(FindBoundSocket, AConnectionIsNoListener) {
  const Bound listener(SOCK_STREAM, SockAddrV4(kOwn, 0)), client(SOCK_STREAM, SockAddrV4(kOther, 0));
  ASSERT_EQ(listen(listener.fd(), 1), 0);
  const SockAddr target = SockAddrV4(kOwn, listener.port());
  ASSERT_EQ(connect(client.fd(), target.get(), target.size), 0);
  EXPECT_FALSE(FindsTcp(kOther, client.port()));
  EXPECT_TRUE(FindsTcp(kOwn, listener.port()));
}

}  // namespace
}  // namespace forcebind
