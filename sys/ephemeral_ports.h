// SPDX-License-Identifier: Apache-2.0
// ephemeral_ports: the ports that the kernel gives to sockets that have asked for none: those of
// net.ipv4.ip_local_port_range without net.ipv4.ip_local_reserved_ports (Documentation/networking/ip-sysctl.rst).
//
// THREADS  Value type.
// Tested by tests/unit/sys/ephemeral_ports_test.cc.
#ifndef FORCEBIND_SYS_EPHEMERAL_PORTS_H_
#define FORCEBIND_SYS_EPHEMERAL_PORTS_H_

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace forcebind {

class EphemeralPorts {
 public:
  // `range` as in "32768\t60999\n", `reserved` as in "8080,9000-9010\n". INVALID_ARGUMENT for anything else.
  static absl::StatusOr<EphemeralPorts> Parse(std::string_view range, std::string_view reserved);
  // Those of the calling thread's network namespace.
  static absl::StatusOr<EphemeralPorts> Read();

  bool Contains(uint16_t port) const;

 private:
  using Range = std::pair<uint16_t, uint16_t>;  // both included

  Range range_;
  std::vector<Range> reserved_;
};

}  // namespace forcebind

#endif  // FORCEBIND_SYS_EPHEMERAL_PORTS_H_
