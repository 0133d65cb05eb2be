// SPDX-License-Identifier: Apache-2.0
//
// THEORY OF OPERATION
//   Each family has one function that walks the kernel's checks in the kernel's order, so that a request with two
//   faults gets the errno that it would get without forcebind. Our own refusals stand where the kernel's check of the
//   same kind stands: an address that we cannot give (EADDRNOTAVAIL) with the check of the address, a port that the
//   profile does not allow (EACCES) with the check of the port. What is left when every check has passed is a client's
//   socket, a group address, or a target.
#include "core/bind_policy.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace forcebind {
namespace {

// A sockaddr_in6 without its scope id, as of RFC 2133 (SIN6_LEN_RFC2133 in the kernel).
constexpr size_t kShortestIpv6 = offsetof(sockaddr_in6, sin6_scope_id);

// What the address check says; `error` 0 lets the request through.
struct AddressCheck {
  int error = 0;
  std::string reason;
  bool group = false;  // multicast or broadcast, and allowed: bind what was requested
};

// One request on its way through the checks.
struct Request {
  const SocketFacts& facts;
  const ServicePolicy& policy;
  HostFacts& host;
  Endpoint requested;
  uint32_t scope_id = 0;
};

bool IsPing(const SocketFacts& facts) {
  return facts.type == SOCK_DGRAM && (facts.protocol == IPPROTO_ICMP || facts.protocol == IPPROTO_ICMPV6);
}

bool IsAnyWildcard(const IpAddress& address) { return address.Unmapped().IsWildcard(); }

// A socket that serves IPv4 as the service uses it here: an IPv4 one, an IPv6 one asked for an IPv4-mapped address, or
// for
// :: without V6ONLY.
bool WantsIpv4(const Request& request) {
  const IpAddress& address = request.requested.address;
  return address.is_v4() || address.IsV4Mapped() || (address.IsWildcard() && !request.facts.v6only);
}

bool AsksForBothFamilies(const Request& request) {
  return request.facts.domain == AF_INET6 && request.requested.address.IsWildcard() && !request.facts.v6only;
}

// The private address for the request, in the form that the socket's family takes; nullopt: the service has none.
std::optional<IpAddress> TargetAddress(const Request& request) {
  const PrivateAddresses& addresses = request.policy.addresses;
  if (!WantsIpv4(request)) return addresses.v6;
  if (addresses.v4) return request.facts.domain == AF_INET ? *addresses.v4 : addresses.v4->Mapped();
  return AsksForBothFamilies(request) ? addresses.v6 : std::nullopt;
}

// A client's socket: what a kernel without forcebind would do for one that never binds.
bool IsEgress(const Request& request) {
  if (!request.policy.egress || !IsAnyWildcard(request.requested.address)) return false;
  if (IsPing(request.facts)) return true;  // its "port" is an echo identifier
  return PortProtocol(request.facts) == Protocol::kUdp && request.requested.port == 0;
}

// net/ipv4/fib_frontend.c:__inet_dev_addr_type calls all of 0.0.0.0/8 broadcast; 127.255.255.255 is that of `lo`.
bool IsFixedBroadcast(const IpAddress& address) {
  if (!address.is_v4() || address.IsWildcard()) return false;
  return address.v4() >> 24 == 0 || address.v4() == 0xffffffff || address.v4() == 0x7fffffff;
}

// `address` is not IPv4-mapped.
HostFacts::AddressKind Classify(const Request& request, const IpAddress& address) {
  using AddressKind = HostFacts::AddressKind;
  if (address.IsMulticast() || IsFixedBroadcast(address)) return AddressKind::kBroadcast;
  if (address.IsWildcard() || address.IsLoopback()) return AddressKind::kLocal;
  // The ULA need not be an address of any interface (notify/bind_private.h).
  if (request.policy.addresses.Contains(address)) return AddressKind::kLocal;
  return request.host.Classify(address);
}

AddressCheck CheckGroup(const Request& request) {
  if (PortProtocol(request.facts) == Protocol::kUdp && request.policy.multicast) return {.group = true};
  return {EADDRNOTAVAIL, absl::StrCat(request.requested.address.ToString(),
                                      " is a multicast or broadcast address: UDP sockets may bind it if the profile "
                                      "says multicast = true")};
}

AddressCheck CheckTarget(const Request& request) {
  if (IsEgress(request) || TargetAddress(request)) return {};
  return {EADDRNOTAVAIL,
          absl::StrCat("\"", request.policy.name, "\" has no private ", WantsIpv4(request) ? "IPv4" : "IPv6",
                       " address: start forcebind-supervisor, or give one with --address")};
}

AddressCheck CheckAddress(const Request& request) {
  if (request.facts.foreign_netns) {
    return {EADDRNOTAVAIL, "the socket belongs to another network namespace than the one forcebind was started in"};
  }
  switch (Classify(request, request.requested.address.Unmapped())) {
    case HostFacts::AddressKind::kBroadcast:
      return CheckGroup(request);
    case HostFacts::AddressKind::kForeign:
      return {EADDRNOTAVAIL, ""};
    case HostFacts::AddressKind::kNoInterface:
      return {ENODEV, ""};
    case HostFacts::AddressKind::kLocal:
      break;
  }
  return CheckTarget(request);
}

// Ports of raw and ping sockets are no ports: the kernel does not look at them either.
std::optional<Deny> CheckPort(const Request& request) {
  const uint16_t port = request.requested.port;
  if (port == 0 || request.facts.type == SOCK_RAW || IsPing(request.facts)) return std::nullopt;
  const std::optional<Protocol> protocol = PortProtocol(request.facts);
  if (protocol && !request.policy.AllowsPort(*protocol, port)) {
    return Deny{EACCES, absl::StrCat("port ", ToString(*protocol), "/", port,
                                     " is not among `publish` and `allow` of the profile")};
  }
  if (!request.host.MayBindPort(port)) return Deny{EACCES, ""};
  return std::nullopt;
}

// REQUIRES: every check has passed.
BindVerdict Accept(const Request& request, bool group) {
  if (group) return AsRequested{};
  if (IsEgress(request)) return Egress{request.requested};
  const std::optional<Protocol> protocol = PortProtocol(request.facts);
  Rewrite rewrite;
  rewrite.requested = request.requested;
  rewrite.target = {*TargetAddress(request), request.requested.port};
  rewrite.dual_stack = AsksForBothFamilies(request) && rewrite.target.address.IsV4Mapped();
  if (protocol) rewrite.publication = request.policy.FindPublication(*protocol, request.requested.port);
  return rewrite;
}

// net/ipv4/af_inet.c:inet_bind_sk and __inet_bind.
BindVerdict DecideIpv4(absl::Span<const uint8_t> address, Request request) {
  sockaddr_in name;
  if (address.size() < sizeof(name)) return Deny{EINVAL, ""};
  std::memcpy(&name, address.data(), sizeof(name));
  const bool any = name.sin_addr.s_addr == htonl(INADDR_ANY);
  if (name.sin_family != AF_INET && !(name.sin_family == AF_UNSPEC && any)) return Deny{EAFNOSUPPORT, ""};
  request.requested = {IpAddress::V4(ntohl(name.sin_addr.s_addr)), ntohs(name.sin_port)};
  AddressCheck check = CheckAddress(request);
  if (check.error != 0) return Deny{check.error, std::move(check.reason)};
  if (auto deny = CheckPort(request)) return *std::move(deny);
  return Accept(request, check.group);
}

// Link-local addresses, and multicast within an interface or a link, mean nothing without an interface.
bool LacksInterface(const Request& request) {
  const IpAddress& address = request.requested.address;
  const uint8_t scope = address.bytes()[1] & 0x0f;
  const bool needs = address.is_v4() ? false : address.IsMulticast() ? scope == 1 || scope == 2 : address.IsLinkLocal();
  return needs && request.scope_id == 0 && request.facts.bound_ifindex == 0;
}

AddressCheck CheckIpv6Address(const Request& request) {
  if (request.requested.address.IsV4Mapped() && request.facts.v6only) return {EINVAL, ""};
  if (LacksInterface(request)) return {EINVAL, ""};
  return CheckAddress(request);
}

// net/ipv6/af_inet6.c:inet6_bind_sk and __inet6_bind: unlike IPv4, ports are checked before addresses, and a bound
// socket between the two. That last check is the kernel's own unless we refuse the address.
BindVerdict DecideIpv6(absl::Span<const uint8_t> address, Request request) {
  sockaddr_in6 name = {};
  if (address.size() < (IsPing(request.facts) ? sizeof(name) : kShortestIpv6)) return Deny{EINVAL, ""};
  std::memcpy(&name, address.data(), std::min(address.size(), sizeof(name)));
  if (name.sin6_family != AF_INET6) return Deny{EAFNOSUPPORT, ""};
  std::array<uint8_t, 16> bytes;
  std::memcpy(bytes.data(), &name.sin6_addr, bytes.size());
  request.requested = {IpAddress::V6(bytes), ntohs(name.sin6_port)};
  if (address.size() >= sizeof(name)) request.scope_id = name.sin6_scope_id;
  if (request.requested.address.IsMulticast() && request.facts.type == SOCK_STREAM) return Deny{EINVAL, ""};
  if (auto deny = CheckPort(request)) return *std::move(deny);
  AddressCheck check = CheckIpv6Address(request);
  if (check.error != 0 && request.facts.bound) return Deny{EINVAL, ""};
  if (check.error != 0) return Deny{check.error, std::move(check.reason)};
  return Accept(request, check.group);
}

}  // namespace

