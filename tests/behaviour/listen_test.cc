// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "absl/strings/str_cat.h"
#include "tests/behaviour/comparison.h"
#include "tests/support/child_process.h"
#include "tests/support/service_host.h"

namespace forcebind {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Listen, WithoutBindGetsThePrivateAddress) {
  ExpectSame({"s=socket inet stream", "listen s 5", "getsockname s"});
  ExpectSame({"s=socket inet6 stream", "setsockopt s v6only 0", "listen s 5", "getsockname s"});
  ExpectSame({"s=socket inet6 stream", "setsockopt s v6only 1", "listen s 5", "getsockname s"},
             {.addresses = {{"[::]", "[fd5e:1f2a:90c1::1]"}}});
}

TEST(Listen, TwiceChangesTheBacklog) {
  ExpectSame({"s=socket inet stream", "bind s 0.0.0.0:8080", "listen s 5", "listen s 50", "listen s 0", "listen s -1",
              "getsockname s", "tcpstate s"});
}

TEST(Listen, AfterShutdownListensAgain) {
  ExpectSame({"s=socket inet stream", "bind s 0.0.0.0:8080", "listen s 5", "shutdown s", "getsockname s", "listen s 5",
              "getsockname s"});
  ExpectSame({"s=socket inet stream", "listen s 5", "shutdown s", "tcpstate s", "listen s 5", "getsockname s"});
}

TEST(Listen, OnConnectedSocketIsRefused) {
  ExpectSame({"l=socket inet stream", "bind l 127.84.3.1:8080", "listen l 5", "c=socket inet stream",
              "connect c 127.84.3.1:8080", "listen c 5", "a=accept l", "listen a 5"});
}

// Disconnected, the socket has forgotten its address; natively it listens on the wildcard.
TEST(Listen, AfterConnectAndDisconnectGetsThePrivateAddress) {
  const Script script = {
      "l=socket inet stream",      "bind l 127.84.3.1:8080",     "listen l 5", "c=socket inet stream",
      "connect c 127.84.3.1:8080", "connect c unspec/0.0.0.0:0", "listen c 5", "tcpstate c"};
  const std::string forced = ExpectSame(script);
  EXPECT_THAT(forced, Not(HasSubstr("kernel: tcp 0.0.0.0")));
}

TEST(Listen, AfterFailedConnectGetsThePrivateAddress) {
  const std::string forced = ExpectSame({"c=socket inet stream", "connect c 127.84.3.1:9", "listen c 5", "tcpstate c"});
  EXPECT_THAT(forced, Not(HasSubstr("kernel: tcp 0.0.0.0")));
}

// An accepted socket keeps the address that it was accepted on: here the private one.
TEST(Listen, OnDisconnectedAcceptedSocketAnswersAsTheKernelDoes) {
  ExpectSame({"l=socket inet stream", "bind l 127.84.3.1:8080", "listen l 5", "c=socket inet stream",
              "connect c 127.84.3.1:8080", "a=accept l", "close l", "connect a unspec/0.0.0.0:0", "listen a 5",
              "tcpstate a"});
}

TEST(Listen, WhileConnectingIsRefused) {
  ExpectSame({"c=socket inet stream+nonblock", "connect c 192.0.2.99:9", "listen c 5", "tcpstate c"});
}

TEST(Listen, OnBoundSocketAfterDisconnectKeepsItsAddress) {
  ExpectSame({"l=socket inet stream", "bind l 127.84.3.1:8080", "listen l 5", "c=socket inet stream",
              "bind c 0.0.0.0:8081", "connect c 127.84.3.1:8080", "connect c unspec/0.0.0.0:0", "getsockname c",
              "listen c 5"});
}

// There is no other port that forcebind could try. IP_LOCAL_PORT_RANGE: 50000 to 50000.
TEST(Listen, OnTheOnlyPortThatTheKernelMayChoose) {
  ExpectSame({"s=socket inet6 stream", "setsockopt s local_port_range -1018117296", "bind s [::1]:0", "bind s [::1]:0",
              "getsockname s", "listen s 5", "listen s 5", "t=socket inet6 stream",
              "setsockopt t local_port_range -1018117296", "bind t [::1]:0"},
             {.addresses = {{"[::1]", "[fd5e:1f2a:90c1::1]"}}});
}

TEST(Listen, OnTakenPortIsRefused) {
  ExpectSame({"s=socket inet stream", "setsockopt s reuseaddr 1", "bind s 0.0.0.0:8080", "t=socket inet stream",
              "setsockopt t reuseaddr 1", "bind t 0.0.0.0:8080", "listen s 5", "listen t 5", "tcpstate t"});
}

// What getsockname() says is no longer where it would listen: a connection to IPv6 has put 127.0.0.6 there.
TEST(Listen, OnAMappedAddressThatARoutingHeaderHasTakenIsRefused) {
  ServiceHost host;
  ASSERT_EQ(system("ip -6 route add default dev public"), 0);
  const Script overwritten = {kProbe,
                              "s=socket inet6 stream+nonblock",
                              "bind s [::ffff:127.84.3.1]:8080",
                              "rthdr s ::ffff:1.2.3.4 2001:db8::9",
                              "connect s [2001:db8::9]:9",
                              "connect s unspec/0.0.0.0:0",
                              "rthdr s",
                              "getsockname s",
                              "listen s 5"};
  constexpr char kStillThere[] = "getsockname s -> [::ffff:127.84.3.1]:8080 scope 0 (28)\n";
  EXPECT_THAT(RunChild(overwritten).output, HasSubstr(absl::StrCat(kStillThere, "listen s 5 -> 0\n")));
  const ChildResult forced = RunChild(Join(PrivateRun(), overwritten));
  EXPECT_THAT(forced.output, HasSubstr(absl::StrCat(kStillThere, "listen s 5 -> -1 EACCES\n")));
}

TEST(Listen, OnDatagramsIsNotSupported) {
  ExpectSame({"s=socket inet dgram", "listen s 5", "getsockname s", "t=socket inet6 dgram", "listen t 5",
              "u=socket unix dgram", "listen u 5", "n=socket netlink dgram", "listen n 5"});
}

TEST(Listen, OnWhatIsNoSocketIsRefused) {
  ExpectSame({"listen 77 5", "listen -1 5", "f=open /dev/null", "listen f 5", "p=opath /dev/null", "listen p 5"});
}

}  // namespace
}  // namespace forcebind
