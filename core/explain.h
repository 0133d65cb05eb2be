// SPDX-License-Identifier: Apache-2.0
// explain: who would get a new connection (TCP) or datagram (UDP) for one public endpoint, and why. The kernel's
// lookup, step by step, on facts gathered a moment ago.
//
// THEORY OF OPERATION
//   A  a connected socket: a new connection has none; a connected UDP socket takes what its peer sends
//   B  sk_lookup program on a stock kernel; hook-b stands here and behaves as if it stood at D
//   C  listeners bound to exactly this address
//   D  sk_lookup program on a patched kernel
//   E  listeners on the wildcard
//   F  sk_lookup program on a patched kernel, last; a route for the port goes before one for any port
//   The first stage with a taker wins, but that hook-b yields to C. Within C and E the score decides: for IPv4 an IPv4
//   socket beats a dual-stack one, a socket bound to the interface beats one that is not; equal ones share by
//   SO_REUSEPORT, and without that the youngest UDP socket (the first in the hash chain) has it all. Source:
//   net/ipv4/inet_hashtables.c:compute_score, net/ipv6/inet6_hashtables.c:compute_score, net/ipv4/udp.c:compute_score.
// LIMITS   Connections that exist already, TPROXY, NAT and firewalls are not looked at.
//
// THREADS  Pure functions.
// Tested by tests/unit/core/explain_test.cc.
#ifndef FORCEBIND_CORE_EXPLAIN_H_
#define FORCEBIND_CORE_EXPLAIN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/endpoint.h"
#include "core/route.h"

namespace forcebind {

// A listening TCP or bound UDP socket.
struct SocketFact {
  Protocol protocol = Protocol::kTcp;
  Family family = Family::kIpv4;  // the socket's, not its address's
  Endpoint local;                 // IPv4-mapped as it is
  bool v6only = false;
  bool connected = false;  // UDP only
  uint32_t ifindex = 0;    // SO_BINDTODEVICE; 0 = any
  int32_t pid = 0;         // 0 = unknown
  std::string command;
  std::string service;  // forcebind's; empty for a stranger's
  uint32_t uid = 0;
  uint64_t cookie = 0;  // SO_COOKIE
};

// Whoever a route leads to.
struct GroupFact {
  GroupId group = kNobody;
  std::string service;
  // Cookies of its sockets that live. Their ports need not be the dialled one.
  std::vector<uint64_t> alive;
};

struct ExplainFacts {
  Protocol protocol = Protocol::kTcp;
  Endpoint endpoint;
  bool address_is_local = true;
  uint32_t ingress_ifindex = 0;     // by which such packets come in; 0 = unknown
  std::string backend;              // "hook-b", "hook-d", …
  std::vector<SocketFact> sockets;  // with the port, and those of the groups
  std::vector<Route> routes;
  std::vector<GroupFact> groups;
};

struct ExplainedStage {
  std::string stage;   // "A" … "F"
  std::string what;    // what stands there
  std::string result;  // what becomes of the packet there
};

struct ExplainedWinner {
  std::string stage;
  std::string service;  // empty for a stranger's
  std::string command;
  int32_t pid = 0;
  std::string local;     // where its socket is bound
  bool refused = false;  // nobody: the packet is dropped
};

struct Explanation {
  std::vector<ExplainedStage> stages;
  std::optional<ExplainedWinner> winner;
  std::string text;  // one sentence
};

Explanation Explain(const ExplainFacts& facts);

}  // namespace forcebind

#endif  // FORCEBIND_CORE_EXPLAIN_H_