BindVerdict DecideInetBind(absl::Span<const uint8_t> address, const SocketFacts& facts, const ServicePolicy& policy,
                           HostFacts& host) {
  assert(facts.domain == AF_INET || facts.domain == AF_INET6);
  const Request request{facts, policy, host, {}};
  return facts.domain == AF_INET ? DecideIpv4(address, request) : DecideIpv6(address, request);
}

std::optional<Endpoint> ImplicitListenTarget(const SocketFacts& facts, const PrivateAddresses& addresses) {
  assert(facts.domain == AF_INET || facts.domain == AF_INET6);
  const bool ipv4_only = facts.domain == AF_INET;
  if (addresses.v4 && ipv4_only) return Endpoint{*addresses.v4, 0};
  if (addresses.v4 && !facts.v6only) return Endpoint{addresses.v4->Mapped(), 0};
  if (addresses.v6 && !ipv4_only) return Endpoint{*addresses.v6, 0};
  return std::nullopt;
}

std::optional<Protocol> PortProtocol(const SocketFacts& facts) {
  const bool stream = facts.type == SOCK_STREAM && (facts.protocol == IPPROTO_TCP || facts.protocol == IPPROTO_MPTCP);
  const bool datagram =
      facts.type == SOCK_DGRAM && (facts.protocol == IPPROTO_UDP || facts.protocol == IPPROTO_UDPLITE);
  if (stream) return Protocol::kTcp;
  if (datagram) return Protocol::kUdp;
  return std::nullopt;
}

}  // namespace forcebind
