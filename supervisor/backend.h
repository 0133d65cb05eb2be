// SPDX-License-Identifier: Apache-2.0
// backend: how a private socket is made to answer on public addresses. bpf_backend is hook-b, for stock kernels, and
// hook-d, for patched ones; reuseport (no BPF) is to stand behind the same interface. All pass the same conformance
// table, tests/conformance/.
//
// A *group* is the sockets that share one private endpoint: usually one, several with SO_REUSEPORT. A *route* leads the
// new connections (TCP) or datagrams (UDP) for a port on the addresses of a prefix to a group; the longest prefix wins.
// A route to kNobody is a hole in a shorter one: there the kernel's own lookup goes on.
//
// OWNERSHIP  A backend never keeps a socket alive: AddSocket() borrows the fd.
// THREADS    Thread-compatible.
#ifndef FORCEBIND_SUPERVISOR_BACKEND_H_
#define FORCEBIND_SUPERVISOR_BACKEND_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/route.h"

namespace forcebind {

struct GroupCounters {
  uint64_t dispatched = 0;    // packets given to a socket of the group; for TCP, new connections
  uint64_t fell_through = 0;  // no socket of the group lived, or took it
};

struct BackendTotals {
  uint64_t dispatched = 0;
  uint64_t yielded = 0;        // an exact listener had the address; hook-b alone, since hook-d is not asked then
  uint64_t gone = 0;           // no socket of the group lived
  uint64_t refused = 0;        // the same, and the packet was dropped
  uint64_t assign_failed = 0;  // bpf_sk_assign() said no
  uint64_t guarded = 0;        // binds refused to strangers
  uint64_t untracked = 0;      // listeners that found the table full
};

class Backend {
 public:
  virtual ~Backend() = default;

  virtual std::string name() const = 0;
  // FAILED_PRECONDITION: it takes no routes of stage F; the message says why.
  virtual absl::Status CheckStageF() const = 0;

  // Each route is live when the call returns. An equal key replaces. Not atomic as a whole; a failure names the route.
  virtual absl::Status AddRoutes(absl::Span<const Route> routes) = 0;
  virtual absl::Status RemoveRoutes(absl::Span<const RouteKey> keys) = 0;
  // What is in force now, whoever put it there (a supervisor before this one).
  virtual absl::StatusOr<std::vector<Route>> Routes() = 0;

  // An empty group; its number is not in use by any route or live socket.
  virtual absl::StatusOr<GroupId> NewGroup() = 0;
  // Adds a listening TCP or bound UDP socket; adding one that is in the group already does nothing.
  virtual absl::Status AddSocket(GroupId group, int fd) = 0;
  // Cookies (SO_COOKIE) of the sockets of the group that still live.
  virtual absl::StatusOr<std::vector<uint64_t>> LiveSockets(GroupId group) = 0;
  // Forgets the group's sockets; its number may be handed out again. REQUIRES: no route leads to it.
  virtual absl::Status RemoveGroup(GroupId group) = 0;

  virtual absl::StatusOr<GroupCounters> Count(GroupId group) = 0;
  virtual absl::StatusOr<BackendTotals> Totals() = 0;

  // To be called about every ten seconds: housekeeping.
  virtual absl::Status Tick() = 0;
};

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_BACKEND_H_
