// SPDX-License-Identifier: Apache-2.0
#include "core/socket_kinds.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

namespace forcebind {
namespace {

constexpr int kStreams[] = {IPPROTO_IP, IPPROTO_TCP, IPPROTO_MPTCP};
constexpr int kDatagrams[] = {IPPROTO_IP, IPPROTO_UDP, IPPROTO_UDPLITE, IPPROTO_ICMP, IPPROTO_ICMPV6};

// Raw sockets take a capability, and have no ports. SOCK_PACKET is a packet socket, whose family must be allowed, and
// whose protocol is one of Ethernet's.
constexpr SocketKind kKinds[] = {{SOCK_STREAM, kStreams}, {SOCK_DGRAM, kDatagrams}, {SOCK_RAW, {}}, {SOCK_PACKET, {}}};
constexpr SocketKind kKindsWithoutMptcp[] = {
    {SOCK_STREAM, absl::MakeConstSpan(kStreams).first(2)}, {SOCK_DGRAM, kDatagrams}, {SOCK_RAW, {}}, {SOCK_PACKET, {}}};

}  // namespace

absl::Span<const SocketKind> AllowedSocketKinds(bool deny_mptcp) {
  if (deny_mptcp) return kKindsWithoutMptcp;
  return kKinds;
}

int CheckSocketKind(int type, int protocol, bool deny_mptcp) {
  if (type >= kTypeLimit) return EINVAL;
  const auto kinds = AllowedSocketKinds(deny_mptcp);
  const auto kind = std::find_if(kinds.begin(), kinds.end(), [&](const SocketKind& one) { return one.type == type; });
  if (kind == kinds.end()) return ESOCKTNOSUPPORT;
  const auto& protocols = kind->protocols;
  if (protocols.empty()) return 0;
  if (protocol < 0 || protocol >= kProtocolLimit) return EINVAL;
  return std::find(protocols.begin(), protocols.end(), protocol) != protocols.end() ? 0 : EPROTONOSUPPORT;
}

}  // namespace forcebind
