// SPDX-License-Identifier: Apache-2.0
#include "supervisor/route_table.h"

#include <algorithm>
#include <optional>

namespace forcebind {

absl::Status RouteTable::Load() {
  auto routes = backend_.Routes();
  if (!routes.ok()) return routes.status();
  for (const Route& route : *routes) applied_[{route.key.protocol, route.key.port}][route.key] = route;
  return absl::OkStatus();
}

absl::Status RouteTable::SetPrivateAddresses(std::vector<IpAddress> addresses) {
  ranges_.addresses = std::move(addresses);
  return Settle();
}

absl::Status RouteTable::Settle() {
  std::vector<Port> all;
  for (const auto& [port, routes] : applied_) all.push_back(port);
  for (const auto& [port, groups] : ports_) all.push_back(port);
  absl::Status first;
  for (const Port& port : all) {
    absl::Status applied = Apply(port);
    if (first.ok()) first = applied;
  }
  return first;
}

RouteMap RouteTable::Desired(const Port& port) const {
  std::vector<const PublishedGroup*> groups;
  auto found = ports_.find(port);
  if (found == ports_.end()) return {};
  for (bool remnant : {true, false}) {
    const size_t begin = groups.size();
    for (GroupId id : found->second) {
      const Member& member = members_.at(id);
      if (member.remnant == remnant) groups.push_back(&member.group);
    }
    // The last one has an equal route: on one port the youngest, on any port the oldest.
    if (port.second == kAnyPort) std::reverse(groups.begin() + begin, groups.end());
  }
  RouteMap routes = DesiredRoutes(groups, ranges_);
  // A group on any port is also asked on its own, where its ULA is led to it.
  std::erase_if(routes, [&](const auto& each) { return each.first.port != port.second; });
  return routes;
}

absl::Status RouteTable::Apply(const Port& port) {
  RouteMap& applied = applied_[port];
  const RouteMap desired = Desired(port);
  const RouteChanges changes = ChangesBetween(applied, desired);
  if (!changes.add.empty()) {
    // Recorded before it is tried, so that a failure half way through is undone or repeated.
    absl::Status added = backend_.AddRoutes(changes.add);
    for (const Route& route : changes.add) applied[route.key] = route;
    if (!added.ok()) return added;
  }
  if (!changes.remove.empty()) {
    absl::Status removed = backend_.RemoveRoutes(changes.remove);
    if (!removed.ok()) return removed;
    for (const RouteKey& key : changes.remove) applied.erase(key);
  }
  if (applied.empty()) applied_.erase(port);
  return absl::OkStatus();
}

void RouteTable::Store(GroupId id, const Member& member) {
  Erase(id);
  members_[id] = member;
  for (const Port& port : PortsOf(member.group)) ports_[port].push_back(id);
}

void RouteTable::Erase(GroupId id) {
  auto found = members_.find(id);
  if (found == members_.end()) return;
  for (const Port& port : PortsOf(found->second.group)) {
    std::erase(ports_[port], id);
    if (ports_[port].empty()) ports_.erase(port);
  }
  members_.erase(found);
}

std::set<RouteTable::Port> RouteTable::PortsOf(const PublishedGroup& group) {
  return {{group.protocol, group.port}, {group.protocol, group.public_port()}};
}

absl::Status RouteTable::ApplyAll(const std::set<Port>& ports) {
  absl::Status first;
  for (const Port& port : ports) {
    absl::Status applied = Apply(port);
    if (first.ok()) first = applied;
  }
  return first;
}

absl::Status RouteTable::ApplyOrRestore(GroupId id, const Member* before) {
  std::set<Port> ports = PortsOf(members_.at(id).group);
  if (before != nullptr) ports.merge(PortsOf(before->group));
  absl::Status applied = ApplyAll(ports);
  if (applied.ok()) return applied;
  Erase(id);
  if (before != nullptr) Store(id, *before);
  // The backend refused a route; taking back the others is all that can be done, and the first error is the one to
  // tell.
  ApplyAll(ports).IgnoreError();
  return applied;
}

bool RouteTable::StandsAlone(const PublishedGroup& group) const {
  if (group.published || !group.reach.has_value()) return false;
  // Outside the pools it would lie in a hole of its own.
  return std::any_of(ranges_.pools.begin(), ranges_.pools.end(),
                     [&](const Prefix& pool) { return pool.Contains(*group.reach); });
}

absl::Status RouteTable::AddAlone(const PublishedGroup& group) {
  const RouteKey key{group.protocol, group.port, Prefix::Host(*group.reach)};
  const Route route{.key = key, .group = group.group};
  absl::Status added = backend_.AddRoutes({route});
  if (!added.ok()) return added;
  Store(group.group, {.group = group, .remnant = false});
  applied_[{group.protocol, group.port}][key] = route;
  return added;
}

absl::Status RouteTable::RemoveAlone(const PublishedGroup& group) {
  const Port port{group.protocol, group.port};
  const RouteKey key{group.protocol, group.port, Prefix::Host(*group.reach)};
  absl::Status removed = backend_.RemoveRoutes({key});
  if (!removed.ok()) return removed;
  RouteMap& applied = applied_[port];
  applied.erase(key);
  if (applied.empty()) applied_.erase(port);
  return removed;
}

absl::Status RouteTable::Put(const PublishedGroup& group) {
  std::optional<Member> before;
  if (auto found = members_.find(group.group); found != members_.end()) before = found->second;
  if (before.has_value() && !before->remnant && before->group == group) return absl::OkStatus();
  if (!before.has_value() && StandsAlone(group)) return AddAlone(group);
  Store(group.group, {.group = group, .remnant = false});
  return ApplyOrRestore(group.group, before.has_value() ? &*before : nullptr);
}

void RouteTable::Adopt(const PublishedGroup& group, bool remnant) {
  Store(group.group, {.group = group, .remnant = remnant});
}

absl::Status RouteTable::Remove(GroupId group) {
  auto found = members_.find(group);
  if (found == members_.end()) return absl::OkStatus();
  const Member member = found->second;
  Erase(group);
  if (!member.remnant && StandsAlone(member.group)) return RemoveAlone(member.group);
  return ApplyAll(PortsOf(member.group));
}

absl::Status RouteTable::TurnIntoRemnant(GroupId group) {
  Member member = members_.at(group);
  member.remnant = true;
  member.group.reach.reset();
  // Nobody lives there: the port is refused to clients, but not kept from anybody's bind.
  member.group.guard = false;
  Store(group, member);
  return ApplyAll(PortsOf(member.group));
}

bool RouteTable::Conflict(const PublishedGroup& a, const PublishedGroup& b) const {
  if (a.protocol != b.protocol || a.public_port() != b.public_port() || a.stage != b.stage) return false;
  if (!a.published || !b.published) return false;
  const std::vector<Prefix> wanted = PublicPrefixes(a, ranges_);
  const std::vector<Prefix> held = PublicPrefixes(b, ranges_);
  return std::any_of(held.begin(), held.end(), [&](const Prefix& prefix) {
    return std::find(wanted.begin(), wanted.end(), prefix) != wanted.end();
  });
}

std::vector<GroupId> RouteTable::FindConflicts(const PublishedGroup& group) const {
  std::vector<GroupId> conflicts;
  auto found = ports_.find({group.protocol, group.public_port()});
  if (found == ports_.end()) return conflicts;
  for (GroupId id : found->second) {
    const Member& member = members_.at(id);
    if (!member.remnant && id != group.group && Conflict(group, member.group)) conflicts.push_back(id);
  }
  return conflicts;
}

std::vector<Prefix> RouteTable::PublicPrefixesOf(GroupId group) const {
  auto found = members_.find(group);
  if (found == members_.end()) return {};
  const PublishedGroup& wanted = found->second.group;
  auto applied = applied_.find({wanted.protocol, wanted.public_port()});
  std::vector<Prefix> prefixes = PublicPrefixes(wanted, ranges_);
  std::erase_if(prefixes, [&](const Prefix& prefix) {
    if (applied == applied_.end()) return true;
    auto route = applied->second.find({wanted.protocol, wanted.public_port(), prefix, wanted.stage});
    return route == applied->second.end() || route->second.group != group;
  });
  return prefixes;
}

bool RouteTable::IsRemnant(GroupId group) const {
  auto found = members_.find(group);
  return found != members_.end() && found->second.remnant;
}

const PublishedGroup* RouteTable::Find(GroupId group) const {
  auto found = members_.find(group);
  return found == members_.end() ? nullptr : &found->second.group;
}

std::vector<GroupId> RouteTable::TakeOverriddenRemnants() {
  std::vector<GroupId> gone;
  for (const auto& [id, member] : members_) {
    if (!member.remnant) continue;
    bool routed = false;
    auto applied = applied_.find({member.group.protocol, member.group.public_port()});
    if (applied != applied_.end()) {
      for (const auto& [key, route] : applied->second) routed = routed || route.group == id;
    }
    if (!routed) gone.push_back(id);
  }
  for (GroupId id : gone) Erase(id);
  return gone;
}

std::vector<Route> RouteTable::Routes() const {
  std::vector<Route> routes;
  for (const auto& [port, applied] : applied_) {
    for (const auto& [key, route] : applied) routes.push_back(route);
  }
  return routes;
}

}  // namespace forcebind
