// SPDX-License-Identifier: Apache-2.0
#include "core/published_table.h"

#include <algorithm>

namespace forcebind {
namespace {

bool Covers(const Prefix& outer, const Prefix& inner) {
  return outer.length <= inner.length && outer.Contains(inner.base);
}

// The pools, and the addresses that no pool covers.
std::vector<Prefix> PrivatePrefixes(const PrivateRanges& ranges) {
  std::vector<Prefix> prefixes = ranges.pools;
  for (const IpAddress& address : ranges.addresses) {
    const Prefix host = Prefix::Host(address);
    const bool covered =
        std::any_of(ranges.pools.begin(), ranges.pools.end(), [&](const Prefix& pool) { return Covers(pool, host); });
    if (!covered) prefixes.push_back(host);
  }
  return prefixes;
}

std::vector<Prefix> RequestedPrefixes(const PublishedGroup& group) {
  if (!group.published) return {};
  if (group.on.empty()) return {Prefix::All(Family::kIpv4), Prefix::All(Family::kIpv6)};
  return group.on;
}

std::vector<Prefix> PublicOf(const PublishedGroup& group, const std::vector<Prefix>& holes) {
  std::vector<Prefix> result;
  for (const Prefix& prefix : RequestedPrefixes(group)) {
    const bool served = prefix.base.is_v4() ? group.serves_v4 : group.serves_v6;
    const bool is_private =
        std::any_of(holes.begin(), holes.end(), [&](const Prefix& hole) { return Covers(hole, prefix); });
    if (served && !is_private) result.push_back(prefix);
  }
  return result;
}

void AddHoles(const RouteKey& key, const std::vector<Prefix>& holes, RouteMap* routes) {
  for (const Prefix& hole : holes) {
    if (!Covers(key.on, hole)) continue;
    RouteKey hole_key = key;
    hole_key.on = hole;
    (*routes)[hole_key] = Route{.key = hole_key, .group = kNobody};
  }
}

}  // namespace

std::vector<Prefix> PublicPrefixes(const PublishedGroup& group, const PrivateRanges& ranges) {
  return PublicOf(group, PrivatePrefixes(ranges));
}

RouteMap DesiredRoutes(absl::Span<const PublishedGroup* const> groups, const PrivateRanges& ranges) {
  const std::vector<Prefix> holes = PrivatePrefixes(ranges);
  RouteMap routes;
  for (const PublishedGroup* group : groups) {
    for (const Prefix& prefix : PublicOf(*group, holes)) {
      const RouteKey key{group->protocol, group->public_port(), prefix, group->stage};
      routes[key] = Route{key, group->group, group->guard, group->refuse_when_gone};
      AddHoles(key, holes, &routes);
    }
  }
  // After the holes: a service's own address is a hole for the others, not for its own socket.
  for (const PublishedGroup* group : groups) {
    if (!group->reach.has_value()) continue;
    const RouteKey key{group->protocol, group->port, Prefix::Host(*group->reach)};
    routes[key] = Route{.key = key, .group = group->group};
  }
  return routes;
}

RouteChanges ChangesBetween(const RouteMap& current, const RouteMap& desired) {
  RouteChanges changes;
  for (const auto& [key, route] : desired) {
    auto found = current.find(key);
    if (found == current.end() || !(found->second == route)) changes.add.push_back(route);
  }
  for (const auto& [key, route] : current) {
    if (!desired.contains(key)) changes.remove.push_back(key);
  }
  std::stable_sort(changes.add.begin(), changes.add.end(),
                   [](const Route& a, const Route& b) { return a.key.on.length > b.key.on.length; });
  std::stable_sort(changes.remove.begin(), changes.remove.end(),
                   [](const RouteKey& a, const RouteKey& b) { return a.on.length < b.on.length; });
  return changes;
}

}  // namespace forcebind
