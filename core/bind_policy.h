// SPDX-License-Identifier: Apache-2.0
// bind_policy: what becomes of one bind() or listen(), as a pure function of what the service asked for, what its
// socket is, and what its profile allows. The errnos and their order are those of the kernel's own
// net/ipv4/af_inet.c:__inet_bind and net/ipv6/af_inet6.c:__inet6_bind.
//
// Tested by tests/unit/core/bind_policy_test.cc, and against the kernel by tests/behaviour/.
#ifndef FORCEBIND_CORE_BIND_POLICY_H_
#define FORCEBIND_CORE_BIND_POLICY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "absl/types/span.h"
#include "core/endpoint.h"
#include "core/service_policy.h"

namespace forcebind {

// What the kernel says of the socket itself (never what the service says).
struct SocketFacts {
  int domain = 0;    // SO_DOMAIN
  int type = 0;      // SO_TYPE
  int protocol = 0;  // SO_PROTOCOL
  bool v6only = false;
  bool bound = false;          // IPv6: has a port, so that the kernel binds it no more
  bool foreign_netns = false;  // the socket belongs to another network namespace than forcebind
  uint32_t bound_ifindex = 0;  // SO_BINDTOIFINDEX
};

// The kernel's answers that Decide() may need. Each is asked at most once, and only where the answer matters, since
// each costs system calls.
class HostFacts {
 public:
  virtual ~HostFacts() = default;
  enum class AddressKind { kLocal, kBroadcast, kForeign, kNoInterface };
  // What `address`, neither wildcard nor loopback nor multicast nor IPv4-mapped, is to this host (a link-local one: on
  // the interface that the request names; there may be none). Every one is local to a socket with IP_FREEBIND or
  // IP_TRANSPARENT.
  virtual AddressKind Classify(const IpAddress& address) = 0;
  // May the service bind ports below net.ipv4.ip_unprivileged_port_start?
  virtual bool MayBindPort(uint16_t port) = 0;
};

// Bind what the service asked for, byte for byte (on our own copy of the address).
struct AsRequested {};

// Bind `target` in place of `requested`.
struct Rewrite {
  Endpoint requested;
  Endpoint target;
  bool dual_stack = false;                   // the IPv4-mapped private address of a socket that serves IPv6 as well
  const Publication* publication = nullptr;  // into the policy; null = not published
};

// A client's UDP socket: bind the wildcard of the socket's family with port 0.
struct Egress {
  Endpoint requested;
};

struct Deny {
  int error = 0;       // errno value
  std::string reason;  // for the log; empty where the kernel would have said the same without forcebind
};

using BindVerdict = std::variant<AsRequested, Rewrite, Egress, Deny>;

// `address` is the sockaddr that the service passed, as long as it said.
// REQUIRES: facts.domain is AF_INET or AF_INET6.
BindVerdict DecideInetBind(absl::Span<const uint8_t> address, const SocketFacts& facts, const ServicePolicy& policy,
                           HostFacts& host);

// The private endpoint (port 0) that an unbound socket gets from listen(); nullopt where the service has no private
// address of the socket's family.
// REQUIRES: facts.domain is AF_INET or AF_INET6.
std::optional<Endpoint> ImplicitListenTarget(const SocketFacts& facts, const PrivateAddresses& addresses);

// The protocol whose port space the socket's ports are in; nullopt for anything but TCP, MPTCP, UDP and UDP-Lite.
std::optional<Protocol> PortProtocol(const SocketFacts& facts);

}  // namespace forcebind

#endif  // FORCEBIND_CORE_BIND_POLICY_H_
