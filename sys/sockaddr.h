// SPDX-License-Identifier: Apache-2.0
// sockaddr: socket addresses in the kernel's form. Plain bytes here, since sys/ does not know core's types: an address
// is 4 or 16 bytes in network order, a port is in host order.
#ifndef FORCEBIND_SYS_SOCKADDR_H_
#define FORCEBIND_SYS_SOCKADDR_H_

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstring>

namespace forcebind {

struct SockAddr {
  sockaddr_storage storage = {};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
  const sockaddr_in* v4() const { return reinterpret_cast<const sockaddr_in*>(&storage); }
  const sockaddr_in6* v6() const { return reinterpret_cast<const sockaddr_in6*>(&storage); }
};

inline SockAddr SockAddrV4(const uint8_t* address, uint16_t port) {
  SockAddr result;
  sockaddr_in in = {};
  in.sin_family = AF_INET;
  in.sin_port = htons(port);
  memcpy(&in.sin_addr, address, 4);
  memcpy(&result.storage, &in, sizeof(in));
  result.size = sizeof(in);
  return result;
}

inline SockAddr SockAddrV6(const uint8_t* address, uint16_t port, uint32_t scope_id = 0) {
  SockAddr result;
  sockaddr_in6 in6 = {};
  in6.sin6_family = AF_INET6;
  in6.sin6_port = htons(port);
  in6.sin6_scope_id = scope_id;
  memcpy(&in6.sin6_addr, address, 16);
  memcpy(&result.storage, &in6, sizeof(in6));
  result.size = sizeof(in6);
  return result;
}

// getsockname(2); an errno value.
inline int LocalName(int socket, SockAddr* name) {
  name->size = sizeof(name->storage);
  return getsockname(socket, name->get(), &name->size) == 0 ? 0 : errno;
}

}  // namespace forcebind

#endif  // FORCEBIND_SYS_SOCKADDR_H_
