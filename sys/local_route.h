// SPDX-License-Identifier: Apache-2.0
// local_route: whether an address is this host's by a route alone (AnyIP; net/ipv6/route.c, RTN_LOCAL). See
// rtnetlink(7). One question, asked without libmnl, which Debian has as a shared library only: forcebind is linked
// statically.
#ifndef FORCEBIND_SYS_LOCAL_ROUTE_H_
#define FORCEBIND_SYS_LOCAL_ROUTE_H_

#include <array>
#include <cstdint>

namespace forcebind {

// Whether packets to this IPv6 address (network order) are delivered on this host, by an address of an interface or by
// such a route. Needs no privilege; false also where the kernel cannot be asked.
bool IsLocalByRoute(const std::array<uint8_t, 16>& address);

}  // namespace forcebind

#endif  // FORCEBIND_SYS_LOCAL_ROUTE_H_
