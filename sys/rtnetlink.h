// SPDX-License-Identifier: Apache-2.0
// rtnetlink: the AnyIP route that makes a whole prefix local, so that its addresses can be reached, and bound with
// IPV6_FREEBIND (`ip -6 route add local PREFIX dev lo`; net/ipv6/route.c, RTN_LOCAL); and addresses of lo, which can be
// bound without. See rtnetlink(7).
#ifndef FORCEBIND_SYS_RTNETLINK_H_
#define FORCEBIND_SYS_RTNETLINK_H_

#include <array>
#include <cstdint>

#include "absl/status/status.h"

namespace forcebind {

// Adding a route that is there, and removing one that is not, are no errors. `address` is in network order.
// PERMISSION_DENIED: no CAP_NET_ADMIN, or IPv6 is disabled on lo.
absl::Status AddLocalRoute(const std::array<uint8_t, 16>& address, int prefix_length);
absl::Status RemoveLocalRoute(const std::array<uint8_t, 16>& address, int prefix_length);

// ALREADY_EXISTS: lo has the address. Nobody gets it as a source who does not ask for it: it is deprecated (RFC 6724).
absl::Status AddLoopbackAddress(const std::array<uint8_t, 16>& address);
absl::Status RemoveLoopbackAddress(const std::array<uint8_t, 16>& address);

}  // namespace forcebind

#endif  // FORCEBIND_SYS_RTNETLINK_H_
