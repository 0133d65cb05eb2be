// SPDX-License-Identifier: Apache-2.0
// socket_kinds: which sockets of AF_INET and AF_INET6 a service may make: those whose place forcebind knows how to
// force. Whatever else the kernel has below these families binds in ways of its own: SCTP adds addresses by
// setsockopt(2), SMC listens by a TCP socket inside it, L2TP/IP and DCCP have port spaces that nobody looks at.
//
// The filter (launcher/filter) and the handler of i386 calls (notify/socket_call) go by this list, and
// bpf/wall_socket.h has the same for the `cgroup` wall.
#ifndef FORCEBIND_CORE_SOCKET_KINDS_H_
#define FORCEBIND_CORE_SOCKET_KINDS_H_

#include "absl/types/span.h"

namespace forcebind {

struct SocketKind {
  int type = 0;                     // SOCK_*
  absl::Span<const int> protocols;  // IPPROTO_*, 0 among them; empty: any, and other rules decide
};

// SOCK_MAX of linux/net.h, and a power of two above IPPROTO_MAX of linux/in.h: from here on the kernel says EINVAL.
inline constexpr int kTypeLimit = 11, kProtocolLimit = 512;

// `deny_mptcp`: an MPTCP listener cannot be published, so a service with a supervisor gets none.
absl::Span<const SocketKind> AllowedSocketKinds(bool deny_mptcp);

// 0, ESOCKTNOSUPPORT, EPROTONOSUPPORT, or EINVAL for a number beyond all, as a kernel says that has no others. `type`
// is without SOCK_CLOEXEC and SOCK_NONBLOCK.
int CheckSocketKind(int type, int protocol, bool deny_mptcp);

}  // namespace forcebind

#endif  // FORCEBIND_CORE_SOCKET_KINDS_H_
