// SPDX-License-Identifier: Apache-2.0
#include "core/connect_policy.h"

#include <errno.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace forcebind {
namespace {

using Presence = OwnSockets::Presence;

constexpr char kV4[] = "127.84.3.1:80", kV6[] = "[fd5e::3:1]:80";

IpAddress Address(const std::string& text) { return IpAddress::Parse(text).value(); }

// Who listens where, of the service.
class FakeOwnSockets : public OwnSockets {
 public:
  Presence Find(const Endpoint& endpoint) override {
    EXPECT_FALSE(endpoint.address.IsV4Mapped()) << endpoint.ToString();
    EXPECT_EQ(++asked_[endpoint.ToString()], 1) << endpoint.ToString() << " is asked about twice";
    const auto found = present_.find(endpoint.ToString());
    return found != present_.end() ? found->second : Presence::kNone;
  }
  std::map<std::string, Presence> present_;
  std::map<std::string, int> asked_;
};

constexpr SocketFacts kTcp4{.domain = AF_INET, .type = SOCK_STREAM, .protocol = IPPROTO_TCP};
constexpr SocketFacts kUdp4{.domain = AF_INET, .type = SOCK_DGRAM, .protocol = IPPROTO_UDP};
constexpr SocketFacts kMptcp4{.domain = AF_INET, .type = SOCK_STREAM, .protocol = 262};
constexpr SocketFacts kPing4{.domain = AF_INET, .type = SOCK_DGRAM, .protocol = IPPROTO_ICMP};
constexpr SocketFacts kRaw4{.domain = AF_INET, .type = SOCK_RAW, .protocol = IPPROTO_UDP};
constexpr SocketFacts kTcp6{.domain = AF_INET6, .type = SOCK_STREAM, .protocol = IPPROTO_TCP};
constexpr SocketFacts kTcp6Only{.domain = AF_INET6, .type = SOCK_STREAM, .protocol = IPPROTO_TCP, .v6only = true};
constexpr SocketFacts kUdp6{.domain = AF_INET6, .type = SOCK_DGRAM, .protocol = IPPROTO_UDP};
constexpr SocketFacts kUdp6Only{.domain = AF_INET6, .type = SOCK_DGRAM, .protocol = IPPROTO_UDP, .v6only = true};

// One connect(): the service "web" has 127.84.3.1 and fd5e::3:1.
struct Case {
  Case() {
    policy.name = "web";
    policy.addresses = {Address("127.84.3.1"), Address("fd5e::3:1")};
  }
  // Bound to this address, and a port if `port`.
  void BindTo(const std::string& source) {
    facts.source = Address(source);
    facts.socket.bound = true;
  }
  ServicePolicy policy;
  FakeOwnSockets own;
  ConnectFacts facts;
};

// "to 127.84.3.1:80 from 127.84.3.1", without the source if none is bound; "kernel"; "ECONNREFUSED".
std::string Describe(const ConnectVerdict& verdict) {
  struct Describer {
    std::string operator()(const PassThrough&) { return "kernel"; }
    std::string operator()(const Redirect& redirect) {
      return absl::StrCat("to ", redirect.target.ToString(),
                          redirect.source ? absl::StrCat(" from ", redirect.source->ToString()) : "");
    }
    std::string operator()(const Deny& deny) {
      EXPECT_NE(deny.reason, "");
      return deny.error == ECONNREFUSED ? "ECONNREFUSED" : absl::StrCat("errno ", deny.error);
    }
  };
  return std::visit(Describer(), verdict);
}

struct Row {
  const char* sentence;
  SocketFacts facts;
  const char* destination;
  const char* verdict;
  void (*change)(Case&) = [](Case&) {};
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.sentence; }

#define CHANGE(...) [](Case& c) { __VA_ARGS__; }

constexpr Row kRows[] = {
    // IPv4
    {"OwnListenerIsReached", kTcp4, "127.0.0.1:80", "to 127.84.3.1:80 from 127.84.3.1",
     CHANGE(c.own.present_[kV4] = Presence::kOneFamily)},
    {"OwnListenerOfBothFamiliesIsReached", kTcp4, "127.0.0.1:80", "to 127.84.3.1:80 from 127.84.3.1",
     CHANGE(c.own.present_[kV4] = Presence::kBothFamilies)},
    {"WithoutOneTheHostsLoopbackIsTheKernels", kTcp4, "127.0.0.1:80", "kernel"},
    {"AListenerOnTheIpv6AddressDoesNotAnswerOnIpv4", kTcp4, "127.0.0.1:80", "kernel",
     CHANGE(c.own.present_[kV6] = Presence::kOneFamily)},
    {"TheWildcardIsTheLoopback", kTcp4, "0.0.0.0:80", "to 127.84.3.1:80 from 127.84.3.1",
     CHANGE(c.own.present_[kV4] = Presence::kOneFamily)},
    {"ABoundSocketKeepsItsSource", kTcp4, "127.0.0.1:80", "to 127.84.3.1:80",
     CHANGE(c.own.present_[kV4] = Presence::kOneFamily; c.BindTo("127.84.3.1"))},
    {"AClientsUdpSocketKeepsItsPortOnTheWildcard", kUdp4, "127.0.0.1:80", "to 127.84.3.1:80",
     CHANGE(c.own.present_[kV4] = Presence::kOneFamily; c.BindTo("0.0.0.0"))},
    {"UdpIsServed", kUdp4, "127.0.0.1:80", "to 127.84.3.1:80 from 127.84.3.1",
     CHANGE(c.own.present_[kV4] = Presence::kOneFamily)},
    {"MptcpIsServed", kMptcp4, "127.0.0.1:80", "to 127.84.3.1:80 from 127.84.3.1",
     CHANGE(c.own.present_[kV4] = Presence::kOneFamily)},
    {"WithSourceBoundTheWildcardIsTheHostsLoopbackAllTheSame", kTcp4, "0.0.0.0:80", "to 127.0.0.1:80",
     CHANGE(c.BindTo("127.84.3.1"))},
    {"WithAnotherSourceTheWildcardIsTheKernels", kTcp4, "0.0.0.0:80", "kernel", CHANGE(c.BindTo("192.0.2.7"))},
    {"WithSourceBoundTheLoopbackIsTheKernels", kTcp4, "127.0.0.1:80", "kernel", CHANGE(c.BindTo("127.84.3.1"))},
    {"WithoutAPrivateIpv4AddressIsTheKernels", kTcp4, "127.0.0.1:80", "kernel", CHANGE(c.policy.addresses.v4.reset())},

    // IPv4-mapped
    {"MappedLoopbackIsTheMappedPrivateAddress", kTcp6, "[::ffff:127.0.0.1]:80",
     "to [::ffff:127.84.3.1]:80 from ::ffff:127.84.3.1", CHANGE(c.own.present_[kV4] = Presence::kOneFamily)},
    {"MappedWildcardIsTheMappedPrivateAddress", kTcp6, "[::ffff:0.0.0.0]:80",
     "to [::ffff:127.84.3.1]:80 from ::ffff:127.84.3.1", CHANGE(c.own.present_[kV4] = Presence::kOneFamily)},
    {"MappedLoopbackOfTheHostIsTheKernels", kTcp6, "[::ffff:127.0.0.1]:80", "kernel"},
    {"MappedLoopbackIsOutOfReachWithV6Only", kTcp6Only, "[::ffff:127.0.0.1]:80", "kernel",
     CHANGE(c.own.present_[kV4] = Presence::kOneFamily)},
    {"MappedLoopbackIsOutOfReachFromAnIpv6Address", kTcp6, "[::ffff:127.0.0.1]:80", "kernel",
     CHANGE(c.own.present_[kV4] = Presence::kOneFamily; c.BindTo("fd5e::3:1"))},
    {"MappedWildcardOfTheHostIsItsLoopbackIfASourceIsBound", kTcp6, "[::ffff:0.0.0.0]:80", "to [::ffff:127.0.0.1]:80",
     CHANGE(c.BindTo("::ffff:127.84.3.1"))},

    // IPv6
    {"Ipv6ListenerIsReached", kTcp6, "[::1]:80", "to [fd5e::3:1]:80 from fd5e::3:1",
     CHANGE(c.own.present_[kV6] = Presence::kOneFamily)},
    {"DualStackListenerIsReachedByIpv4", kTcp6, "[::1]:80", "to [::ffff:127.84.3.1]:80 from ::ffff:127.84.3.1",
     CHANGE(c.own.present_[kV4] = Presence::kBothFamilies)},
    {"Ipv4ListenerDoesNotAnswerOnIpv6", kTcp6, "[::1]:80", "kernel",
     CHANGE(c.own.present_[kV4] = Presence::kOneFamily)},
    {"Ipv6WildcardIsTheIpv6Loopback", kTcp6, "[::]:80", "to [fd5e::3:1]:80 from fd5e::3:1",
     CHANGE(c.own.present_[kV6] = Presence::kOneFamily)},
    {"Ipv6WildcardFromAMappedSourceIsTheIpv4Loopback", kTcp6, "[::]:80", "to [::ffff:127.84.3.1]:80",
     CHANGE(c.own.present_[kV4] = Presence::kOneFamily; c.BindTo("::ffff:127.84.3.1"))},
    {"Ipv6LoopbackFromAMappedSourceReachesADualStackListener", kTcp6, "[::1]:80", "to [::ffff:127.84.3.1]:80",
     CHANGE(c.own.present_[kV4] = Presence::kBothFamilies; c.BindTo("::ffff:127.84.3.1"))},
    {"Ipv6LoopbackFromAMappedSourceReachesNoIpv6Listener", kTcp6, "[::1]:80", "kernel",
     CHANGE(c.own.present_[kV6] = Presence::kOneFamily; c.BindTo("::ffff:127.84.3.1"))},
    {"V6OnlyReachesADualStackListenerByTheSupervisorsRoute", kTcp6Only, "[::1]:80", "to [fd5e::3:1]:80 from fd5e::3:1",
     CHANGE(c.own.present_[kV4] = Presence::kBothFamilies)},
    {"V6OnlyWithoutAPrivateIpv6AddressIsTheKernels", kTcp6Only, "[::1]:80", "kernel",
     CHANGE(c.own.present_[kV4] = Presence::kBothFamilies; c.policy.addresses.v6.reset())},
    {"WithoutAPrivateIpv6AddressADualStackListenerIsReached", kTcp6, "[::1]:80",
     "to [::ffff:127.84.3.1]:80 from ::ffff:127.84.3.1",
     CHANGE(c.own.present_[kV4] = Presence::kBothFamilies; c.policy.addresses.v6.reset())},
    {"Ipv6LoopbackOfTheHostIsTheKernels", kTcp6, "[::1]:80", "kernel"},
    {"UdpTakesAnIpv4NameOnAnIpv6Socket", kUdp6, "127.0.0.1:80", "to [::ffff:127.84.3.1]:80 from ::ffff:127.84.3.1",
     CHANGE(c.own.present_[kV4] = Presence::kOneFamily)},
    {"UdpTakesNoIpv4NameWithV6Only", kUdp6Only, "127.0.0.1:80", "kernel",
     CHANGE(c.own.present_[kV4] = Presence::kOneFamily)},
    {"TcpTakesNoIpv4NameOnAnIpv6Socket", kTcp6, "127.0.0.1:80", "kernel",
     CHANGE(c.own.present_[kV4] = Presence::kOneFamily)},
    {"AnIpv4SocketTakesNoIpv6Name", kTcp4, "[::1]:80", "kernel", CHANGE(c.own.present_[kV6] = Presence::kOneFamily)},

    // The profile
    {"OwnGoesToThePrivateAddressWhoeverListens", kTcp4, "127.0.0.1:80", "to 127.84.3.1:80 from 127.84.3.1",
     CHANGE(c.policy.loopback = Loopback::kOwn)},
    {"OwnGoesToThePrivateIpv6Address", kTcp6, "[::1]:80", "to [fd5e::3:1]:80 from fd5e::3:1",
     CHANGE(c.policy.loopback = Loopback::kOwn)},
    {"OwnGoesToTheDualStackListener", kTcp6, "[::1]:80", "to [::ffff:127.84.3.1]:80 from ::ffff:127.84.3.1",
     CHANGE(c.policy.loopback = Loopback::kOwn; c.own.present_[kV4] = Presence::kBothFamilies)},
    {"OwnWithoutIpv6GoesToThePrivateIpv4Address", kTcp6, "[::1]:80", "to [::ffff:127.84.3.1]:80 from ::ffff:127.84.3.1",
     CHANGE(c.policy.loopback = Loopback::kOwn; c.policy.addresses.v6.reset())},
    {"OwnWithoutAnAddressIsNobody", kTcp4, "127.0.0.1:80", "ECONNREFUSED",
     CHANGE(c.policy.loopback = Loopback::kOwn; c.policy.addresses.v4.reset())},
    {"OwnWithoutAnIpv6AddressIsNobodyForV6Only", kTcp6Only, "[::1]:80", "ECONNREFUSED",
     CHANGE(c.policy.loopback = Loopback::kOwn; c.policy.addresses.v6.reset())},
    {"HostIsTheKernels", kTcp4, "127.0.0.1:80", "kernel",
     CHANGE(c.policy.loopback = Loopback::kHost; c.own.present_[kV4] = Presence::kOneFamily)},
    {"HostsPortIsTheKernels", kTcp4, "127.0.0.1:80", "kernel",
     CHANGE(c.policy.host_loopback = {{Protocol::kTcp, 80, 80}}; c.own.present_[kV4] = Presence::kOneFamily)},
    {"HostsPortIsTheKernelsWithOwnToo", kTcp4, "127.0.0.1:80", "kernel",
     CHANGE(c.policy.host_loopback = {{Protocol::kTcp, 79, 81}}; c.policy.loopback = Loopback::kOwn)},
    {"HostsPortIsOfOneProtocol", kTcp4, "127.0.0.1:80", "to 127.84.3.1:80 from 127.84.3.1",
     CHANGE(c.policy.host_loopback = {{Protocol::kUdp, 80, 80}}; c.own.present_[kV4] = Presence::kOneFamily)},

    // The socket
    {"SocketOfAnotherNetworkIsTheKernels", kTcp4, "127.0.0.1:80", "kernel",
     CHANGE(c.facts.socket.foreign_netns = true; c.own.present_[kV4] = Presence::kOneFamily)},
    {"PingIsTheKernels", kPing4, "127.0.0.1:80", "kernel", CHANGE(c.own.present_[kV4] = Presence::kOneFamily)},
    {"RawIsTheKernels", kRaw4, "127.0.0.1:80", "kernel", CHANGE(c.own.present_[kV4] = Presence::kOneFamily)},
};

class ConnectPolicy : public ::testing::TestWithParam<Row> {};

TEST_P(ConnectPolicy, Decides) {
  Case c;
  c.facts.socket = GetParam().facts;
  c.facts.source = GetParam().facts.domain == AF_INET ? IpAddress() : IpAddress::V6({});
  GetParam().change(c);
  const Endpoint destination = Endpoint::Parse(GetParam().destination).value();
  EXPECT_EQ(Describe(DecideConnect(destination, c.facts, c.policy, c.own)), GetParam().verdict);
}
INSTANTIATE_TEST_SUITE_P(Table, ConnectPolicy, ::testing::ValuesIn(kRows),
                         [](const auto& info) { return std::string(info.param.sentence); });

// A sockaddr of this family, cut to `size` bytes or filled up with zeros.
std::vector<uint8_t> Name(const std::string& endpoint_text, size_t size) {
  const Endpoint endpoint = Endpoint::Parse(endpoint_text).value();
  std::vector<uint8_t> bytes(sizeof(sockaddr_storage));
  if (endpoint.address.is_v4()) {
    sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(endpoint.port)};
    name.sin_addr.s_addr = htonl(endpoint.address.v4());
    memcpy(bytes.data(), &name, sizeof(name));
  } else {
    sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_port = htons(endpoint.port), .sin6_scope_id = 3};
    memcpy(&name.sin6_addr, endpoint.address.bytes().data(), 16);
    memcpy(bytes.data(), &name, sizeof(name));
  }
  bytes.resize(size);
  return bytes;
}

