// SPDX-License-Identifier: Apache-2.0
#include "core/bind_policy.h"

#include <errno.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace forcebind {
namespace {

using ::testing::HasSubstr;

IpAddress Address(const std::string& text) { return IpAddress::Parse(text).value(); }

std::vector<uint8_t> Name(const std::string& endpoint_text, uint32_t scope_id = 0) {
  const Endpoint endpoint = Endpoint::Parse(endpoint_text).value();
  const auto bytes_of = [](const auto& name) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(&name);
    return std::vector<uint8_t>(bytes, bytes + sizeof(name));
  };
  if (endpoint.address.is_v4()) {
    sockaddr_in name = {};
    name.sin_family = AF_INET;
    name.sin_port = htons(endpoint.port);
    name.sin_addr.s_addr = htonl(endpoint.address.v4());
    return bytes_of(name);
  }
  sockaddr_in6 name = {};
  name.sin6_family = AF_INET6;
  name.sin6_port = htons(endpoint.port);
  name.sin6_scope_id = scope_id;
  memcpy(&name.sin6_addr, endpoint.address.bytes().data(), 16);
  return bytes_of(name);
}

void SetFamily(std::vector<uint8_t>* name, sa_family_t family) { memcpy(name->data(), &family, sizeof(family)); }

// A host with 192.0.2.7/24, 2001:db8::7 and fe80::7.
class FakeHost : public HostFacts {
 public:
  AddressKind Classify(const IpAddress& address) override {
    ++classified;
    EXPECT_FALSE(address.IsWildcard() || address.IsLoopback() || address.IsMulticast() || address.IsV4Mapped())
        << address.ToString() << " must not be asked about";
    if (address == Address("192.0.2.255")) return AddressKind::kBroadcast;
    const std::set<IpAddress> local = {Address("192.0.2.7"), Address("2001:db8::7"), Address("fe80::7")};
    return local.count(address) ? AddressKind::kLocal : AddressKind::kForeign;
  }
  bool MayBindPort(uint16_t port) override {
    ++port_asked;
    return privileged || port >= 1024;
  }

  bool privileged = true;
  int classified = 0;
  int port_asked = 0;
};

constexpr SocketFacts kTcp4{.domain = AF_INET, .type = SOCK_STREAM, .protocol = IPPROTO_TCP};
constexpr SocketFacts kUdp4{.domain = AF_INET, .type = SOCK_DGRAM, .protocol = IPPROTO_UDP};
constexpr SocketFacts kPing4{.domain = AF_INET, .type = SOCK_DGRAM, .protocol = IPPROTO_ICMP};
constexpr SocketFacts kRaw4{.domain = AF_INET, .type = SOCK_RAW, .protocol = IPPROTO_TCP};
constexpr SocketFacts kSctp4{.domain = AF_INET, .type = SOCK_SEQPACKET, .protocol = IPPROTO_SCTP};
constexpr SocketFacts kMptcp4{.domain = AF_INET, .type = SOCK_STREAM, .protocol = 262};
constexpr SocketFacts kUdpLite4{.domain = AF_INET, .type = SOCK_DGRAM, .protocol = IPPROTO_UDPLITE};
constexpr SocketFacts kTcp6{.domain = AF_INET6, .type = SOCK_STREAM, .protocol = IPPROTO_TCP};
constexpr SocketFacts kTcp6Only{.domain = AF_INET6, .type = SOCK_STREAM, .protocol = IPPROTO_TCP, .v6only = true};
constexpr SocketFacts kUdp6{.domain = AF_INET6, .type = SOCK_DGRAM, .protocol = IPPROTO_UDP};
constexpr SocketFacts kUdp6Only{.domain = AF_INET6, .type = SOCK_DGRAM, .protocol = IPPROTO_UDP, .v6only = true};
constexpr SocketFacts kPing6{.domain = AF_INET6, .type = SOCK_DGRAM, .protocol = IPPROTO_ICMPV6};

ServicePolicy Web() {
  ServicePolicy policy;
  policy.name = "web";
  policy.addresses = {Address("127.84.3.1"), Address("fd5e::3:1")};
  policy.publish = {{Protocol::kTcp, 80, {}}, {Protocol::kUdp, 443, {}}};
  return policy;
}

