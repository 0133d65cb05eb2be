// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/behaviour/comparison.h"

namespace forcebind {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A v6-only socket goes to the private IPv6 address.
const Setting kV6Only = {.addresses = {{"[::]", "[fd5e:1f2a:90c1::1]"}}};

TEST(TcpBind, WildcardBecomesThePrivateAddress) {
  const std::string forced =
      ExpectSame({"s=socket inet stream", "bind s 0.0.0.0:8080", "getsockname s", "listen s 5", "tcpstate s"});
  EXPECT_THAT(forced, HasSubstr("getsockname s -> 127.84.3.1:8080 (16)\n"));
  EXPECT_THAT(forced, HasSubstr("kernel: tcp 127.84.3.1:8080\n"));
  EXPECT_THAT(forced, Not(HasSubstr("kernel: tcp 0.0.0.0")));
}

TEST(TcpBind, LoopbackBecomesThePrivateAddress) {
  ExpectSame({"s=socket inet stream", "bind s 127.0.0.1:8080", "getsockname s", "listen s 5", "t=socket inet stream",
              "bind t 127.0.0.9:8081", "getsockname t", "listen t 0"});
}

TEST(TcpBind, AddressOfTheHostBecomesThePrivateAddress) {
  ExpectSame({"s=socket inet stream", "bind s 192.0.2.7:8080", "getsockname s", "listen s 5"});
}

TEST(TcpBind, PrivateAddressMayBeAskedFor) {
  ExpectSame({"s=socket inet stream", "bind s 127.84.3.1:8080", "getsockname s", "listen s 5", "t=socket inet6 stream",
              "bind t [fd5e:1f2a:90c1::1]:8081", "getsockname t", "listen t 5"});
}

TEST(TcpBind, AddressThatIsNotTheHostsIsRefused) {
  ExpectSame({"s=socket inet stream", "bind s 198.18.5.5:8080", "getsockname s", "bind s 0.0.0.0:8080", "getsockname s",
              "t=socket inet6 stream", "bind t [2001:db8:ffff::1]:8080", "getsockname t",
              "bind t [::ffff:198.18.5.5]:8080", "getsockname t"});
}

// A socket of its own for each, since the kernel remembers the interface of a bind that failed.
TEST(TcpBind, AddressOfAnotherLinkIsRefused) {
  ExpectSame({"s=socket inet6 stream", "bind s [fe80::1234%lo]:80", "t=socket inet6 stream", "bind t [fe80::1234]:80",
              "u=socket inet6 stream", "bind u [fe80::1%77]:80", "v=socket inet6 dgram", "bind v [fe80::1%77]:80"});
}

TEST(TcpBind, MulticastAndBroadcastAreRefused) {
  // The kernel lets TCP bind them and then refuses to listen: forcebind refuses at once, see the profile's `multicast`.
  const std::string forced = RunForced({"s=socket inet stream", "bind s 224.0.0.5:8080", "bind s 192.0.2.255:8080",
                                        "bind s 255.255.255.255:80", "bind s 127.255.255.255:81", "bind s 0.0.0.5:82",
                                        "t=socket inet6 stream", "bind t [ff02::1%lo]:80"});
  EXPECT_EQ(forced,
            "s=socket inet stream -> 3\n"
            "bind s 224.0.0.5:8080 -> -1 EADDRNOTAVAIL\n"
            "bind s 192.0.2.255:8080 -> -1 EADDRNOTAVAIL\n"
            "bind s 255.255.255.255:80 -> -1 EADDRNOTAVAIL\n"
            "bind s 127.255.255.255:81 -> -1 EADDRNOTAVAIL\n"
            "bind s 0.0.0.5:82 -> -1 EADDRNOTAVAIL\n"
            "t=socket inet6 stream -> 4\n"
            "bind t [ff02::1%lo]:80 -> -1 EINVAL\n");
}

TEST(TcpBind, DualStackWildcardStaysDualStack) {
  const std::string forced =
      ExpectSame({"s=socket inet6 stream", "setsockopt s v6only 0", "bind s [::]:8080", "getsockname s", "listen s 5"});
  EXPECT_THAT(forced, HasSubstr("kernel: tcp [::ffff:127.84.3.1]:8080\n"));
}

TEST(TcpBind, DualStackWildcardIsReachedOverIpv4) {
  ExpectSame({"s=socket inet6 stream", "setsockopt s v6only 0", "bind s [::]:8080", "listen s 5",
              "c=socket inet stream", "connect c 127.84.3.1:8080", "a=accept s", "getpeername c"});
}

TEST(TcpBind, V6OnlyWildcardAndIpv4WildcardSharePort) {
  ExpectSame({"s=socket inet6 stream", "setsockopt s v6only 1", "bind s [::]:8080", "getsockname s", "listen s 5",
              "t=socket inet stream", "bind t 0.0.0.0:8080", "getsockname t", "listen t 5"},
             kV6Only);
}

TEST(TcpBind, DualStackWildcardAndIpv4WildcardDoNotSharePort) {
  ExpectSame({"s=socket inet6 stream", "setsockopt s v6only 0", "bind s [::]:8080", "listen s 5",
              "t=socket inet stream", "bind t 0.0.0.0:8080", "getsockname t"});
  ExpectSame({"t=socket inet stream", "bind t 0.0.0.0:8080", "listen t 5", "s=socket inet6 stream",
              "setsockopt s v6only 0", "bind s [::]:8080", "getsockname s"});
}

TEST(TcpBind, Ipv6LoopbackAndHostAddressBecomeThePrivateAddress) {
  ExpectSame({"s=socket inet6 stream", "bind s [::1]:8080", "getsockname s", "listen s 5", "t=socket inet6 stream",
              "bind t [2001:db8::7]:8081", "getsockname t", "listen t 5"});
}

TEST(TcpBind, V4MappedAddressesBecomeThePrivateOne) {
  for (const char* address : {"[::ffff:0.0.0.0]:8080", "[::ffff:127.0.0.1]:8080", "[::ffff:192.0.2.7]:8080"}) {
    ExpectSame({"s=socket inet6 stream", std::string("bind s ") + address, "getsockname s", "listen s 5"});
  }
}

TEST(TcpBind, V4MappedAddressOnV6OnlySocketIsRefused) {
  ExpectSame({"s=socket inet6 stream", "setsockopt s v6only 1", "bind s [::ffff:0.0.0.0]:8080",
              "bind s [::ffff:127.0.0.1]:8080", "getsockname s"});
}

TEST(TcpBind, UnspecifiedFamilyWithWildcardIsIpv4) {
  ExpectSame({"s=socket inet stream", "bind s unspec/0.0.0.0:8080", "getsockname s", "listen s 5"});
  ExpectSame({"s=socket inet stream", "bind s unspec/127.0.0.1:8080", "getsockname s"});
  ExpectSame({"s=socket inet6 stream", "bind s unspec/0.0.0.0:8080", "getsockname s"});
}

TEST(TcpBind, PortZeroIsAnEphemeralPort) {
  ExpectSame({"s=socket inet stream", "bind s 0.0.0.0:0", "getsockname s", "listen s 5"});
  ExpectSame({"s=socket inet stream", "bind s 192.0.2.7:0", "getsockname s", "listen s 5"});
  ExpectSame({"s=socket inet6 stream", "bind s [::]:0", "getsockname s", "listen s 5"});
}

TEST(TcpBind, SecondBindIsRefused) {
  ExpectSame({"s=socket inet stream", "bind s 0.0.0.0:8080", "bind s 0.0.0.0:8081", "bind s 198.18.5.5:8081",
              "bind s 127.0.0.1:0", "getsockname s", "listen s 1", "bind s 0.0.0.0:8082", "getsockname s"});
  ExpectSame({"s=socket inet6 stream", "bind s [::]:8080", "bind s [::]:8081", "bind s [2001:db8:ffff::1]:8081",
              "getsockname s", "listen s 1", "bind s [::]:8082"});
}

TEST(TcpBind, ConnectedSocketIsNotBoundAgain) {
  ExpectSame({"l=socket inet stream", "bind l 127.84.3.1:8080", "listen l 5", "c=socket inet stream",
              "connect c 127.84.3.1:8080", "bind c 0.0.0.0:8081", "bind c 0.0.0.0:0"});
}

TEST(TcpBind, TakenPortIsRefused) {
  ExpectSame({"s=socket inet stream", "bind s 0.0.0.0:8080", "listen s 5", "t=socket inet stream",
              "bind t 0.0.0.0:8080", "getsockname t", "bind t 0.0.0.0:8081", "getsockname t", "listen t 5"});
}

TEST(TcpBind, ReuseAddressSharesUntilSomebodyListens) {
  ExpectSame({"s=socket inet stream", "setsockopt s reuseaddr 1", "bind s 0.0.0.0:8080", "t=socket inet stream",
              "setsockopt t reuseaddr 1", "bind t 0.0.0.0:8080", "listen s 5", "listen t 5", "u=socket inet stream",
              "setsockopt u reuseaddr 1", "bind u 0.0.0.0:8080"});
}

TEST(TcpBind, ReusePortGroupsListenTogether) {
  ExpectSame({"s=socket inet stream", "setsockopt s reuseport 1", "bind s 0.0.0.0:8080", "listen s 5",
              "t=socket inet stream", "setsockopt t reuseport 1", "bind t 0.0.0.0:8080", "listen t 5",
              "u=socket inet stream", "bind u 0.0.0.0:8080"});
}

TEST(TcpBind, FreebindAsksForAnAddressThatMayCome) {
  // Natively the foreign address is bound; here it is a request like another.
  ExpectSame(
      {"s=socket inet stream", "setsockopt s freebind 1", "bind s 198.18.5.5:8080", "getsockname s", "listen s 5"},
      {.addresses = {{"198.18.5.5", "127.84.3.1"}}});
  ExpectSame({"s=socket inet6 stream", "setsockopt s freebind6 1", "bind s [2001:db8:ffff::1]:8080", "getsockname s",
              "listen s 5"},
             {.addresses = {{"[2001:db8:ffff::1]", "[fd5e:1f2a:90c1::1]"}}});
}

TEST(TcpBind, BindAddressNoPortKeepsPortZero) {
  ExpectSame({"s=socket inet stream", "setsockopt s no_port_yet 1", "bind s 127.0.0.1:0", "listen s 5"});
}

}  // namespace
}  // namespace forcebind
