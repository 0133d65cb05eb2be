// SPDX-License-Identifier: Apache-2.0
#include "supervisor/port_reservations.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "sys/ephemeral_ports.h"

namespace forcebind {

absl::Status PortReservations::Reserve(const absl::flat_hash_set<uint16_t>& ports) {
  if (ports.empty()) return absl::OkStatus();
  const auto ephemeral = EphemeralPorts::Read();
  if (!ephemeral.ok()) return ephemeral.status();
  for (const uint16_t port : ports) {
    if (!ephemeral->Contains(port)) continue;
    if (absl::Status status = EphemeralPorts::Reserve(port); !status.ok())
      return absl::Status(
          status.code(),
          absl::StrCat("port ", port,
                       " is guarded, and the kernel may give it to anybody's socket: ", std::string(status.message()),
                       "; add it to net.ipv4.ip_local_reserved_ports, or ", "publish it with guard = false"));
    ours_.insert(port);
    log_(
        absl::StrCat("port ", port, " is guarded, so it is in net.ipv4.ip_local_reserved_ports while it is published"));
  }
  return absl::OkStatus();
}

absl::Status PortReservations::ReleaseAllBut(const absl::flat_hash_set<uint16_t>& wanted) {
  std::vector<uint16_t> unwanted;
  for (const uint16_t port : ours_)
    if (!wanted.contains(port)) unwanted.push_back(port);
  for (const uint16_t port : unwanted) {
    if (absl::Status status = EphemeralPorts::Release(port); !status.ok()) return status;
    ours_.erase(port);
  }
  return absl::OkStatus();
}

}  // namespace forcebind