TEST(LoopbackDestination, IsEveryFormOfIt) {
  for (const char* text : {"127.0.0.1:80", "0.0.0.0:80"}) {
    const auto found = LoopbackDestination(Name(text, sizeof(sockaddr_in)));
    ASSERT_TRUE(found) << text;
    EXPECT_EQ(found->ToString(), text);
  }
  for (const char* text : {"[::1]:80", "[::]:80", "[::ffff:127.0.0.1]:80", "[::ffff:0.0.0.0]:80"}) {
    const auto found = LoopbackDestination(Name(text, sizeof(sockaddr_in6)));
    ASSERT_TRUE(found) << text;
    EXPECT_EQ(found->ToString(), text);
  }
}

TEST(LoopbackDestination, IsNoOtherAddress) {
  for (const char* text : {"127.0.0.53:53", "127.84.3.1:80", "192.0.2.7:80", "255.255.255.255:80", "127.0.0.1:0"}) {
    EXPECT_FALSE(LoopbackDestination(Name(text, sizeof(sockaddr_in)))) << text;
  }
  for (const char* text : {"[::2]:80", "[fe80::1]:80", "[::ffff:127.0.0.2]:80", "[ff02::1]:80", "[::1]:0"}) {
    EXPECT_FALSE(LoopbackDestination(Name(text, sizeof(sockaddr_in6)))) << text;
  }
}

TEST(LoopbackDestination, IsAsLongAsTheKernelTakesIt) {
  EXPECT_FALSE(LoopbackDestination({}));
  EXPECT_FALSE(LoopbackDestination(Name("127.0.0.1:80", 1)));
  EXPECT_FALSE(LoopbackDestination(Name("127.0.0.1:80", 15)));
  EXPECT_TRUE(LoopbackDestination(Name("127.0.0.1:80", sizeof(sockaddr_storage))));
  EXPECT_FALSE(LoopbackDestination(Name("[::1]:80", 23)));
  EXPECT_TRUE(LoopbackDestination(Name("[::1]:80", 24)));  // without a scope id
  EXPECT_TRUE(LoopbackDestination(Name("[::1]:80", sizeof(sockaddr_storage))));
}

TEST(LoopbackDestination, IsNoOtherFamily) {
  for (const sa_family_t family : {AF_UNSPEC, AF_UNIX, AF_NETLINK, 0xffff}) {
    std::vector<uint8_t> bytes = Name("127.0.0.1:80", sizeof(sockaddr_storage));
    memcpy(bytes.data(), &family, sizeof(family));
    EXPECT_FALSE(LoopbackDestination(bytes)) << family;
  }
}

}  // namespace
}  // namespace forcebind
