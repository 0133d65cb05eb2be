// SPDX-License-Identifier: Apache-2.0
#include "core/connect_policy.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace forcebind {
namespace {

using Presence = OwnSockets::Presence;

constexpr IpAddress kLoopbackV4 = IpAddress::V4(INADDR_LOOPBACK);
constexpr IpAddress kLoopbackV6 = IpAddress::V6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});

// A sockaddr_in6 without its scope id, as of RFC 2133 (SIN6_LEN_RFC2133 in the kernel).
constexpr size_t kLeastIpv6 = offsetof(sockaddr_in6, sin6_scope_id);

bool MeansLoopback(const IpAddress& address) {
  const IpAddress plain = address.Unmapped();
  return plain == kLoopbackV4 || plain == kLoopbackV6 || plain.IsWildcard();
}

std::optional<Endpoint> ParseDestination(absl::Span<const uint8_t> address) {
  sa_family_t family;
  if (address.size() < sizeof(family)) return std::nullopt;
  std::memcpy(&family, address.data(), sizeof(family));
  if (family == AF_INET && address.size() >= sizeof(sockaddr_in)) {
    sockaddr_in name;
    std::memcpy(&name, address.data(), sizeof(name));
    return Endpoint{IpAddress::V4(ntohl(name.sin_addr.s_addr)), ntohs(name.sin_port)};
  }
  if (family == AF_INET6 && address.size() >= kLeastIpv6) {
    sockaddr_in6 name = {};
    std::memcpy(&name, address.data(), kLeastIpv6);
    std::array<uint8_t, 16> bytes;
    std::memcpy(bytes.data(), &name.sin6_addr, bytes.size());
    return Endpoint{IpAddress::V6(bytes), ntohs(name.sin6_port)};
  }
  return std::nullopt;
}

// One connect() on its way to a verdict.
struct Attempt {
  const ConnectFacts& facts;
  const ServicePolicy& policy;
  OwnSockets& own;
  Endpoint destination;
  Protocol protocol;

  bool is_v4_socket() const { return facts.socket.domain == AF_INET; }
  bool has_source() const { return !facts.source.IsWildcard(); }
};

// The kernel's own rule for an unbound destination (net/ipv6/tcp_ipv6.c, tcp_v6_connect): :: is the loopback of the
// family that the socket's source is of.
bool GoesByIpv4(const Attempt& attempt) {
  const IpAddress& address = attempt.destination.address;
  if (address.is_v4() || address.IsV4Mapped()) return true;
  return address.IsWildcard() && attempt.facts.source.IsV4Mapped();
}

// What natively fails by its family goes on to do so.
bool IsOfSocketsFamily(const Attempt& attempt) {
  const IpAddress& address = attempt.destination.address;
  if (attempt.is_v4_socket()) return address.is_v4();
  // Only UDP takes a sockaddr_in (net/ipv6/datagram.c, __ip6_datagram_connect).
  if (address.is_v4() && attempt.protocol != Protocol::kUdp) return false;
  return !(GoesByIpv4(attempt) && attempt.facts.socket.v6only);
}

IpAddress InSocketsForm(const Attempt& attempt, const IpAddress& v4) {
  return attempt.is_v4_socket() ? v4 : v4.Mapped();
}

Redirect To(const Attempt& attempt, const IpAddress& target) {
  Redirect redirect{.target = {target, attempt.destination.port}, .source = {}};
  if (!attempt.facts.socket.bound) redirect.source = target;
  return redirect;
}

// A socket that is bound to the private address takes 0.0.0.0 for that address (net/ipv4/route.c,
// ip_route_output_key_hash_rcu), while natively it would be bound to the wildcard or the loopback.
ConnectVerdict ToHost(const Attempt& attempt) {
  if (attempt.destination.address.Unmapped() == IpAddress() && attempt.has_source() &&
      attempt.policy.addresses.Contains(attempt.facts.source)) {
    return Redirect{.target = {InSocketsForm(attempt, kLoopbackV4), attempt.destination.port}, .source = {}};
  }
  return PassThrough{};
}

ConnectVerdict ToNobody(const Attempt& attempt) {
  return Deny{ECONNREFUSED, absl::StrCat("\"", attempt.policy.name,
                                         "\" has no private address by which this socket could reach itself, and the "
                                         "profile says loopback = \"own\"")};
}

Presence Find(const Attempt& attempt, const std::optional<IpAddress>& address) {
  if (!address) return Presence::kNone;
  return attempt.own.Find({*address, attempt.destination.port});
}

ConnectVerdict ReachByIpv4(const Attempt& attempt) {
  const std::optional<IpAddress>& v4 = attempt.policy.addresses.v4;
  const bool reachable = v4 && (attempt.is_v4_socket() || !attempt.has_source() || attempt.facts.source.IsV4Mapped());
  const bool always = attempt.policy.loopback == Loopback::kOwn;
  if (!reachable) return always ? ToNobody(attempt) : ToHost(attempt);
  if (always || Find(attempt, v4) != Presence::kNone) return To(attempt, InSocketsForm(attempt, *v4));
  return ToHost(attempt);
}

// The forms in which the socket can reach the service itself at ::1.
ConnectVerdict ReachByIpv6(const Attempt& attempt) {
  const PrivateAddresses& addresses = attempt.policy.addresses;
  const bool from_mapped = attempt.facts.source.IsV4Mapped();
  const std::optional<IpAddress> ula = from_mapped ? std::nullopt : addresses.v6;
  const bool takes_mapped = from_mapped || (!attempt.facts.socket.v6only && !attempt.has_source());
  if (Find(attempt, ula) != Presence::kNone) return To(attempt, *ula);
  if (Find(attempt, addresses.v4) == Presence::kBothFamilies) {
    if (takes_mapped) return To(attempt, addresses.v4->Mapped());
    if (ula) return To(attempt, *ula);  // where the supervisor leads it to the same socket
  }
  if (attempt.policy.loopback != Loopback::kOwn) return ToHost(attempt);
  if (ula) return To(attempt, *ula);
  if (addresses.v4 && takes_mapped) return To(attempt, addresses.v4->Mapped());
  return ToNobody(attempt);
}

}  // namespace

std::optional<Endpoint> LoopbackDestination(absl::Span<const uint8_t> address) {
  const std::optional<Endpoint> destination = ParseDestination(address);
  if (!destination || destination->port == 0 || !MeansLoopback(destination->address)) return std::nullopt;
  return destination;
}

ConnectVerdict DecideConnect(const Endpoint& destination, const ConnectFacts& facts, const ServicePolicy& policy,
                             OwnSockets& own) {
  assert(facts.socket.domain == AF_INET || facts.socket.domain == AF_INET6);
  assert(MeansLoopback(destination.address));
  const std::optional<Protocol> protocol = PortProtocol(facts.socket);
  if (!protocol || facts.socket.foreign_netns) return PassThrough{};
  const Attempt attempt{facts, policy, own, destination, *protocol};
  if (!IsOfSocketsFamily(attempt)) return PassThrough{};
  if (policy.IsHostLoopback(*protocol, destination.port)) return ToHost(attempt);
  return GoesByIpv4(attempt) ? ReachByIpv4(attempt) : ReachByIpv6(attempt);
}

}  // namespace forcebind
