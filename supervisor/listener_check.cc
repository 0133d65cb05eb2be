// SPDX-License-Identifier: Apache-2.0
#include "supervisor/listener_check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "absl/strings/str_cat.h"
#include "sys/netns.h"

namespace forcebind {
namespace {

bool ReadInt(int fd, int level, int option, int* value) {
  socklen_t size = sizeof(*value);
  return getsockopt(fd, level, option, value, &size) == 0;
}

Endpoint LocalEndpoint(int fd) {
  sockaddr_storage storage = {};
  socklen_t size = sizeof(storage);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
  if (storage.ss_family == AF_INET) {
    sockaddr_in address;
    memcpy(&address, &storage, sizeof(address));
    return {IpAddress::V4(ntohl(address.sin_addr.s_addr)), ntohs(address.sin_port)};
  }
  if (storage.ss_family != AF_INET6) return {};
  sockaddr_in6 address;
  memcpy(&address, &storage, sizeof(address));
  std::array<uint8_t, 16> bytes;
  memcpy(bytes.data(), &address.sin6_addr, bytes.size());
  return {IpAddress::V6(bytes), ntohs(address.sin6_port)};
}

Refusal CheckProtocol(const wire::Listener& said, const SocketReport& report, VerifiedListener* verified) {
  if (report.domain != AF_INET && report.domain != AF_INET6) return {EAFNOSUPPORT, "not an IPv4 or IPv6 socket"};
  const bool tcp = said.protocol == Protocol::kTcp;
  if (report.type != (tcp ? SOCK_STREAM : SOCK_DGRAM)) {
    return {EACCES, absl::StrCat("not a ", ToString(said.protocol), " socket")};
  }
  const int plain = tcp ? IPPROTO_TCP : IPPROTO_UDP;
  const int variant = tcp ? IPPROTO_MPTCP : IPPROTO_UDPLITE;
  if (report.protocol != plain && report.protocol != variant) {
    return {EACCES, absl::StrCat("not a ", ToString(said.protocol), " socket")};
  }
  verified->mappable = report.protocol == plain;
  if (said.published && !verified->mappable) {
    return {EPROTONOSUPPORT, tcp ? "an MPTCP socket cannot be published: make it with protocol 0 or IPPROTO_TCP"
                                 : "a UDP-Lite socket cannot be published"};
  }
  if (tcp && !report.accepting) return {EACCES, "the socket does not listen"};
  return {};
}

Refusal CheckAddress(const Endpoint& local, const PrivateAddresses& addresses) {
  if (local.port == 0) return {EACCES, "the socket is not bound"};
  if (addresses.Contains(local.address)) return {};
  return {EACCES, absl::StrCat("the socket is bound to ", local.ToString(), ", which is not the service's")};
}

}  // namespace

SocketReport ReadSocket(int fd) {
  SocketReport report;
  int value = 0;
  report.is_socket = ReadInt(fd, SOL_SOCKET, SO_DOMAIN, &report.domain);
  if (!report.is_socket) return report;
  ReadInt(fd, SOL_SOCKET, SO_TYPE, &report.type);
  ReadInt(fd, SOL_SOCKET, SO_PROTOCOL, &report.protocol);
  report.accepting = ReadInt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value) && value != 0;
  report.v6only = report.domain == AF_INET6 && ReadInt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &value) && value != 0;
  report.local = LocalEndpoint(fd);
  report.netns_cookie = SocketNetnsCookie(fd);
  socklen_t size = sizeof(report.cookie);
  if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &report.cookie, &size) != 0) report.cookie = 0;
  return report;
}

Refusal VerifyListener(const wire::Listener& said, const SocketReport& report, const PrivateAddresses& addresses,
                       uint64_t own_netns_cookie, VerifiedListener* verified) {
  if (!report.is_socket || report.cookie == 0) return {ENOTSOCK, "the descriptor is not a socket"};
  Refusal refusal = CheckProtocol(said, report, verified);
  if (refusal.error != 0) return refusal;
  if (report.netns_cookie == 0 || report.netns_cookie != own_netns_cookie) {
    return {EACCES, "the socket is in another network namespace than the supervisor"};
  }
  refusal = CheckAddress(report.local, addresses);
  if (refusal.error != 0) return refusal;
  const IpAddress local = report.local.address;
  verified->protocol = said.protocol;
  verified->bound = {local.Unmapped(), report.local.port};
  verified->cookie = report.cookie;
  verified->serves_v6 = report.domain == AF_INET6 && !report.v6only && local.IsV4Mapped();
  verified->serves_v4 = report.domain == AF_INET || local.IsV4Mapped();
  if (report.domain == AF_INET6 && !local.IsV4Mapped()) verified->serves_v6 = true;
  return {};
}

Refusal CheckOpened(const wire::OpenedSocket& said, const PrivateAddresses& addresses) {
  if (said.cookie == 0) return {ENOTSOCK, "a socket without a cookie"};
  const bool client = said.egress && said.protocol == Protocol::kUdp && said.bound.port != 0;
  if (client && said.bound.address.IsWildcard()) return {};
  return CheckAddress(said.bound, addresses);
}

}  // namespace forcebind
