// SPDX-License-Identifier: Apache-2.0
// socket_lookup: who would get a new connection or a stranger's datagram to one local address, asked of the kernel
// (NETLINK_SOCK_DIAG for a single socket, see sock_diag(7)) in place of trying: a connect(2) that does not wait says
// EINPROGRESS whether somebody listens or not.
//
// The kernel answers by its own lookup, so a socket on the wildcard answers for every address; what comes back here is
// only a socket on exactly the address that was asked for. Needs no privilege, nor libmnl (sys/sock_diag.h has whole
// lists).
//
// Tested by tests/unit/sys/socket_lookup_test.cc.
#ifndef FORCEBIND_SYS_SOCKET_LOOKUP_H_
#define FORCEBIND_SYS_SOCKET_LOOKUP_H_

#include <cstdint>

namespace forcebind {

struct FoundSocket {
  int family = 0;       // AF_INET6 for an IPv6 socket on an IPv4-mapped address, too
  bool v6only = false;  // AF_INET6
};

// The listening socket (IPPROTO_TCP) or the unconnected one (IPPROTO_UDP, IPPROTO_UDPLITE) of this network namespace
// that is bound to `address` (4 or 16 bytes in network order, by `family`; not IPv4-mapped) and `port`. False: there is
// none, or the kernel cannot say (without INET_DIAG or UDP_DIAG).
bool FindBoundSocket(int family, int protocol, const uint8_t* address, uint16_t port, FoundSocket* found);

// Whether the kernel says that nobody listens (TCP) to this address and port, on the interface `ifindex` (0: on none in
// particular). False where it cannot say.
bool NobodyListens(int family, const uint8_t* address, uint16_t port, uint32_t ifindex);

}  // namespace forcebind

#endif  // FORCEBIND_SYS_SOCKET_LOOKUP_H_
