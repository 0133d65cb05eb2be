// SPDX-License-Identifier: Apache-2.0
// connect_policy: where a connect() to the loopback goes, as a pure function of the destination, the socket, the
// profile, and who listens on the service's private addresses.
//
// THEORY OF OPERATION
//   A service that binds 127.0.0.1:8080 has 127.84.3.1:8080, so what it calls 127.0.0.1:8080 on connect() has to be
//   that as well, or it cannot reach itself. The same goes for ::1, for the IPv4-mapped forms, and for the wildcard,
//   which as a destination means the loopback (ip(7)). Other addresses of 127.0.0.0/8 are somebody's own (127.0.0.53)
//   and are left as they are.
//
//   Who answers natively answers here: on 127.0.0.1:p a socket of 0.0.0.0:p, 127.0.0.1:p or [::]:p, all of which are on
//   the private IPv4 address; on [::1]:p one of [::1]:p or [::]:p, which is on the private IPv6 address, or on the
//   private IPv4 address in its IPv4-mapped form if it serves both families. An IPv4 socket does not answer on ::1.
//   Which of the two it is decides the form of the target, as far as the caller's socket can reach it.
//
//   Connecting is no wall: whatever is decided here, the service may connect wherever the host's network lets it.
//
// Tested by tests/unit/core/connect_policy_test.cc, and against the kernel by tests/behaviour/connect_test.cc.
#ifndef FORCEBIND_CORE_CONNECT_POLICY_H_
#define FORCEBIND_CORE_CONNECT_POLICY_H_

#include <cstdint>
#include <optional>
#include <variant>

#include "absl/types/span.h"
#include "core/bind_policy.h"
#include "core/endpoint.h"
#include "core/service_policy.h"

namespace forcebind {

// The kernel's answers that DecideConnect() may need. Each is asked at most once per endpoint, and only where it
// matters.
class OwnSockets {
 public:
  virtual ~OwnSockets() = default;
  enum class Presence {
    kNone,
    kOneFamily,    // of the endpoint's own family alone
    kBothFamilies  // an IPv6 socket on the IPv4-mapped form of the endpoint, without V6ONLY
  };
  // Is there a listening socket, or for datagrams one that a stranger's would reach, of the caller's protocol on
  // exactly `endpoint`, which is IPv4 or IPv6 but not IPv4-mapped?
  virtual Presence Find(const Endpoint& endpoint) = 0;
};

// What the kernel says of the socket that is to be connected.
struct ConnectFacts {
  SocketFacts socket;  // `bound` filled in for both families
  IpAddress source;    // its local address, of the socket's family; the wildcard if it has none
};

// The kernel is to do what it would do without forcebind.
struct PassThrough {};

// Connect to `target` in place of what was asked for.
struct Redirect {
  Endpoint target;                  // in the form that the socket's family takes
  std::optional<IpAddress> source;  // to be bound first, without a port
};

using ConnectVerdict = std::variant<PassThrough, Redirect, Deny>;

// The destination, if `address` (the sockaddr that the service passed, as long as it said) is one that may mean the
// service's own loopback: 127.0.0.1, ::1, a wildcard, or one of them in IPv4-mapped form, with a port.
std::optional<Endpoint> LoopbackDestination(absl::Span<const uint8_t> address);

// REQUIRES: `destination` is one of LoopbackDestination(); facts.socket.domain is AF_INET or AF_INET6.
ConnectVerdict DecideConnect(const Endpoint& destination, const ConnectFacts& facts, const ServicePolicy& policy,
                             OwnSockets& own);

}  // namespace forcebind

#endif  // FORCEBIND_CORE_CONNECT_POLICY_H_
