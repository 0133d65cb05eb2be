// SPDX-License-Identifier: Apache-2.0
// port_reservations: a guarded port is given to nobody who has asked for none.
//
// The kernel never gives out a port that a listener on the wildcard holds; a published socket holds a private address
// alone. Where a socket asks for port 0, and above all where the port comes only with listen() or the first send
// (IP_BIND_ADDRESS_NO_PORT), no program can refuse it. So a guarded port that lies among the ephemeral ones is put into
// net.ipv4.ip_local_reserved_ports while any guarded route leads from it. What the administrator has put there stays.
//
// THREADS  Thread-compatible; for the calling thread's network namespace.
// Tested by tests/conformance/guard.cc and tests/netns/hook_b_test.cc.
#ifndef FORCEBIND_SUPERVISOR_PORT_RESERVATIONS_H_
#define FORCEBIND_SUPERVISOR_PORT_RESERVATIONS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"

namespace forcebind {

class PortReservations {
 public:
  // `log` is told of every port that is put on the list.
  explicit PortReservations(std::function<void(const std::string&)> log) : log_(std::move(log)) {}

  // The port was reserved by a supervisor before this one.
  void TakeOver(uint16_t port) { ours_.insert(port); }

  // Reserves those that can be had by chance: ephemeral ones that nobody has reserved, or that somebody has taken off
  // the kernel's list. The error names the port, and what the administrator can do.
  absl::Status Reserve(const absl::flat_hash_set<uint16_t>& ports);
  // Whether a port is reserved, and by us.
  bool Has(uint16_t port) const { return ours_.contains(port); }

  // Releases all of ours but those.
  absl::Status ReleaseAllBut(const absl::flat_hash_set<uint16_t>& wanted);

 private:
  const std::function<void(const std::string&)> log_;
  absl::flat_hash_set<uint16_t> ours_;
};

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_PORT_RESERVATIONS_H_
