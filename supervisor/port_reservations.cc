// SPDX-License-Identifier: Apache-2.0
#include "supervisor/port_reservations.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "bpf/layout.h"
#include "sys/ephemeral_ports.h"

namespace forcebind {
namespace {

constexpr uint32_t kBitsPerWord = 64;
static_assert(FB_PORT_WORDS * kBitsPerWord == 1 << 16);

}  // namespace

absl::StatusOr<PortReservations> PortReservations::Open(absl::StatusOr<BpfTable<uint32_t, uint64_t>> map,
                                                        std::function<void(const std::string&)> log) {
  if (!map.ok()) return map.status();
  if (map->max_entries() != FB_PORT_WORDS) return absl::FailedPreconditionError("reserved_ports has another size");
  auto notes = MappedArray<uint64_t>::Map(map->fd(), FB_PORT_WORDS, "reserved_ports");
  if (!notes.ok()) return notes.status();
  PortReservations reservations;
  reservations.notes_ = *std::move(notes);
  reservations.log_ = std::move(log);
  return reservations;
}

absl::Status PortReservations::Reserve(const absl::flat_hash_set<uint16_t>& ports) {
  if (ports.empty()) return absl::OkStatus();
  const auto ephemeral = EphemeralPorts::Read();
  if (!ephemeral.ok()) return ephemeral.status();
  std::vector<uint16_t> missing;
  for (const uint16_t port : ports)
    if (ephemeral->Contains(port)) missing.push_back(port);
  if (missing.empty()) return absl::OkStatus();
  const std::string list = absl::StrJoin(missing, ",");
  for (const uint16_t port : missing) Note(port, true);
  if (absl::Status status = EphemeralPorts::Reserve(missing); !status.ok()) {
    // A long list goes in pieces, so that some may be there.
    const auto now = EphemeralPorts::Read();
    for (const uint16_t port : missing)
      if (now.ok() && now->Contains(port)) Note(port, false);
    return absl::Status(status.code(),
                        absl::StrCat("port ", list, " is guarded, and the kernel may give it to anybody's socket: ",
                                     std::string(status.message()),
                                     "; add it to net.ipv4.ip_local_reserved_ports, or publish it with guard = false"));
  }
  log_(absl::StrCat("port ", list, " is guarded, so it is in net.ipv4.ip_local_reserved_ports while it is published"));
  return absl::OkStatus();
}

absl::Status PortReservations::ReleaseAllBut(const absl::flat_hash_set<uint16_t>& wanted) {
  std::vector<uint16_t> unwanted;
  for (const uint16_t port : Ours())
    if (!wanted.contains(port)) unwanted.push_back(port);
  if (unwanted.empty()) return absl::OkStatus();
  if (absl::Status status = EphemeralPorts::Release(unwanted); !status.ok()) return status;
  for (const uint16_t port : unwanted) Note(port, false);
  return absl::OkStatus();
}

void PortReservations::Note(uint16_t port, bool ours) {
  const uint64_t bit = uint64_t{1} << port % kBitsPerWord;
  uint64_t& word = notes_[port / kBitsPerWord];
  word = ours ? word | bit : word & ~bit;
}

std::vector<uint16_t> PortReservations::Ours() {
  std::vector<uint16_t> ports;
  for (uint32_t port = 0; port < FB_PORT_WORDS * kBitsPerWord; ++port)
    if ((notes_[port / kBitsPerWord] >> port % kBitsPerWord & 1) != 0) ports.push_back(static_cast<uint16_t>(port));
  return ports;
}

}  // namespace forcebind