std::string ErrorName(int error) {
  switch (error) {
    case EINVAL:
      return "EINVAL";
    case EACCES:
      return "EACCES";
    case EADDRNOTAVAIL:
      return "EADDRNOTAVAIL";
    case EAFNOSUPPORT:
      return "EAFNOSUPPORT";
  }
  return absl::StrCat("errno ", error);
}

// "127.84.3.1:80", with " dual" and " published" behind it; "egress 0.0.0.0:0"; "as requested"; "EACCES", with
// ", said" behind it if there is a reason.
std::string Describe(const BindVerdict& verdict) {
  struct Describer {
    std::string operator()(const AsRequested&) { return "as requested"; }
    std::string operator()(const Egress& egress) { return "egress " + egress.requested.ToString(); }
    std::string operator()(const Rewrite& rewrite) {
      return absl::StrCat(rewrite.target.ToString(), rewrite.dual_stack ? " dual" : "",
                          rewrite.publication != nullptr ? " published" : "");
    }
    std::string operator()(const Deny& deny) { return ErrorName(deny.error) + (deny.reason.empty() ? "" : ", said"); }
  };
  return std::visit(Describer(), verdict);
}

struct Row {
  const char* sentence;
  SocketFacts facts;
  const char* request;
  const char* verdict;
  void (*change)(ServicePolicy& policy, SocketFacts& facts, FakeHost& host) = nullptr;
};

class BindPolicyTable : public ::testing::TestWithParam<Row> {};

TEST_P(BindPolicyTable, Says) {
  const Row& row = GetParam();
  ServicePolicy policy = Web();
  SocketFacts facts = row.facts;
  FakeHost host;
  if (row.change != nullptr) row.change(policy, facts, host);
  EXPECT_EQ(Describe(DecideInetBind(Name(row.request), facts, policy, host)), row.verdict);
  EXPECT_LE(host.classified, 1);
  EXPECT_LE(host.port_asked, 1);
}

#define CHANGE(what)                                                                                                 \
  [](ServicePolicy& policy [[maybe_unused]], SocketFacts& facts [[maybe_unused]], FakeHost& host [[maybe_unused]]) { \
    what;                                                                                                            \
  }

