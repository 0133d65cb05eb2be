// SPDX-License-Identifier: Apache-2.0
#include "notify/host_facts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <unistd.h>

#include "notify/inet_sockaddr.h"
#include "sys/socket_info.h"
#include "sys/target.h"

namespace forcebind {
namespace {

constexpr uint16_t kDiscardPort = 9;
// Broadcast whatever the routes say (net/ipv4/fib_frontend.c, __inet_dev_addr_type).
constexpr IpAddress kLimitedBroadcast = IpAddress::V4(INADDR_BROADCAST);

// net.ipv4.ip_unprivileged_port_start of this network namespace; it counts for IPv6 as well.
int UnprivilegedPortStart() {
  UniqueFd fd(open("/proc/sys/net/ipv4/ip_unprivileged_port_start", O_RDONLY | O_CLOEXEC));
  char text[16] = {};
  if (!fd.valid() || read(fd.get(), text, sizeof(text) - 1) <= 0) return IPPORT_RESERVED;
  return atoi(text);
}

}  // namespace

bool KernelHostFacts::MayBindForeign(bool v4) const {
  if (IntOption(socket_, IPPROTO_IP, IP_FREEBIND, 0) != 0 || IntOption(socket_, IPPROTO_IP, IP_TRANSPARENT, 0) != 0) {
    return true;
  }
  return !v4 && (IntOption(socket_, IPPROTO_IPV6, IPV6_FREEBIND, 0) != 0 ||
                 IntOption(socket_, IPPROTO_IPV6, IPV6_TRANSPARENT, 0) != 0);
}

HostFacts::AddressKind KernelHostFacts::Classify(const IpAddress& address) {
  if (address == kLimitedBroadcast) return AddressKind::kBroadcast;
  const int family = address.is_v4() ? AF_INET : AF_INET6;
  UniqueFd scratch(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const SockAddr name = ToSockAddr({address, 0}, scope_id_);
  if (!scratch.valid() || bind(scratch.get(), name.get(), name.size) != 0) {
    if (scratch.valid() && errno == ENODEV) return AddressKind::kNoInterface;
    return MayBindForeign(address.is_v4()) ? AddressKind::kLocal : AddressKind::kForeign;
  }
  // A socket without SO_BROADCAST may bind a broadcast address, but not talk to it (net/ipv4/datagram.c).
  const SockAddr self = ToSockAddr({address, kDiscardPort}, scope_id_);
  if (connect(scratch.get(), self.get(), self.size) != 0 && errno == EACCES) return AddressKind::kBroadcast;
  return AddressKind::kLocal;
}

bool KernelHostFacts::MayBindPort(uint16_t port) {
  // Three system calls less for the usual port; where the limit is higher, the bind itself says so, if later.
  if (port >= IPPORT_RESERVED || port >= UnprivilegedPortStart()) return true;
  TaskIdentity identity;
  return ReadTaskIdentity(tid_, &identity) == 0 && (identity.effective_caps >> CAP_NET_BIND_SERVICE & 1) != 0;
}

}  // namespace forcebind
