// SPDX-License-Identifier: Apache-2.0
// port_reservations: a guarded port is given to nobody who has asked for none.
//
// The kernel never gives out a port that a listener on the wildcard holds; a published socket holds a private address
// alone. Where a socket gets its port only with listen() or its first send (IP_BIND_ADDRESS_NO_PORT), no program can
// refuse it. So a guarded port that lies among the ephemeral ones is put into net.ipv4.ip_local_reserved_ports. What
// the administrator has put there before stays.
//
// What is ours is noted in a pinned map before it is put there, and the note goes after it was taken off: a supervisor
// that is killed in between leaves nothing that the next one does not take off.
//
// THREADS  Thread-compatible; for the calling thread's network namespace.
// Tested by tests/conformance/guard.cc and tests/netns/hook_b_test.cc.
#ifndef FORCEBIND_SUPERVISOR_PORT_RESERVATIONS_H_
#define FORCEBIND_SUPERVISOR_PORT_RESERVATIONS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "supervisor/bpf_table.h"
#include "supervisor/mapped_array.h"

namespace forcebind {

class PortReservations {
 public:
  PortReservations() = default;
  // The notes are in the map `reserved_ports`. `log` is told of every port that is put on the kernel's list.
  static absl::StatusOr<PortReservations> Open(absl::StatusOr<BpfTable<uint32_t, uint64_t>> map,
                                               std::function<void(const std::string&)> log);

  // Reserves those that can be had by chance: ephemeral ones that are not on the kernel's list, or not any more. The
  // error says what the administrator can do.
  absl::Status Reserve(const absl::flat_hash_set<uint16_t>& ports);

  // Releases all of ours but those.
  absl::Status ReleaseAllBut(const absl::flat_hash_set<uint16_t>& wanted);

 private:
  void Note(uint16_t port, bool ours);
  std::vector<uint16_t> Ours();

  MappedArray<uint64_t> notes_;
  std::function<void(const std::string&)> log_;
};

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_PORT_RESERVATIONS_H_