const Row kIpv4Rows[] = {
    {"WildcardGetsThePrivateAddress", kTcp4, "0.0.0.0:8080", "127.84.3.1:8080"},
    {"PublishedPortIsMarked", kTcp4, "0.0.0.0:80", "127.84.3.1:80 published"},
    {"PublishedPortOfTheOtherProtocolIsNot", kUdp4, "0.0.0.0:80", "127.84.3.1:80"},
    {"LoopbackGetsThePrivateAddress", kTcp4, "127.0.0.1:8080", "127.84.3.1:8080"},
    {"ThePrivateAddressItselfStays", kTcp4, "127.84.3.1:8080", "127.84.3.1:8080"},
    {"AnotherAddressOfTheHostGetsThePrivateAddress", kTcp4, "192.0.2.7:80", "127.84.3.1:80 published"},
    {"ForeignAddressIsNotAvailable", kTcp4, "198.51.100.1:80", "EADDRNOTAVAIL"},
    {"PortZeroOfTcpIsForced", kTcp4, "0.0.0.0:0", "127.84.3.1:0"},
    {"PortZeroOfTcpIsForcedWithoutEgressToo", kTcp4, "0.0.0.0:0", "127.84.3.1:0", CHANGE(policy.egress = false)},
    {"UdpPortZeroOnTheWildcardIsEgress", kUdp4, "0.0.0.0:0", "egress 0.0.0.0:0"},
    {"UdpPortZeroIsForcedWithoutEgress", kUdp4, "0.0.0.0:0", "127.84.3.1:0", CHANGE(policy.egress = false)},
    {"UdpPortZeroOnASpecificAddressIsForced", kUdp4, "192.0.2.7:0", "127.84.3.1:0"},
    {"FixedUdpPortIsForced", kUdp4, "0.0.0.0:443", "127.84.3.1:443 published"},
    {"UdpLiteCountsAsUdp", kUdpLite4, "0.0.0.0:0", "egress 0.0.0.0:0"},
    {"MptcpCountsAsTcp", kMptcp4, "0.0.0.0:80", "127.84.3.1:80 published"},
    {"PingOnTheWildcardIsEgressWhateverItsIdentifier", kPing4, "0.0.0.0:7", "egress 0.0.0.0:7"},
    {"PingOnASpecificAddressIsForced", kPing4, "192.0.2.7:7", "127.84.3.1:7"},
    {"PingIdentifiersNeedNoRight", kPing4, "192.0.2.7:7", "127.84.3.1:7", CHANGE(host.privileged = false)},
    {"RawSocketIsForcedAndNeverPublished", kRaw4, "0.0.0.0:80", "127.84.3.1:80", CHANGE(host.privileged = false)},
    {"SctpIsForcedAndNeverPublished", kSctp4, "0.0.0.0:80", "127.84.3.1:80", CHANGE(policy.allow.emplace())},
    {"MulticastIsRefusedByDefault", kUdp4, "224.0.0.251:5353", "EADDRNOTAVAIL, said"},
    {"MulticastIsLetThroughByTheProfile", kUdp4, "224.0.0.251:5353", "as requested", CHANGE(policy.multicast = true)},
    {"MulticastOnAPortThatIsNotAllowedIsRefused", kUdp4, "224.0.0.251:5353", "EACCES, said",
     CHANGE(policy.multicast = true; policy.allow.emplace())},
    {"MulticastOfTcpIsRefusedAlways", kTcp4, "224.0.0.251:5353", "EADDRNOTAVAIL, said",
     CHANGE(policy.multicast = true)},
    {"BroadcastIsRefusedByDefault", kUdp4, "192.0.2.255:67", "EADDRNOTAVAIL, said"},
    {"BroadcastIsLetThroughByTheProfile", kUdp4, "192.0.2.255:67", "as requested", CHANGE(policy.multicast = true)},
    {"LimitedBroadcastIsBroadcast", kUdp4, "255.255.255.255:67", "as requested", CHANGE(policy.multicast = true)},
    {"LoopbackBroadcastIsBroadcast", kTcp4, "127.255.255.255:80", "EADDRNOTAVAIL, said"},
    {"ZeroNetIsBroadcastToTheKernel", kTcp4, "0.0.0.5:80", "EADDRNOTAVAIL, said"},
    {"PortThatTheProfileDoesNotAllowIsRefused", kTcp4, "0.0.0.0:81", "EACCES, said", CHANGE(policy.allow.emplace())},
    {"PublishedPortIsAllowed", kTcp4, "0.0.0.0:80", "127.84.3.1:80 published", CHANGE(policy.allow.emplace())},
    {"PortZeroIsAllowed", kTcp4, "0.0.0.0:0", "127.84.3.1:0", CHANGE(policy.allow.emplace())},
    {"PrivilegedPortWithoutTheRightIsRefused", kTcp4, "0.0.0.0:80", "EACCES", CHANGE(host.privileged = false)},
    {"UnprivilegedPortNeedsNoRight", kTcp4, "0.0.0.0:8080", "127.84.3.1:8080", CHANGE(host.privileged = false)},
    {"BoundSocketIsLeftToTheKernel", kTcp4, "0.0.0.0:8080", "127.84.3.1:8080", CHANGE(facts.bound = true)},
    {"WithoutAPrivateAddressNothingIsAvailable", kTcp4, "0.0.0.0:80", "EADDRNOTAVAIL, said",
     CHANGE(policy.addresses.v4.reset())},
    {"WithoutAPrivateAddressEgressWorks", kUdp4, "0.0.0.0:0", "egress 0.0.0.0:0", CHANGE(policy.addresses = {})},
    {"SocketOfAnotherNamespaceIsRefused", kTcp4, "0.0.0.0:80", "EADDRNOTAVAIL, said",
     CHANGE(facts.foreign_netns = true)},
    {"EgressSocketOfAnotherNamespaceIsRefused", kUdp4, "0.0.0.0:0", "EADDRNOTAVAIL, said",
     CHANGE(facts.foreign_netns = true)},
};

