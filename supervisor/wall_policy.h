// SPDX-License-Identifier: Apache-2.0
// wall_policy: from a service's rules to what the programs of the `cgroup` wall read.
// Tested by tests/unit/supervisor/wall_policy_test.cc.
#ifndef FORCEBIND_SUPERVISOR_WALL_POLICY_H_
#define FORCEBIND_SUPERVISOR_WALL_POLICY_H_

#include <cstdint>
#include <optional>

#include "bpf/wall_layout.h"
#include "core/endpoint.h"
#include "core/service_policy.h"
#include "core/wall_rules.h"

namespace forcebind {

// What all services have in common: where private addresses are.
struct WallScope {
  uint64_t netns_cookie = 0;
  Prefix pool;                // IPv4
  std::optional<Prefix> ula;  // IPv6
};

fb_wall_policy WallPolicy(const WallScope& scope, const PrivateAddresses& addresses, const WallRules& rules);

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_WALL_POLICY_H_
