// SPDX-License-Identifier: Apache-2.0
// inet_sockaddr: core's endpoints as socket addresses, and back.
#ifndef FORCEBIND_NOTIFY_INET_SOCKADDR_H_
#define FORCEBIND_NOTIFY_INET_SOCKADDR_H_

#include <algorithm>
#include <array>

#include "core/endpoint.h"
#include "sys/sockaddr.h"

namespace forcebind {

inline SockAddr ToSockAddr(const Endpoint& endpoint, uint32_t scope_id = 0) {
  const uint8_t* bytes = endpoint.address.bytes().data();
  return endpoint.address.is_v4() ? SockAddrV4(bytes, endpoint.port) : SockAddrV6(bytes, endpoint.port, scope_id);
}

// REQUIRES: the family is AF_INET or AF_INET6.
inline Endpoint ToEndpoint(const SockAddr& name) {
  if (name.family() == AF_INET) return {IpAddress::V4(ntohl(name.v4()->sin_addr.s_addr)), ntohs(name.v4()->sin_port)};
  std::array<uint8_t, 16> bytes;
  std::copy_n(name.v6()->sin6_addr.s6_addr, 16, bytes.begin());
  return {IpAddress::V6(bytes), ntohs(name.v6()->sin6_port)};
}

}  // namespace forcebind

#endif  // FORCEBIND_NOTIFY_INET_SOCKADDR_H_
