// SPDX-License-Identifier: Apache-2.0
#include "sys/socket_info.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

namespace forcebind {

int IntOption(int socket, int level, int option, int fallback) {
  int value = 0;
  socklen_t size = sizeof(value);
  return getsockopt(socket, level, option, &value, &size) == 0 ? value : fallback;
}

int SocketDomain(int socket) {
  int domain = 0;
  socklen_t size = sizeof(domain);
  return getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 ? domain : -errno;
}

uint64_t SocketCookie(int socket) {
  uint64_t cookie = 0;
  socklen_t size = sizeof(cookie);
  return getsockopt(socket, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie : 0;
}

// net/ipv6/ipv6_sockglue.c, do_ipv6_setsockopt: IPV6_V6ONLY, whatever its value, is for sockets without a port.
bool HasPort(int ipv6_socket, bool v6only) {
  const int value = v6only ? 1 : 0;
  return setsockopt(ipv6_socket, IPPROTO_IPV6, IPV6_V6ONLY, &value, sizeof(value)) != 0 && errno == EINVAL;
}

int TcpState(int socket) {
  uint8_t state = 0;  // the first field of struct tcp_info
  socklen_t size = sizeof(state);
  return getsockopt(socket, IPPROTO_TCP, TCP_INFO, &state, &size) == 0 ? state : -errno;
}

}  // namespace forcebind
