// SPDX-License-Identifier: Apache-2.0
// A connect to the loopback: to the service's own sockets, and to the host's where it has none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/behaviour/comparison.h"

namespace forcebind {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Script After(Script front, const Script& back) {
  front.insert(front.end(), back.begin(), back.end());
  return front;
}

// The whole life of one connection: `client` makes the socket, `to` is where it connects.
Script Meet(const std::string& server, const std::string& at, const std::string& client, const std::string& to) {
  return {"s=" + server,   "bind s " + at, "listen s 5",    "c=" + client,   "connect c " + to, "getsockname c",
          "getpeername c", "a=accept s",   "getsockname a", "getpeername a", "connect c " + to, "tcpstate c"};
}

// Where the native run has ::1 and the forced one reaches a dual-stack socket by IPv4.
const Setting kByIpv4 = {.addresses = {{"[::1]", "[::ffff:127.84.3.1]"}}};
// Where the host's loopback is meant: it is itself.
const std::map<std::string, std::string> kHostsLoopback = {{"127.0.0.1", "127.0.0.1"}, {"[::1]", "[::1]"}};

TEST(Connect, ReachesTheServiceItself) {
  for (const char* at : {"127.0.0.1:8080", "0.0.0.0:8080"}) {
    for (const char* to : {"127.0.0.1:8080", "0.0.0.0:8080"}) {
      ExpectSame(Meet("socket inet stream", at, "socket inet stream", to));
    }
  }
}

TEST(Connect, ReachesTheServiceItselfByIpv6) {
  for (const char* to : {"[::1]:8080", "[::]:8080"}) {
    ExpectSame(Meet("socket inet6 stream", "[::1]:8080", "socket inet6 stream", to));
  }
}

TEST(Connect, ReachesADualStackListener) {
  for (const char* to : {"[::1]:8080", "[::]:8080", "[::ffff:127.0.0.1]:8080", "[::ffff:0.0.0.0]:8080"}) {
    ExpectSame(Meet("socket inet6 stream", "[::]:8080", "socket inet6 stream", to), kByIpv4);
  }
  ExpectSame(Meet("socket inet6 stream", "[::]:8080", "socket inet stream", "127.0.0.1:8080"));
  ExpectSame(Meet("socket inet6 stream", "[::ffff:127.0.0.1]:8080", "socket inet stream", "127.0.0.1:8080"));
  ExpectSame(Meet("socket inet stream", "0.0.0.0:8080", "socket inet6 stream", "[::ffff:127.0.0.1]:8080"));
}

TEST(Connect, TheOtherFamilysListenerDoesNotAnswer) {
  ExpectSame({"s=socket inet stream", "bind s 0.0.0.0:8080", "listen s 5", "c=socket inet6 stream",
              "connect c [::1]:8080", "d=socket inet6 stream", "setsockopt d v6only 1",
              "connect d [::ffff:127.0.0.1]:8080"});
  ExpectSame({"s=socket inet6 stream", "setsockopt s v6only 1", "bind s [::1]:8080", "listen s 5",
              "c=socket inet stream", "connect c 127.0.0.1:8080", "d=socket inet stream", "connect d [::1]:8080",
              "e=socket inet6 stream", "connect e 127.0.0.1:8080"});
}

TEST(Connect, ABoundClientKeepsItsSource) {
  ExpectSame({"s=socket inet stream", "bind s 0.0.0.0:8080", "listen s 5", "c=socket inet stream",
              "bind c 127.0.0.1:8081", "connect c 127.0.0.1:8080", "a=accept s", "getpeername a"});
}

TEST(Connect, NonBlockingIsInProgressFirst) {
  const Script listening = {"s=socket inet stream", "bind s 127.0.0.1:8080", "listen s 5"};
  ExpectSame(After(listening, {"c=socket inet stream+nonblock", "connect c 127.0.0.1:8080", "await c",
                               "connect c 127.0.0.1:8080", "connect c 127.0.0.1:8080", "tcpstate c", "getpeername c"}));
  ExpectSame({"c=socket inet stream+nonblock", "connect c 127.0.0.1:8080", "await c", "connect c 127.0.0.1:8080",
              "tcpstate c"});
}

TEST(Connect, ToAClosedPortIsRefused) {
  const Script script = {
      "c=socket inet stream", "connect c 127.0.0.1:8080", "connect c 0.0.0.0:8080",           "d=socket inet6 stream",
      "connect d [::1]:8080", "e=socket inet6 stream",    "connect e [::ffff:127.0.0.1]:8080"};
  ExpectSame(script);
  ExpectSame(script, {.profile = "loopback = \"own\"\n"});
  ExpectSame(script, {.profile = "loopback = \"host\"\n"});
  ExpectSame({"s=socket inet stream", "bind s 127.0.0.1:8080", "c=socket inet stream", "connect c 127.0.0.1:8080"});
}

TEST(Connect, ToAClosedPortOfOnesOwnIsRefusedLater) {
  ExpectSame({"c=socket inet stream+nonblock", "connect c 127.0.0.1:8080", "await c", "connect c 127.0.0.1:8080"},
             {.profile = "loopback = \"own\"\n"});
}

TEST(Connect, TheHostsLoopbackIsReachedWhereTheServiceHasNothing) {
  const Setting setting = {.strangers = {"tcp 127.0.0.1:5432", "tcp [::1]:5432"}, .addresses = kHostsLoopback};
  ExpectSame({"c=socket inet stream", "connect c 127.0.0.1:5432", "getpeername c", "getsockname c",
              "d=socket inet6 stream", "connect d [::1]:5432", "getpeername d", "e=socket inet stream",
              "connect e 0.0.0.0:5432", "getpeername e", "f=socket inet6 stream", "connect f [::ffff:127.0.0.1]:5432"},
             setting);
}

TEST(Connect, TheHostsLoopbackIsReachedFromABoundSocket) {
  ExpectSame({"c=socket inet stream", "bind c 0.0.0.0:8081", "connect c 0.0.0.0:5432", "tcpstate c",
              "d=socket inet stream", "bind d 127.0.0.1:8082", "connect d 127.0.0.1:5432", "tcpstate d"},
             {.strangers = {"tcp 127.0.0.1:5432"}});
}

constexpr char kBothListen[] = "tcp 127.0.0.1:8080";
const Script kWhomIReach = {"s=socket inet stream", "bind s 0.0.0.0:8080",      "listen s 5",
                            "c=socket inet stream", "connect c 127.0.0.1:8080", "getpeername c"};

TEST(Connect, TheServicesOwnComesFirst) {
  const std::string forced = RunForced(kWhomIReach, {.strangers = {kBothListen}});
  EXPECT_THAT(forced, HasSubstr("getpeername c -> 127.84.3.1:8080"));
}

TEST(Connect, PortsOfTheHostAreTheHosts) {
  for (const char* profile : {"host-loopback = [\"tcp/8080\"]\n", "loopback = \"host\"\n",
                              "loopback = \"own\"\nhost-loopback = [\"tcp/8000-8090\"]\n"}) {
    const std::string forced = RunForced(kWhomIReach, {.profile = profile, .strangers = {kBothListen}});
    EXPECT_THAT(forced, HasSubstr("getpeername c -> 127.0.0.1:8080")) << profile;
  }
}

TEST(Connect, WithALoopbackOfItsOwnTheHostsIsOutOfReach) {
  const std::string forced = RunForced({"c=socket inet stream", "connect c 127.0.0.1:8080"},
                                       {.profile = "loopback = \"own\"\n", .strangers = {kBothListen}});
  EXPECT_THAT(forced, HasSubstr("connect c 127.0.0.1:8080 -> -1 ECONNREFUSED"));
}

TEST(Connect, OtherLoopbackAddressesAreWhatTheyAre) {
  ExpectSame(
      {"s=socket inet stream", "bind s 0.0.0.0:8080", "listen s 5", "c=socket inet stream", "connect c 127.0.0.53:53",
       "getpeername c", "d=socket inet stream", "connect d 192.0.2.7:22", "getpeername d"},
      {.strangers = {"tcp 127.0.0.53:53", "tcp 192.0.2.7:22"},
       .addresses = {{"192.0.2.7", "192.0.2.7"}, {"127.0.0.53", "127.0.0.53"}}});
}

TEST(Connect, TwiceIsRefused) {
  ExpectSame({"s=socket inet stream", "bind s 127.0.0.1:8080", "listen s 5", "c=socket inet stream",
              "connect c 127.0.0.1:8080", "connect c 127.0.0.1:8080", "connect c 192.0.2.7:22",
              "connect s 127.0.0.1:8080"});
}

TEST(Connect, ADisconnectedSocketConnectsAgain) {
  ExpectSame({"s=socket inet stream", "bind s 127.0.0.1:8080", "listen s 5", "c=socket inet stream",
              "connect c 127.0.0.1:8080", "connect c unspec/0.0.0.0:0", "tcpstate c", "connect c 127.0.0.1:8080",
              "getpeername c", "getsockname c"});
}

// What a disconnect leaves is bound to the private address, and nowhere else.
TEST(Connect, ADisconnectedSocketListensOnThePrivateAddress) {
  const std::string forced =
      RunForced({"s=socket inet stream", "bind s 127.0.0.1:8080", "listen s 5", "c=socket inet stream",
                 "connect c 127.0.0.1:8080", "connect c unspec/0.0.0.0:0", "listen c 5", "getsockname c"});
  EXPECT_THAT(forced, HasSubstr("listen c 5 -> 0\ngetsockname c -> 127.84.3.1:"));
  EXPECT_THAT(forced, Not(HasSubstr("kernel: tcp 0.0.0.0")));
}

// The backlog is full after one connection.
const Script kFullBacklog = {"s=socket inet stream", "bind s 127.0.0.1:8080",    "listen s 0",
                             "c=socket inet stream", "connect c 127.0.0.1:8080", "d=socket inet stream"};

TEST(Connect, WaitsInTheKernelWhereASignalEndsIt) {
  ExpectSame(After(kFullBacklog, {"interrupt d 127.0.0.1:8080", "tcpstate d"}));
}

TEST(Connect, WaitsInTheKernelWithoutFastOpenToo) {
  const Script off = {"sysctl net/ipv4/tcp_fastopen 0"};
  ExpectSame(After(off, After(kFullBacklog, {"interrupt d 127.0.0.1:8080", "tcpstate d"})));
  ExpectSame(After(off, Meet("socket inet stream", "0.0.0.0:8080", "socket inet stream", "127.0.0.1:8080")));
  ExpectSame(After(off, {"c=socket inet stream", "connect c 127.0.0.1:8080"}), {.profile = "loopback = \"own\"\n"});
}

TEST(Connect, WithMptcpReachesTheServiceItself) {
  ExpectSame(Meet("socket inet stream 262", "0.0.0.0:8080", "socket inet stream 262", "127.0.0.1:8080"));
  ExpectSame(Meet("socket inet6 stream 262", "[::]:8080", "socket inet6 stream 262", "[::1]:8080"), kByIpv4);
}

TEST(Connect, DatagramsHaveAPeer) {
  ExpectSame({"s=socket inet dgram", "bind s 127.0.0.1:5353", "c=socket inet dgram", "connect c 127.0.0.1:5353",
              "getsockname c", "getpeername c", "sendto c null", "recvfrom s", "connect c unspec/0.0.0.0:0",
              "connect c 0.0.0.0:5353", "sendto c null", "recvfrom s"});
  ExpectSame({"s=socket inet6 dgram", "bind s [::1]:5353", "c=socket inet6 dgram", "connect c [::1]:5353",
              "getsockname c", "sendto c null", "recvfrom s"});
  ExpectSame({"s=socket inet6 dgram", "bind s [::]:5353", "c=socket inet6 dgram", "connect c [::1]:5353",
              "getsockname c", "sendto c null", "recvfrom s", "d=socket inet dgram", "connect d 127.0.0.1:5353",
              "sendto d null", "recvfrom s", "e=socket inet6 dgram", "connect e 127.0.0.1:5353", "getpeername e"},
             kByIpv4);
}

TEST(Connect, DatagramsReachTheHostWhereTheServiceHasNothing) {
  ExpectSame({"c=socket inet dgram", "connect c 127.0.0.1:53", "getpeername c", "getsockname c", "sendto c null"},
             {.strangers = {"udp 127.0.0.1:53"}, .addresses = kHostsLoopback});
}

// Such a socket has a port already, so it keeps the source that the kernel gives it.
TEST(Connect, AClientsBoundSocketReachesTheService) {
  const std::string forced =
      RunForced({"s=socket inet dgram", "bind s 127.0.0.1:5353", "c=socket inet dgram", "bind c 0.0.0.0:0",
                 "connect c 127.0.0.1:5353", "getpeername c", "sendto c null", "recvfrom s"});
  EXPECT_THAT(forced, HasSubstr("getpeername c -> 127.84.3.1:5353"));
  EXPECT_THAT(forced, HasSubstr("recvfrom s -> hello from 127.0.0.1:"));
}

TEST(Connect, WhatIsWrongIsTheKernelsToSay) {
  ExpectSame({"c=socket inet stream",
              "connect c bad",
              "connect c null",
              "connect c 127.0.0.1:80 len=0",
              "connect c 127.0.0.1:80 len=1",
              "connect c 127.0.0.1:80 len=15",
              "connect c 127.0.0.1:80 len=200",
              "connect c 127.0.0.1:80 len=-1",
              "connect c family/1",
              "connect c 127.0.0.1:0",
              "connect 77 127.0.0.1:80",
              "connect -1 127.0.0.1:80",
              "f=open /dev/null",
              "connect f 127.0.0.1:80",
              "p=opath /dev/null",
              "connect p 127.0.0.1:80",
              "u=socket unix stream",
              "connect u 127.0.0.1:80",
              "connect u unix//mnt/none",
              "n=socket netlink raw",
              "connect n netlink/0/0",
              "d=socket inet6 stream",
              "connect d [::1]:80 len=23",
              "connect d [::1]:80 len=24",
              "connect c 127.0.0.1:80 len=128",
              "tcpstate c"});
}

TEST(Connect, OtherProcessesOfTheServiceAreReached) {
  ExpectSame({"s=socket inet stream", "bind s 127.0.0.1:8080", "listen s 5",
              "fork c=socket inet stream ; connect c 127.0.0.1:8080 ; getpeername c",
              "thread d=socket inet stream ; connect d 127.0.0.1:8080 ; getpeername d", "a=accept s", "getpeername a"});
  ExpectSame({"s=socket inet stream", "bind s 127.0.0.1:8080", "listen s 5", "c=socket inet stream",
              "spawn connect 4 127.0.0.1:8080 ; getpeername 4", "tcpstate c"});
}

TEST(Connect, OrdinaryUsersReachThemselves) {
  Setting setting = kByIpv4;
  setting.ordinary_user = true;
  ExpectSame(Meet("socket inet6 stream", "[::]:8080", "socket inet6 stream", "[::1]:8080"), setting);
  ExpectSame(Meet("socket inet stream", "127.0.0.1:8080", "socket inet stream", "127.0.0.1:8080"), setting);
}

// The companion may not look into it, and need not: connecting is as without forcebind.
TEST(Connect, AnUndumpableServiceOfAnOrdinaryUserReachesTheHost) {
  ExpectSame({"dumpable 0", "c=socket inet stream", "connect c 127.0.0.1:5432", "getpeername c"},
             {.ordinary_user = true, .strangers = {"tcp 127.0.0.1:5432"}, .addresses = kHostsLoopback});
}

TEST(Connect, SocketsOfAnotherNetworkNamespaceAreTheKernels) {
  ExpectSame({"unshare net", "c=socket inet stream", "connect c 127.0.0.1:8080"});
}

class ConnectingProgram : public ::testing::TestWithParam<const char*> {};

TEST_P(ConnectingProgram, ReachesItself) {
  const Setting setting = {.program = GetParam()};
  ExpectSame(Meet("socket inet stream", "0.0.0.0:8080", "socket inet stream", "127.0.0.1:8080"), setting);
  ExpectSame(Meet("socket inet6 stream", "[::1]:8080", "socket inet6 stream", "[::1]:8080"), setting);
  ExpectSame({"s=socket inet dgram", "bind s 127.0.0.1:5353", "c=socket inet dgram", "connect c 127.0.0.1:5353",
              "sendto c null", "recvfrom s", "d=socket inet stream", "connect d 127.0.0.1:5353", "connect d bad"},
             setting);
  ExpectSame({"s=socket inet stream", "bind s 127.0.0.1:8080", "listen s 0", "c=socket.socketcall inet stream",
              "connect.socketcall c 127.0.0.1:8080", "getpeername c", "a=accept s", "d=socket inet stream",
              "connect.int80 d 127.0.0.1:8080", "getpeername d", "connect.socketcall d bad",
              "connect.int80 77 127.0.0.1:8080", "e=socket inet stream", "interrupt e 127.0.0.1:8080"},
             setting);
}
INSTANTIATE_TEST_SUITE_P(Kinds, ConnectingProgram, ::testing::Values("probe", "probe_static", "probe_32"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace forcebind
