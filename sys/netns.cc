// SPDX-License-Identifier: Apache-2.0
#include "sys/netns.h"

#include <errno.h>
#include <sys/socket.h>

#include "sys/errno_status.h"
#include "sys/unique_fd.h"

namespace forcebind {

uint64_t SocketNetnsCookie(int socket) {
  uint64_t cookie = 0;
  socklen_t size = sizeof(cookie);
  return getsockopt(socket, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) == 0 ? cookie : 0;
}

absl::StatusOr<uint64_t> OwnNetnsCookie() {
  // A netlink socket, since it can be had in every namespace, with or without IPv4 and IPv6.
  UniqueFd probe(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (!probe.valid()) return ErrnoStatus(errno, "open a netlink socket");
  const uint64_t cookie = SocketNetnsCookie(probe.get());
  if (cookie == 0) return ErrnoStatus(errno, "read the network namespace's cookie (Linux 5.14 has it)");
  return cookie;
}

}  // namespace forcebind
