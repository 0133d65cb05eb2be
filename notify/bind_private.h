// SPDX-License-Identifier: Apache-2.0
// bind_private: bind(2) of a private address.
//
// The supervisor makes the ULA prefix local with one route (AnyIP). Packets arrive by it, but bind(2) asks for an
// address of an interface all the same (net/ipv6/af_inet6.c, __inet6_bind) unless the socket has IPV6_FREEBIND, which
// would take an address that no route leads to as well. So: the plain call first; if it fails for that reason although
// the route is there, once more with the option, which is put back as it was.
#ifndef FORCEBIND_NOTIFY_BIND_PRIVATE_H_
#define FORCEBIND_NOTIFY_BIND_PRIVATE_H_

#include "absl/functional/function_ref.h"
#include "sys/sockaddr.h"

namespace forcebind {

// An errno value; EADDRNOTAVAIL: the address is not on this host.
int BindPrivate(int socket, const SockAddr& name);

// A TCP port that is free at `name`, an IPv6 address: one that the kernel would choose for `socket`, as far as its
// SO_REUSEADDR and IP_LOCAL_PORT_RANGE say. Nothing keeps it free. An errno value, as of BindPrivate().
int ChoosePort(int socket, SockAddr* name);

// Runs `bind` so that a port which it does not name is left for later (IP_BIND_ADDRESS_NO_PORT).
int WithPortLater(int socket, absl::FunctionRef<int()> bind);

// For a UDP socket that is reached by the ULA: a server that answers from the address at which it was asked names it as
// the source (IPV6_PKTINFO), which the kernel refuses for the same reason (net/ipv6/datagram.c, ip6_datagram_send_ctl).
// The socket keeps IPV6_FREEBIND, which gives it no right that it could not take itself. True if it had not had it.
bool AllowPrivateSource(int socket);
void ForbidPrivateSource(int socket);

}  // namespace forcebind

#endif  // FORCEBIND_NOTIFY_BIND_PRIVATE_H_