const Row kIpv6Rows[] = {
    {"WildcardIsDualStackOnThePrivateIpv4Address", kTcp6, "[::]:80", "[::ffff:127.84.3.1]:80 dual published"},
    {"WildcardWithoutAPrivateIpv4AddressGetsTheUla", kTcp6, "[::]:80", "[fd5e::3:1]:80 published",
     CHANGE(policy.addresses.v4.reset())},
    {"WildcardWithoutAUlaIsDualStackAllTheSame", kTcp6, "[::]:80", "[::ffff:127.84.3.1]:80 dual published",
     CHANGE(policy.addresses.v6.reset())},
    {"V6OnlyWildcardGetsTheUla", kTcp6Only, "[::]:80", "[fd5e::3:1]:80 published"},
    {"MappedWildcardGetsThePrivateIpv4Address", kTcp6, "[::ffff:0.0.0.0]:80", "[::ffff:127.84.3.1]:80 published"},
    {"MappedAddressGetsThePrivateIpv4Address", kTcp6, "[::ffff:192.0.2.7]:80", "[::ffff:127.84.3.1]:80 published"},
    {"MappedLoopbackGetsThePrivateIpv4Address", kTcp6, "[::ffff:127.0.0.1]:80", "[::ffff:127.84.3.1]:80 published"},
    {"MappedForeignAddressIsNotAvailable", kTcp6, "[::ffff:198.51.100.1]:80", "EADDRNOTAVAIL"},
    {"MappedZeroNetIsBroadcast", kTcp6, "[::ffff:0.0.0.5]:80", "EADDRNOTAVAIL, said"},
    {"MappedAddressWithoutAPrivateIpv4AddressIsNotAvailable", kTcp6, "[::ffff:0.0.0.0]:80", "EADDRNOTAVAIL, said",
     CHANGE(policy.addresses.v4.reset())},
    {"MappedAddressOnAV6OnlySocketIsInvalid", kTcp6Only, "[::ffff:127.0.0.1]:80", "EINVAL"},
    {"LoopbackGetsTheUla", kTcp6, "[::1]:80", "[fd5e::3:1]:80 published"},
    {"AnotherAddressOfTheHostGetsTheUla", kTcp6, "[2001:db8::7]:80", "[fd5e::3:1]:80 published"},
    {"TheUlaItselfNeedNotBeAnInterfaces", kTcp6, "[fd5e::3:1]:80", "[fd5e::3:1]:80 published"},
    {"ForeignAddressIsNotAvailable", kTcp6, "[2001:db8::8]:80", "EADDRNOTAVAIL"},
    {"SpecificAddressWithoutAUlaIsNotAvailable", kTcp6, "[::1]:80", "EADDRNOTAVAIL, said",
     CHANGE(policy.addresses.v6.reset())},
    {"V6OnlyWithoutAUlaIsNotAvailable", kTcp6Only, "[::]:80", "EADDRNOTAVAIL, said",
     CHANGE(policy.addresses.v6.reset())},
    {"PortZeroOfTcpIsForced", kTcp6, "[::]:0", "[::ffff:127.84.3.1]:0 dual"},
    {"UdpPortZeroOnTheWildcardIsEgress", kUdp6, "[::]:0", "egress [::]:0"},
    {"UdpPortZeroOnTheV6OnlyWildcardIsEgress", kUdp6Only, "[::]:0", "egress [::]:0"},
    {"UdpPortZeroOnTheMappedWildcardIsEgress", kUdp6, "[::ffff:0.0.0.0]:0", "egress [::ffff:0.0.0.0]:0"},
    {"UdpPortZeroOnTheMappedWildcardOfAV6OnlySocketIsInvalid", kUdp6Only, "[::ffff:0.0.0.0]:0", "EINVAL"},
    {"UdpPortZeroOnLoopbackIsForced", kUdp6, "[::1]:0", "[fd5e::3:1]:0"},
    {"PingOnTheWildcardIsEgress", kPing6, "[::]:7", "egress [::]:7"},
    {"LinkLocalWithoutAnInterfaceIsInvalid", kTcp6, "[fe80::7]:80", "EINVAL"},
    {"LinkLocalOnABoundDeviceGetsTheUla", kTcp6, "[fe80::7]:80", "[fd5e::3:1]:80 published",
     CHANGE(facts.bound_ifindex = 2)},
    {"MulticastOfTcpIsInvalid", kTcp6, "[ff05::1]:80", "EINVAL"},
    {"MulticastIsRefusedByDefault", kUdp6, "[ff05::1]:5353", "EADDRNOTAVAIL, said"},
    {"MulticastIsLetThroughByTheProfile", kUdp6, "[ff05::1]:5353", "as requested", CHANGE(policy.multicast = true)},
    {"LinkLocalMulticastWithoutAnInterfaceIsInvalid", kUdp6, "[ff02::fb]:5353", "EINVAL",
     CHANGE(policy.multicast = true)},
    {"PortThatTheProfileDoesNotAllowIsRefused", kTcp6, "[::]:81", "EACCES, said", CHANGE(policy.allow.emplace())},
    {"PrivilegedPortWithoutTheRightIsRefused", kTcp6, "[::]:80", "EACCES", CHANGE(host.privileged = false)},
    {"SocketOfAnotherNamespaceIsRefused", kTcp6, "[::]:80", "EADDRNOTAVAIL, said", CHANGE(facts.foreign_netns = true)},
};

