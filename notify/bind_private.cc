// SPDX-License-Identifier: Apache-2.0
#include "notify/bind_private.h"

#include <errno.h>
#include <netinet/in.h>

#include "notify/inet_sockaddr.h"
#include "sys/local_route.h"
#include "sys/socket_info.h"

namespace forcebind {
namespace {

int Bind(int socket, const SockAddr& name) { return bind(socket, name.get(), name.size) == 0 ? 0 : errno; }

int SetFreebind(int socket, int value) {
  return setsockopt(socket, IPPROTO_IPV6, IPV6_FREEBIND, &value, sizeof(value)) == 0 ? 0 : errno;
}

}  // namespace

int BindPrivate(int socket, const SockAddr& name) {
  const int error = Bind(socket, name);
  if (error != EADDRNOTAVAIL || name.family() != AF_INET6) return error;
  if (!IsLocalByRoute(ToEndpoint(name).address.bytes()) || SetFreebind(socket, 1) != 0) return error;
  const int again = Bind(socket, name);
  SetFreebind(socket, 0);
  return again;
}

bool AllowPrivateSource(int socket) {
  return IntOption(socket, IPPROTO_IPV6, IPV6_FREEBIND, 0) == 0 && SetFreebind(socket, 1) == 0;
}

void ForbidPrivateSource(int socket) { SetFreebind(socket, 0); }

}  // namespace forcebind
