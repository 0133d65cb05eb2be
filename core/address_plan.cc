// SPDX-License-Identifier: Apache-2.0
#include "core/address_plan.h"

#include <cassert>

namespace forcebind {
namespace {

constexpr uint64_t kFnvOffset = 0xcbf29ce484222325;
constexpr uint64_t kFnvPrime = 0x100000001b3;

// The name, a zero byte, and the attempt in little-endian order.
uint64_t Hash(const std::string& name, uint32_t attempt) {
  uint64_t hash = kFnvOffset;
  const auto add = [&hash](uint8_t byte) { hash = (hash ^ byte) * kFnvPrime; };
  for (char c : name) add(static_cast<uint8_t>(c));
  add(0);
  for (int shift = 0; shift < 32; shift += 8) add(static_cast<uint8_t>(attempt >> shift));
  return hash;
}

bool MayBeGivenOut(uint32_t address, uint32_t host) {
  const uint32_t last = address & 0xff;
  return host != 0 && last != 0 && last != 255;
}

IpAddress WithInterfaceId(const Prefix& ula, uint32_t id) {
  std::array<uint8_t, 16> bytes = ula.base.bytes();
  for (int i = 0; i < 4; ++i) bytes[12 + i] = static_cast<uint8_t>(id >> (24 - 8 * i));
  return IpAddress::V6(bytes);
}

}  // namespace

Prefix DefaultPool() { return {IpAddress::V4(0x7f400000), 10}; }

Prefix UlaPrefix(const std::array<uint8_t, 5>& global_id) {
  std::array<uint8_t, 16> bytes = {0xfd};
  for (size_t i = 0; i < global_id.size(); ++i) bytes[1 + i] = global_id[i];
  return {IpAddress::V6(bytes), 48};
}

PrivateAddresses AddressesFor(const std::string& name, uint32_t attempt, const Prefix& pool,
                              const std::optional<Prefix>& ula) {
  assert(pool.base.is_v4() && pool.length >= 8 && pool.length <= 30);
  const uint32_t mask = 0xffffffffu >> pool.length;
  const uint64_t hash = Hash(name, attempt);
  // FNV's low bits depend on the low bits of its input alone; the high half does not.
  uint32_t host = static_cast<uint32_t>(hash ^ hash >> 32) & mask;
  while (!MayBeGivenOut(pool.base.v4() | host, host)) host = (host + 1) & mask;
  PrivateAddresses addresses;
  addresses.v4 = IpAddress::V4(pool.base.v4() | host);
  if (ula) addresses.v6 = WithInterfaceId(*ula, host);
  return addresses;
}

}  // namespace forcebind
