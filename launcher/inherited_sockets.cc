// SPDX-License-Identifier: Apache-2.0
#include "launcher/inherited_sockets.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "notify/inet_sockaddr.h"
#include "sys/own_descriptors.h"
#include "sys/socket_info.h"

namespace forcebind {
namespace {

constexpr char kRing[] = "anon_inode:[io_uring]";

// A stream that is connected cannot listen where it is: listen() goes by its address. A datagram socket could be
// disconnected, and receives then whatever comes.
bool IsConnection(int fd) {
  SockAddr peer;
  peer.size = sizeof(peer.storage);
  return IntOption(fd, SOL_SOCKET, SO_TYPE, 0) == SOCK_STREAM && getpeername(fd, peer.get(), &peer.size) == 0;
}

// What is wrong with a socket of AF_INET or AF_INET6.
std::optional<std::string> InetTrouble(int fd, const ServicePolicy& policy) {
  SockAddr name;
  if (LocalName(fd, &name) != 0) return "a socket whose address cannot be read";
  const Endpoint bound = ToEndpoint(name);
  const bool listens = IntOption(fd, SOL_SOCKET, SO_ACCEPTCONN, 0) != 0;
  if (IsConnection(fd) || policy.addresses.Contains(bound.address)) return std::nullopt;
  // A port of 0 and the wildcard: nobody has bound it.
  const bool bare = bound.port == 0 && bound.address.Unmapped().IsWildcard();
  if (bare && !listens) return std::nullopt;
  return absl::StrCat("a socket that ", listens ? "listens on " : "is bound to ", bound.ToString());
}

std::optional<std::string> Trouble(const OwnDescriptor& descriptor, const ServicePolicy& policy) {
  if (descriptor.link == kRing) return "an io_uring ring";
  const int domain = SocketDomain(descriptor.fd);
  if (domain < 0) return std::nullopt;
  if (domain == AF_INET || domain == AF_INET6) {
    if (auto trouble = InetTrouble(descriptor.fd, policy)) return trouble;
  }
  const bool allowed = std::find(policy.families.begin(), policy.families.end(), domain) != policy.families.end();
  // A pair of AF_UNIX is a pipe to whoever started the service.
  if (allowed || domain == AF_UNIX) return std::nullopt;
  return absl::StrCat("a socket of address family ", domain, ", which `families` does not have");
}

}  // namespace

absl::Status CheckInheritedSockets(const ServicePolicy& policy) {
  if (policy.inherited_sockets) return absl::OkStatus();
  absl::StatusOr<std::vector<OwnDescriptor>> descriptors = ListOwnDescriptors();
  if (!descriptors.ok()) return descriptors.status();
  std::vector<std::string> troubles;
  for (const OwnDescriptor& descriptor : *descriptors) {
    if (descriptor.close_on_exec) continue;
    if (auto trouble = Trouble(descriptor, policy)) {
      troubles.push_back(absl::StrCat("descriptor ", descriptor.fd, ", ", *trouble));
    }
  }
  if (troubles.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("\"", policy.name, "\" would inherit ", absl::StrJoin(troubles, ", and "),
                   ": close it, or let the profile say inherited-sockets = \"allow\""));
}

std::vector<uint64_t> InetSocketsLetIn(const ServicePolicy& policy) {
  std::vector<uint64_t> cookies;
  if (!policy.inherited_sockets) return cookies;
  const absl::StatusOr<std::vector<OwnDescriptor>> descriptors = ListOwnDescriptors();
  if (!descriptors.ok()) return cookies;
  for (const OwnDescriptor& descriptor : *descriptors) {
    const int domain = descriptor.close_on_exec ? -1 : SocketDomain(descriptor.fd);
    if (domain != AF_INET && domain != AF_INET6) continue;
    if (InetTrouble(descriptor.fd, policy)) cookies.push_back(SocketCookie(descriptor.fd));
  }
  return cookies;
}

}  // namespace forcebind
