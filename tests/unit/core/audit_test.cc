// SPDX-License-Identifier: Apache-2.0
#include "core/audit.h"

#include <gtest/gtest.h>

namespace forcebind {
namespace {

PrivateAddresses Own() {
  PrivateAddresses addresses;
  addresses.v4 = *IpAddress::Parse("127.84.3.1");
  addresses.v6 = *IpAddress::Parse("fd5e:1f2a:90c1::1");
  return addresses;
}

AuditedSocket Tcp(const char* local) { return {.protocol = Protocol::kTcp, .local = *Endpoint::Parse(local)}; }
AuditedSocket Udp(const char* local) { return {.protocol = Protocol::kUdp, .local = *Endpoint::Parse(local)}; }

Standing Of(const AuditedSocket& socket) { return JudgeSocket(socket, Own()); }

TEST(Audit, OnItsOwnAddressesAServiceIsAtHome) {
  for (const char* local : {"127.84.3.1:80", "[::ffff:127.84.3.1]:80", "[fd5e:1f2a:90c1::1]:80"}) {
    EXPECT_EQ(Of(Tcp(local)), Standing::kAtHome) << local;
    EXPECT_EQ(Of(Udp(local)), Standing::kAtHome) << local;
  }
}

TEST(Audit, AListenerAnywhereElseIsAFinding) {
  for (const char* local : {"0.0.0.0:80", "[::]:80", "[::ffff:0.0.0.0]:80", "127.0.0.1:80", "127.84.3.2:80",
                            "192.0.2.7:80", "[::1]:80", "[2001:db8::7]:80", "[fe80::1]:80"}) {
    EXPECT_EQ(Of(Tcp(local)), Standing::kElsewhere) << local;
    EXPECT_EQ(Of(Udp(local)), Standing::kElsewhere) << local;
  }
}

TEST(Audit, AUdpSocketOnTheWildcardWithAGivenPortIsAClients) {
  AuditedSocket socket = Udp("0.0.0.0:40000");
  EXPECT_EQ(Of(socket), Standing::kElsewhere);
  socket.given_port = true;
  EXPECT_EQ(Of(socket), Standing::kClient);
  socket.local = *Endpoint::Parse("[::]:40000");
  EXPECT_EQ(Of(socket), Standing::kClient);
  // Not on one address, and not TCP: nobody is given that without asking.
  socket.local = *Endpoint::Parse("192.0.2.7:40000");
  EXPECT_EQ(Of(socket), Standing::kElsewhere);
  socket = Tcp("0.0.0.0:40000");
  socket.given_port = true;
  EXPECT_EQ(Of(socket), Standing::kElsewhere);
}

TEST(Audit, AConnectedUdpSocketHearsItsPeerAlone) {
  AuditedSocket socket = Udp("192.0.2.7:53");
  socket.connected = true;
  EXPECT_EQ(Of(socket), Standing::kClient);
}

TEST(Audit, GroupsAreNobodysAddress) {
  EXPECT_EQ(Of(Udp("224.0.0.251:5353")), Standing::kGroup);
  EXPECT_EQ(Of(Udp("[ff02::fb]:5353")), Standing::kGroup);
  EXPECT_EQ(Of(Udp("255.255.255.255:68")), Standing::kGroup);
  AuditedSocket broadcast = Udp("192.0.2.255:137");
  EXPECT_EQ(Of(broadcast), Standing::kElsewhere);
  broadcast.group_address = true;
  EXPECT_EQ(Of(broadcast), Standing::kGroup);
}

TEST(Audit, WhatTheProfileLetsInIsNamedAsThat) {
  AuditedSocket socket = Tcp("0.0.0.0:80");
  socket.let_in = true;
  EXPECT_EQ(Of(socket), Standing::kLetIn);
  EXPECT_EQ(
      StandingText(Standing::kLetIn, socket, ""),
      "listens on every address of the host; it came with the execution, and the profile says inherited-sockets = "
      "\"allow\"");
}

TEST(Audit, AFindingSaysWhoseAddressItIs) {
  EXPECT_EQ(StandingText(Standing::kElsewhere, Tcp("0.0.0.0:80"), ""), "listens on every address of the host");
  EXPECT_EQ(StandingText(Standing::kElsewhere, Tcp("127.84.3.2:80"), "wiki"), "listens on the address of \"wiki\"");
  EXPECT_EQ(StandingText(Standing::kElsewhere, Udp("127.0.0.1:53"), ""),
            "is bound to a loopback address that is not the service's");
  EXPECT_EQ(StandingText(Standing::kElsewhere, Udp("192.0.2.7:53"), ""),
            "is bound to an address that is not the service's");
}

}  // namespace
}  // namespace forcebind
