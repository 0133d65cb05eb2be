// SPDX-License-Identifier: Apache-2.0
#include "notify/bind_private.h"

#include <errno.h>
#include <netinet/in.h>

#include <utility>

#include "notify/inet_sockaddr.h"
#include "sys/local_route.h"
#include "sys/socket_info.h"
#include "sys/unique_fd.h"

#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE 51  // Linux 6.3
#endif

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

int ChoosePort(int socket, SockAddr* name) {
  const UniqueFd other(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!other.valid()) return errno;
  for (const auto& [level, option] : {std::pair{SOL_SOCKET, SO_REUSEADDR}, {IPPROTO_IP, IP_LOCAL_PORT_RANGE}}) {
    const int value = IntOption(socket, level, option, 0);
    if (value != 0) setsockopt(other.get(), level, option, &value, sizeof(value));
  }
  const int error = BindPrivate(other.get(), *name);
  return error != 0 ? error : LocalName(other.get(), name);
}

int WithPortLater(int socket, absl::FunctionRef<int()> bind) {
  const int yes = 1, no = 0;
  const bool was_set = IntOption(socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 0) != 0;
  if (!was_set && setsockopt(socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof(yes)) != 0) return errno;
  const int error = bind();
  if (!was_set) setsockopt(socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &no, sizeof(no));
  return error;
}

bool AllowPrivateSource(int socket) {
  return IntOption(socket, IPPROTO_IPV6, IPV6_FREEBIND, 0) == 0 && SetFreebind(socket, 1) == 0;
}

void ForbidPrivateSource(int socket) { SetFreebind(socket, 0); }

}  // namespace forcebind
