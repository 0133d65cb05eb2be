// SPDX-License-Identifier: Apache-2.0
// socket_info: what the kernel says of a socket, and addresses to and from sockaddr.
//
// Errors are errno values. See socket(7), tcp(7), ip(7), ipv6(7).
#ifndef FORCEBIND_SYS_SOCKET_INFO_H_
#define FORCEBIND_SYS_SOCKET_INFO_H_

#include <sys/socket.h>

#include <cstdint>

namespace forcebind {

// An integer option, or `fallback` where the socket has none.
int IntOption(int socket, int level, int option, int fallback);

// SO_DOMAIN, or -errno (ENOTSOCK).
int SocketDomain(int socket);

// SO_COOKIE: a number that no other socket has had since boot; 0 where the kernel cannot say.
uint64_t SocketCookie(int socket);

// Whether an IPv6 socket has a port, so that another bind(2) is EINVAL. getsockname(2) does not say: it goes on showing
// the address of a connection that has ended. `v6only`: as the socket has it.
bool HasPort(int ipv6_socket, bool v6only);

// tcpi_state of TCP_INFO (TCP_CLOSE, TCP_LISTEN, … of <netinet/tcp.h>), or -errno.
int TcpState(int socket);

}  // namespace forcebind

#endif  // FORCEBIND_SYS_SOCKET_INFO_H_