// Two faults at once: the kernel's order decides which errno is seen.
const Row kOrderRows[] = {
    {"Ipv4ForeignAddressBeforePrivilegedPort", kTcp4, "198.51.100.1:80", "EADDRNOTAVAIL",
     CHANGE(host.privileged = false)},
    {"Ipv6PrivilegedPortBeforeForeignAddress", kTcp6, "[2001:db8::8]:80", "EACCES", CHANGE(host.privileged = false)},
    {"Ipv6PrivilegedPortBeforeMappedOnV6Only", kTcp6Only, "[::ffff:127.0.0.1]:80", "EACCES",
     CHANGE(host.privileged = false)},
    {"Ipv6MulticastOfTcpBeforePrivilegedPort", kTcp6, "[ff05::1]:80", "EINVAL", CHANGE(host.privileged = false)},
    {"Ipv4ForeignAddressBeforeBound", kTcp4, "198.51.100.1:8080", "EADDRNOTAVAIL", CHANGE(facts.bound = true)},
    {"Ipv4PrivilegedPortBeforeBound", kTcp4, "0.0.0.0:80", "EACCES",
     CHANGE(facts.bound = true; host.privileged = false)},
    {"Ipv6PrivilegedPortBeforeBound", kTcp6, "[::]:80", "EACCES", CHANGE(facts.bound = true; host.privileged = false)},
    {"Ipv6BoundBeforeForeignAddress", kTcp6, "[2001:db8::8]:8080", "EINVAL", CHANGE(facts.bound = true)},
    {"Ipv6BoundBeforeAMissingUla", kTcp6, "[::1]:8080", "EINVAL",
     CHANGE(facts.bound = true; policy.addresses.v6.reset())},
    {"Ipv6BoundBeforeMulticast", kUdp6, "[ff05::1]:5353", "EINVAL", CHANGE(facts.bound = true)},
    {"ForeignNamespaceBeforeForeignAddress", kTcp4, "198.51.100.1:80", "EADDRNOTAVAIL, said",
     CHANGE(facts.foreign_netns = true)},
};

std::string RowName(const ::testing::TestParamInfo<Row>& info) { return info.param.sentence; }

INSTANTIATE_TEST_SUITE_P(Ipv4, BindPolicyTable, ::testing::ValuesIn(kIpv4Rows), RowName);
INSTANTIATE_TEST_SUITE_P(Ipv6, BindPolicyTable, ::testing::ValuesIn(kIpv6Rows), RowName);
INSTANTIATE_TEST_SUITE_P(Order, BindPolicyTable, ::testing::ValuesIn(kOrderRows), RowName);

