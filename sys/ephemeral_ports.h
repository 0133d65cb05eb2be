// SPDX-License-Identifier: Apache-2.0
// ephemeral_ports: the ports that the kernel gives to sockets that have asked for none: those of
// net.ipv4.ip_local_port_range without net.ipv4.ip_local_reserved_ports (Documentation/networking/ip-sysctl.rst).
// A reserved port is given to nobody, whether at bind(), listen(), connect() or the first send, IPv4 or IPv6, TCP or
// UDP; who names it gets it.
//
// THREADS  Value type. The kernel has a way to add to the list, and none to take from it but to write what is left:
// what another process writes while Release() runs may be lost. What is left goes in pieces if it is longer than 4,095
// bytes, and between two of them its end is not in force.
//
// Tested by tests/unit/sys/ephemeral_ports_test.cc and tests/conformance/guard.cc.
#ifndef FORCEBIND_SYS_EPHEMERAL_PORTS_H_
#define FORCEBIND_SYS_EPHEMERAL_PORTS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace forcebind {

class EphemeralPorts {
 public:
  // `range` as in "32768\t60999\n", `reserved` as in "8080,9000-9010\n". INVALID_ARGUMENT for anything else.
  static absl::StatusOr<EphemeralPorts> Parse(std::string_view range, std::string_view reserved);
  // Those of the calling thread's network namespace.
  static absl::StatusOr<EphemeralPorts> Read();

  bool Contains(uint16_t port) const;

  // The list for net.ipv4.ip_local_reserved_ports that is left without those ports.
  std::string ReservedWithout(absl::Span<const uint16_t> ports) const;

  // Put ports on that list, and take them off, in the calling thread's network namespace; no error if one is there or
  // not there. They want CAP_NET_ADMIN over it, or its root.
  static absl::Status Reserve(absl::Span<const uint16_t> ports);
  static absl::Status Release(absl::Span<const uint16_t> ports);

 private:
  using Range = std::pair<uint16_t, uint16_t>;  // both included

  Range range_;
  std::vector<Range> reserved_;
};

}  // namespace forcebind

#endif  // FORCEBIND_SYS_EPHEMERAL_PORTS_H_
