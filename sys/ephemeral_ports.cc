// SPDX-License-Identifier: Apache-2.0
#include "sys/ephemeral_ports.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

#include "sys/small_file.h"

namespace forcebind {
namespace {

constexpr size_t kMaxFile = 1 << 20;

// Takes a number off the front of `text`.
std::optional<uint16_t> TakePort(std::string_view* text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), port);
  if (error != std::errc()) return std::nullopt;
  text->remove_prefix(end - text->data());
  return port;
}

bool Take(char wanted, std::string_view* text) {
  if (text->empty() || text->front() != wanted) return false;
  text->remove_prefix(1);
  return true;
}

absl::Status Unreadable(const char* name) {
  return absl::InvalidArgumentError(std::string(name) + " is not as the kernel documents it");
}

}  // namespace

absl::StatusOr<EphemeralPorts> EphemeralPorts::Parse(std::string_view range, std::string_view reserved) {
  EphemeralPorts ports;
  const auto low = TakePort(&range);
  const bool separated = Take('\t', &range);
  const auto high = TakePort(&range);
  if (!low || !separated || !high) return Unreadable("net.ipv4.ip_local_port_range");
  ports.range_ = {*low, *high};
  while (!reserved.empty() && reserved.front() != '\n') {
    const auto first = TakePort(&reserved);
    const auto last = Take('-', &reserved) ? TakePort(&reserved) : first;
    if (!first || !last) return Unreadable("net.ipv4.ip_local_reserved_ports");
    ports.reserved_.emplace_back(*first, *last);
    Take(',', &reserved);
  }
  return ports;
}

absl::StatusOr<EphemeralPorts> EphemeralPorts::Read() {
  auto range = ReadSmallFile("/proc/sys/net/ipv4/ip_local_port_range", kMaxFile);
  if (!range.ok()) return range.status();
  auto reserved = ReadSmallFile("/proc/sys/net/ipv4/ip_local_reserved_ports", kMaxFile);
  if (!reserved.ok()) return reserved.status();
  return Parse(*range, *reserved);
}

bool EphemeralPorts::Contains(uint16_t port) const {
  const auto holds = [port](const Range& range) { return range.first <= port && port <= range.second; };
  return holds(range_) && std::none_of(reserved_.begin(), reserved_.end(), holds);
}

}  // namespace forcebind
