// SPDX-License-Identifier: Apache-2.0
// wall_policy: from a service's rules to what the programs of the `cgroup` wall read.
// Tested by tests/unit/supervisor/wall_policy_test.cc.
#ifndef FORCEBIND_SUPERVISOR_WALL_POLICY_H_
#define FORCEBIND_SUPERVISOR_WALL_POLICY_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

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

// Of a service, by its name; empty if nobody has the name.
using AddressesOfName = std::function<PrivateAddresses(const std::string&)>;

// Without the addresses of other services: ResolveTargets() adds them.
fb_wall_policy WallPolicy(const WallScope& scope, const PrivateAddresses& addresses, const WallRules& rules);

// Gives the targets the addresses that their names have now. False: they had them.
bool ResolveTargets(const AddressesOfName& addresses_of, fb_wall_policy* policy);

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_WALL_POLICY_H_
