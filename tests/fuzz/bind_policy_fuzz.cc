// SPDX-License-Identifier: Apache-2.0
// Any bytes as a socket address, for any socket, profile and host: whatever comes out of DecideInetBind(), a service
// stays on its private addresses.
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <iterator>
#include <utility>
#include <variant>

#include "core/bind_policy.h"
#include "tests/fuzz/canary.h"

namespace forcebind {
namespace {

// Five bytes in front of the address choose the socket, the profile and the host.
constexpr size_t kChoices = 5;

struct TypeAndProtocol {
  int type;
  int protocol;
};
constexpr TypeAndProtocol kSockets[] = {
    {SOCK_STREAM, IPPROTO_TCP}, {SOCK_DGRAM, IPPROTO_UDP}, {SOCK_DGRAM, IPPROTO_ICMP},    {SOCK_DGRAM, IPPROTO_ICMPV6},
    {SOCK_RAW, IPPROTO_TCP},    {SOCK_STREAM, 262},        {SOCK_DGRAM, IPPROTO_UDPLITE}, {SOCK_STREAM, IPPROTO_SCTP},
};

class ChosenHost : public HostFacts {
 public:
  explicit ChosenHost(uint8_t choice) : kind_(AddressKind(choice % 3)), may_bind_(choice & 0x80) {}
  AddressKind Classify(const IpAddress& address) override {
    Require(!address.IsWildcard() && !address.IsLoopback() && !address.IsMulticast() && !address.IsV4Mapped(),
            "the host is not asked what can be told without it");
    Require(++classified_ == 1, "the host is asked once");
    return kind_;
  }
  bool MayBindPort(uint16_t port) override {
    Require(port != 0 && ++port_asked_ == 1, "the host is asked once, for a real port");
    return may_bind_;
  }

 private:
  AddressKind kind_;
  bool may_bind_;
  int classified_ = 0;
  int port_asked_ = 0;
};

SocketFacts ChooseFacts(uint8_t flags, uint8_t socket) {
  const TypeAndProtocol& kind = kSockets[socket % std::size(kSockets)];
  SocketFacts facts;
  facts.domain = flags & 1 ? AF_INET6 : AF_INET;
  facts.type = kind.type;
  facts.protocol = kind.protocol;
  facts.v6only = flags & 2;
  facts.bound = flags & 4;
  facts.foreign_netns = flags & 16;
  facts.bound_ifindex = flags & 32 ? 1 : 0;
  return facts;
}

ServicePolicy ChoosePolicy(uint8_t flags, uint8_t port) {
  ServicePolicy policy;
  policy.name = "web";
  if (flags & 1) policy.addresses.v4 = IpAddress::V4(0x7f540301);
  if (flags & 2) policy.addresses.v6 = IpAddress::V6({0xfd, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0, 0, 3, 1});
  policy.egress = flags & 4;
  policy.multicast = flags & 8;
  if (flags & 16) policy.allow.emplace();
  policy.publish = {{Protocol::kTcp, 80, {}}, {Protocol::kUdp, static_cast<uint16_t>(port + 1), {}}};
  return policy;
}

// What every verdict promises, whatever led to it.
struct Promises {
  const SocketFacts& facts;
  const ServicePolicy& policy;

  void operator()(const AsRequested&) const {
    Require(policy.multicast && PortProtocol(facts) == Protocol::kUdp, "only UDP and multicast = true go unchanged");
  }
  void operator()(const Rewrite& rewrite) const {
    const IpAddress& target = rewrite.target.address;
    Require(policy.addresses.Contains(target) && target.Unmapped().IsPrivateRange(), "a target is private");
    Require(target.is_v4() == (facts.domain == AF_INET), "a target is of the socket's family");
    Require(!(target.IsV4Mapped() && facts.v6only), "a V6ONLY socket gets no IPv4-mapped address");
    Require(rewrite.target.port == rewrite.requested.port, "the port stays");
    Require(!facts.foreign_netns, "a socket of another namespace gets nothing");
    Require(!rewrite.dual_stack || (target.IsV4Mapped() && rewrite.requested.address.IsWildcard()),
            "dual-stack is the IPv6 wildcard on the IPv4-mapped address");
    const auto protocol = PortProtocol(facts);
    Require(rewrite.publication == nullptr ||
                (protocol == rewrite.publication->protocol && rewrite.requested.port == rewrite.publication->port),
            "a publication is that of the port");
    Require(!protocol || policy.AllowsPort(*protocol, rewrite.target.port), "the profile allows the port");
  }
  void operator()(const Egress& egress) const {
    const bool ping = facts.type == SOCK_DGRAM && !PortProtocol(facts);
    const bool client = PortProtocol(facts) == Protocol::kUdp && egress.requested.port == 0;
    Require(policy.egress && (ping || client), "egress is for clients");
    Require(egress.requested.address.Unmapped().IsWildcard(), "egress is the wildcard");
    Require(!facts.foreign_netns, "a socket of another namespace gets nothing");
  }
  void operator()(const Deny& deny) const {
    Require(deny.error == EINVAL || deny.error == EACCES || deny.error == EADDRNOTAVAIL || deny.error == EAFNOSUPPORT,
            "an errno that bind(2) documents");
  }
};

}  // namespace
}  // namespace forcebind

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace forcebind;
  if (size < kChoices) return -1;
  const SocketFacts facts = ChooseFacts(data[0], data[1]);
  const ServicePolicy policy = ChoosePolicy(data[2], data[3]);
  ChosenHost host(data[4]);
  const BindVerdict verdict = DecideInetBind({data + kChoices, size - kChoices}, facts, policy, host);
  std::visit(Promises{facts, policy}, verdict);
  const auto implicit = ImplicitListenTarget(facts, policy.addresses);
  Require(!implicit || policy.addresses.Contains(implicit->address), "listen without bind gets a private address");
  const auto* rewrite = std::get_if<Rewrite>(&verdict);
  Canary(rewrite != nullptr && rewrite->dual_stack && rewrite->publication != nullptr);
  return 0;
}
