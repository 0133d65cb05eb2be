// SPDX-License-Identifier: Apache-2.0
// address_plan: from a service's name to its private addresses. A hash of the name picks the address, so that every
// machine and every supervisor comes to the same one; whoever assigns addresses for several services (the supervisor)
// resolves collisions by trying the next candidate.
//
// Tested by tests/unit/core/address_plan_test.cc.
#ifndef FORCEBIND_CORE_ADDRESS_PLAN_H_
#define FORCEBIND_CORE_ADDRESS_PLAN_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "core/endpoint.h"
#include "core/service_policy.h"

namespace forcebind {

// 127.64.0.0/10.
Prefix DefaultPool();

// A /48 below fd00::/8 from 40 random bits (RFC 4193, 3.2.1).
Prefix UlaPrefix(const std::array<uint8_t, 5>& global_id);

// The `attempt`-th candidate (0, 1, 2, …) for `name`. The hash is FNV-1a 64 of the name and the attempt, stable for
// ever. Network and broadcast-like addresses (.0 and .255 of any /24, the interface id 0) are never given out. The IPv6
// address has the same low 32 - pool.length bits behind `ula`, so that the two can be matched by eye.
// REQUIRES: pool within 127.0.0.0/8, at most 30 bits long; ula within fd00::/8, at most 64 bits long.
PrivateAddresses AddressesFor(const std::string& name, uint32_t attempt, const Prefix& pool,
                              const std::optional<Prefix>& ula);

}  // namespace forcebind

#endif  // FORCEBIND_CORE_ADDRESS_PLAN_H_