BindVerdict Decide(const std::vector<uint8_t>& name, const SocketFacts& facts, const ServicePolicy& policy = Web()) {
  FakeHost host;
  return DecideInetBind(name, facts, policy, host);
}

std::string ReasonOf(const BindVerdict& verdict) {
  const Deny* deny = std::get_if<Deny>(&verdict);
  return deny == nullptr ? "no denial: " + Describe(verdict) : deny->reason;
}

TEST(BindPolicy, AnAddressTooShortIsInvalidWhateverItsFamily) {
  std::vector<uint8_t> v4 = Name("0.0.0.0:80");
  SetFamily(&v4, AF_UNIX);
  v4.resize(15);
  EXPECT_EQ(Describe(Decide(v4, kTcp4)), "EINVAL");
  EXPECT_EQ(Describe(Decide({}, kTcp4)), "EINVAL");
  std::vector<uint8_t> v6 = Name("[::]:8080");
  v6.resize(24);
  EXPECT_EQ(Describe(Decide(v6, kTcp6)), "[::ffff:127.84.3.1]:8080 dual");
  EXPECT_EQ(Describe(Decide(v6, kPing6)), "EINVAL") << "ping sockets want all of a sockaddr_in6";
  v6.resize(23);
  EXPECT_EQ(Describe(Decide(v6, kTcp6)), "EINVAL");
}

TEST(BindPolicy, AnAddressLongerThanNeededIsTaken) {
  std::vector<uint8_t> v4 = Name("0.0.0.0:8080");
  v4.resize(128, 0xff);
  EXPECT_EQ(Describe(Decide(v4, kTcp4)), "127.84.3.1:8080");
  std::vector<uint8_t> v6 = Name("[::1]:8080");
  v6.resize(128, 0xff);
  EXPECT_EQ(Describe(Decide(v6, kTcp6)), "[fd5e::3:1]:8080");
}

TEST(BindPolicy, UnspecifiedFamilyIsIpv4ForTheWildcardAlone) {
  std::vector<uint8_t> wildcard = Name("0.0.0.0:8080");
  SetFamily(&wildcard, AF_UNSPEC);
  EXPECT_EQ(Describe(Decide(wildcard, kTcp4)), "127.84.3.1:8080");
  std::vector<uint8_t> client = Name("0.0.0.0:0");
  SetFamily(&client, AF_UNSPEC);
  EXPECT_EQ(Describe(Decide(client, kUdp4)), "egress 0.0.0.0:0");
  std::vector<uint8_t> specific = Name("127.0.0.1:8080");
  SetFamily(&specific, AF_UNSPEC);
  EXPECT_EQ(Describe(Decide(specific, kTcp4)), "EAFNOSUPPORT");
  std::vector<uint8_t> v6 = Name("[::]:8080");
  SetFamily(&v6, AF_UNSPEC);
  EXPECT_EQ(Describe(Decide(v6, kTcp6)), "EAFNOSUPPORT");
}

TEST(BindPolicy, TheOtherFamilyIsNotSupported) {
  EXPECT_EQ(Describe(Decide(Name("[::]:80"), kTcp4)), "EAFNOSUPPORT");
  std::vector<uint8_t> v4 = Name("0.0.0.0:80");
  v4.resize(28);
  EXPECT_EQ(Describe(Decide(v4, kTcp6)), "EAFNOSUPPORT");
}

TEST(BindPolicy, LinkLocalWithAScopeIdGetsTheUla) {
  EXPECT_EQ(Describe(Decide(Name("[fe80::7]:8080", 2), kTcp6)), "[fd5e::3:1]:8080");
  EXPECT_EQ(Describe(Decide(Name("[fe80::8]:8080", 2), kTcp6)), "EADDRNOTAVAIL");
  std::vector<uint8_t> short_name = Name("[fe80::7]:8080", 2);
  short_name.resize(24);
  EXPECT_EQ(Describe(Decide(short_name, kTcp6)), "EINVAL") << "the scope id is not part of the address";
}

