// SPDX-License-Identifier: Apache-2.0
#include "core/wall_rules.h"

#include <sys/socket.h>

#include <algorithm>

namespace forcebind {
namespace {

bool HasFamily(const ServicePolicy& policy, int family) {
  return std::find(policy.families.begin(), policy.families.end(), family) != policy.families.end();
}

std::vector<PortRange> BindablePorts(const ServicePolicy& policy) {
  std::vector<PortRange> ranges = *policy.allow;
  for (const Publication& publication : policy.publish) {
    PortRange range{publication.protocol, publication.port, publication.port};
    if (publication.port == kAnyPort) range = {publication.protocol, 1, UINT16_MAX};
    ranges.push_back(range);
  }
  return Merged(std::move(ranges));
}

}  // namespace

std::vector<PortRange> Merged(std::vector<PortRange> ranges) {
  std::sort(ranges.begin(), ranges.end());
  std::vector<PortRange> merged;
  for (const PortRange& range : ranges) {
    const bool touches =
        !merged.empty() && merged.back().protocol == range.protocol && range.first <= merged.back().last + 1;
    if (touches) {
      merged.back().last = std::max(merged.back().last, range.last);
    } else {
      merged.push_back(range);
    }
  }
  return merged;
}

bool IsSortedApart(const std::vector<PortRange>& ranges) { return Merged(ranges) == ranges; }

WallRules WallRulesOf(const ServicePolicy& policy) {
  WallRules rules{.ports = std::nullopt,
                  .egress = policy.egress,
                  .multicast = policy.multicast,
                  .raw = HasFamily(policy, AF_PACKET),
                  .ipv4 = HasFamily(policy, AF_INET),
                  .ipv6 = HasFamily(policy, AF_INET6),
                  .loopback = policy.loopback,
                  .host_loopback = Merged(policy.host_loopback),
                  .alone = !policy.walls.Allows(Wall::kNotify),
                  .connect = policy.connect,
                  .report_requested = policy.report_requested};
  if (policy.allow.has_value()) rules.ports = BindablePorts(policy);
  return rules;
}

}  // namespace forcebind
