// SPDX-License-Identifier: Apache-2.0
#include "core/audit.h"

#include "absl/strings/str_cat.h"

namespace forcebind {
namespace {

constexpr uint32_t kEverybodyHere = 0xffffffff;  // 255.255.255.255

bool IsClient(const AuditedSocket& socket) {
  if (socket.protocol != Protocol::kUdp) return false;
  return socket.connected || (socket.given_port && socket.local.address.Unmapped().IsWildcard());
}

bool IsGroup(const AuditedSocket& socket) {
  const IpAddress address = socket.local.address.Unmapped();
  if (socket.protocol != Protocol::kUdp) return false;
  return socket.group_address || address.IsMulticast() || (address.is_v4() && address.v4() == kEverybodyHere);
}

std::string Place(const AuditedSocket& socket, const std::string& owner) {
  const IpAddress address = socket.local.address.Unmapped();
  if (!owner.empty()) return absl::StrCat("the address of \"", owner, "\"");
  if (address.IsWildcard()) return "every address of the host";
  if (address.IsLoopback()) return "a loopback address that is not the service's";
  return "an address that is not the service's";
}

}  // namespace

Standing JudgeSocket(const AuditedSocket& socket, const PrivateAddresses& addresses) {
  if (addresses.Contains(socket.local.address)) return Standing::kAtHome;
  if (IsClient(socket)) return Standing::kClient;
  if (IsGroup(socket)) return Standing::kGroup;
  return socket.let_in ? Standing::kLetIn : Standing::kElsewhere;
}

std::string StandingText(Standing standing, const AuditedSocket& socket, const std::string& owner) {
  std::string place =
      absl::StrCat(socket.protocol == Protocol::kTcp ? "listens on " : "is bound to ", Place(socket, owner));
  switch (standing) {
    case Standing::kAtHome:
      return "is on the service's own address";
    case Standing::kClient:
      return "is a client's";
    case Standing::kGroup:
      return "is on a multicast or broadcast address";
    case Standing::kLetIn:
      return absl::StrCat(place, "; it came with the execution, and the profile says inherited-sockets = \"allow\"");
    case Standing::kElsewhere:
      return place;
  }
  return place;
}

}  // namespace forcebind
