// SPDX-License-Identifier: Apache-2.0
// sock_diag: the network namespace's listening TCP and bound UDP sockets, as the kernel lists them (NETLINK_SOCK_DIAG,
// inet_diag; see sock_diag(7)). One dump is not a moment's picture: sockets may come and go while it runs, but one that
// is there all the time is in it.
//
// Needs no privilege. Errors: the kernel without INET_DIAG or UDP_DIAG says ENOENT or EOPNOTSUPP.
#ifndef FORCEBIND_SYS_SOCK_DIAG_H_
#define FORCEBIND_SYS_SOCK_DIAG_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"

namespace forcebind {

struct DiagSocket {
  int family = 0;                     // AF_INET or AF_INET6
  int protocol = 0;                   // IPPROTO_TCP or IPPROTO_UDP
  int state = 0;                      // TCP_LISTEN; TCP_CLOSE or TCP_ESTABLISHED (connected) for UDP
  std::array<uint8_t, 16> address{};  // local; in network order, IPv4 in the first four
  std::array<uint8_t, 16> peer{};
  uint16_t port = 0;  // host order
  uint16_t peer_port = 0;
  uint32_t ifindex = 0;  // SO_BINDTODEVICE; 0 = any
  bool v6only = false;
  uint64_t cookie = 0;  // SO_COOKIE
  uint32_t inode = 0;   // as in /proc/PID/fd
  uint32_t uid = 0;
  uint64_t cgroup = 0;  // the cgroup v2 in which it was made, as the inode of its directory; 0 = unknown
};

absl::StatusOr<std::vector<DiagSocket>> ListListeners();

// The established TCP connection or connected UDP socket on exactly this local endpoint, if any: stage A.
// `port` 0 = any.
absl::StatusOr<std::vector<DiagSocket>> ListConnected(int protocol, uint16_t port);

}  // namespace forcebind

#endif  // FORCEBIND_SYS_SOCK_DIAG_H_
