// SPDX-License-Identifier: Apache-2.0
// wall_rules: what the `cgroup` wall must know of a service's policy, besides its addresses. Pure values; carried to
// the supervisor by wire/, turned into what the programs read by supervisor/wall_policy.
//
// Tested by tests/unit/core/wall_rules_test.cc.
#ifndef FORCEBIND_CORE_WALL_RULES_H_
#define FORCEBIND_CORE_WALL_RULES_H_

#include <cstddef>
#include <optional>
#include <vector>

#include "core/connect_target.h"
#include "core/endpoint.h"
#include "core/service_policy.h"

namespace forcebind {

inline constexpr size_t kMaxWallPorts = 512;     // ranges: every publication and every range of `allow` by itself
inline constexpr size_t kMaxHostLoopback = 256;  // ranges

struct WallRules {
  // What may be bound: IsSortedApart(). Absent: every port.
  std::optional<std::vector<PortRange>> ports;
  bool egress = true;
  bool multicast = false;
  bool raw = false;  // raw sockets
  bool ipv4 = true, ipv6 = true;
  Loopback loopback = Loopback::kOwnFirst;
  std::vector<PortRange> host_loopback;  // IsSortedApart()
  // No other wall sees a bind, and sets IPV6_FREEBIND for it: the ULA has to be an address of the host.
  bool alone = false;
  // The other services whose private addresses may be reached. Absent: all.
  std::optional<std::vector<ConnectTarget>> connect;
  bool report_requested = false;

  friend bool operator==(const WallRules&, const WallRules&) = default;
};

WallRules WallRulesOf(const ServicePolicy& policy);

// A socket option of the `cgroup` wall's own, by which the companion says what a socket's bind asked for, as 16 bytes
// in network order, IPv4-mapped for an IPv4 socket. Without the wall the kernel does not know it (ENOPROTOOPT).
inline constexpr int kWallOptionLevel = 0x4642, kRequestedOption = 1;

// Sorted by protocol and port, no two with a port in common or side by side.
std::vector<PortRange> Merged(std::vector<PortRange> ranges);
bool IsSortedApart(const std::vector<PortRange>& ranges);

}  // namespace forcebind

#endif  // FORCEBIND_CORE_WALL_RULES_H_
