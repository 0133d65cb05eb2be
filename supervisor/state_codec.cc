// SPDX-License-Identifier: Apache-2.0
#include "supervisor/state_codec.h"

#include <algorithm>
#include <array>

namespace forcebind {

AddressRecord ToRecord(const Endpoint& endpoint) {
  AddressRecord record;
  record.family = static_cast<uint8_t>(endpoint.address.family());
  std::copy(endpoint.address.bytes().begin(), endpoint.address.bytes().end(), record.bytes);
  record.port = endpoint.port;
  return record;
}

AddressRecord ToRecord(const std::optional<IpAddress>& address) {
  return address.has_value() ? ToRecord(Endpoint{*address, 0}) : AddressRecord();
}

std::optional<IpAddress> AddressOf(const AddressRecord& record) {
  std::array<uint8_t, 16> bytes;
  std::copy(std::begin(record.bytes), std::end(record.bytes), bytes.begin());
  switch (record.family) {
    case static_cast<uint8_t>(Family::kIpv4):
      return IpAddress::V4(uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3]);
    case static_cast<uint8_t>(Family::kIpv6):
      return IpAddress::V6(bytes);
    default:
      return std::nullopt;
  }
}

Endpoint EndpointOf(const AddressRecord& record) { return {AddressOf(record).value_or(IpAddress()), record.port}; }

}  // namespace forcebind
