// SPDX-License-Identifier: Apache-2.0
// inherited_sockets: what would come into a service with the execution of its command, past the walls.
//
// A socket that is bound already answers where it is bound, an io_uring ring that was made outside binds and listens
// with nobody watching, and a socket of a family that the profile does not allow could not have been made inside.
// Sockets that are connected, unbound, or on the private address are let in: inetd(8), pipelines and terminals work.
#ifndef FORCEBIND_LAUNCHER_INHERITED_SOCKETS_H_
#define FORCEBIND_LAUNCHER_INHERITED_SOCKETS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "core/service_policy.h"

namespace forcebind {

// FAILED_PRECONDITION names every descriptor that may not come in.
// REQUIRES: policy.addresses are the service's.
absl::Status CheckInheritedSockets(const ServicePolicy& policy);

// Those of them that are sockets of IPv4 and IPv6, by SO_COOKIE, where the profile lets them in. The auditor is told.
std::vector<uint64_t> InetSocketsLetIn(const ServicePolicy& policy);

}  // namespace forcebind

#endif  // FORCEBIND_LAUNCHER_INHERITED_SOCKETS_H_