TEST(BindPolicy, AReasonSaysWhatIsMissingAndWhatToDo) {
  ServicePolicy policy = Web();
  policy.addresses = {};
  EXPECT_EQ(ReasonOf(Decide(Name("0.0.0.0:80"), kTcp4, policy)),
            "\"web\" has no private IPv4 address: start forcebind-supervisor, or give one with --address");
  EXPECT_EQ(ReasonOf(Decide(Name("[::1]:80"), kTcp6, policy)),
            "\"web\" has no private IPv6 address: start forcebind-supervisor, or give one with --address");
  policy = Web();
  policy.allow.emplace();
  EXPECT_EQ(ReasonOf(Decide(Name("0.0.0.0:81"), kTcp4, policy)),
            "port tcp/81 is not among `publish` and `allow` of the profile");
  EXPECT_THAT(ReasonOf(Decide(Name("224.0.0.251:5353"), kUdp4)), HasSubstr("multicast = true"));
  SocketFacts foreign = kTcp4;
  foreign.foreign_netns = true;
  EXPECT_THAT(ReasonOf(Decide(Name("0.0.0.0:80"), foreign)), HasSubstr("another network namespace"));
}

TEST(BindPolicy, ARewriteRemembersTheRequestAndPointsAtThePublication) {
  const ServicePolicy policy = Web();
  const BindVerdict verdict = Decide(Name("[::]:80"), kTcp6, policy);
  const Rewrite& rewrite = std::get<Rewrite>(verdict);
  EXPECT_EQ(rewrite.requested.ToString(), "[::]:80");
  EXPECT_EQ(rewrite.publication, &policy.publish[0]);
}

TEST(BindPolicy, TheHostIsAskedOnlyWhereItMatters) {
  FakeHost host;
  const ServicePolicy policy = Web();
  DecideInetBind(Name("0.0.0.0:0"), kTcp4, policy, host);
  DecideInetBind(Name("127.0.0.1:0"), kTcp4, policy, host);
  DecideInetBind(Name("[::1]:0"), kTcp6, policy, host);
  EXPECT_EQ(host.classified + host.port_asked, 0);
}

TEST(ImplicitListenTarget, IsThePrivateAddressOfTheSocketsFamily) {
  const PrivateAddresses both = Web().addresses;
  EXPECT_EQ(ImplicitListenTarget(kTcp4, both)->ToString(), "127.84.3.1:0");
  EXPECT_EQ(ImplicitListenTarget(kTcp6, both)->ToString(), "[::ffff:127.84.3.1]:0");
  EXPECT_EQ(ImplicitListenTarget(kTcp6Only, both)->ToString(), "[fd5e::3:1]:0");
}

TEST(ImplicitListenTarget, IsNothingWithoutAnAddressOfTheFamily) {
  const PrivateAddresses v4{Address("127.84.3.1"), {}};
  const PrivateAddresses v6{{}, Address("fd5e::3:1")};
  EXPECT_EQ(ImplicitListenTarget(kTcp4, v6), std::nullopt);
  EXPECT_EQ(ImplicitListenTarget(kTcp6Only, v4), std::nullopt);
  EXPECT_EQ(ImplicitListenTarget(kTcp6, v6)->ToString(), "[fd5e::3:1]:0");
  EXPECT_EQ(ImplicitListenTarget(kTcp6, v4)->ToString(), "[::ffff:127.84.3.1]:0");
  EXPECT_EQ(ImplicitListenTarget(kTcp6, {}), std::nullopt);
}

TEST(PortProtocol, GoesByTypeAndProtocol) {
  EXPECT_EQ(PortProtocol(kTcp4), Protocol::kTcp);
  EXPECT_EQ(PortProtocol(kMptcp4), Protocol::kTcp);
  EXPECT_EQ(PortProtocol(kUdp6), Protocol::kUdp);
  EXPECT_EQ(PortProtocol(kUdpLite4), Protocol::kUdp);
  EXPECT_EQ(PortProtocol(kRaw4), std::nullopt) << "a raw socket of protocol 6 is not TCP";
  EXPECT_EQ(PortProtocol(kPing4), std::nullopt);
  EXPECT_EQ(PortProtocol(kSctp4), std::nullopt);
}

}  // namespace
}  // namespace forcebind
