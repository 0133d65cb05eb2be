// SPDX-License-Identifier: Apache-2.0
// The registry after a restart: from records and routes back to sessions, listeners and groups.
#include <set>
#include <string>

#include "absl/strings/str_split.h"
#include "supervisor/registry.h"
#include "supervisor/state_codec.h"

namespace forcebind {

absl::Status Registry::Restore(const std::function<bool(const ProcessId&)>& is_alive) {
  absl::Status loaded = routes_.Load();
  if (!loaded.ok()) return loaded;
  auto services = state_.Services();
  if (!services.ok()) return services.status();
  auto listeners = state_.Listeners();
  if (!listeners.ok()) return listeners.status();
  for (const auto& [id, record] : *services) {
    next_session_ = std::max(next_session_, id + 1);
    const bool restored = is_alive({record.companion_pid, record.companion_start}) && RestoreSession(id, record);
    if (!restored) Note(state_.RemoveService(id), "state");
  }
  std::set<GroupId> orphans;
  for (const auto& [cookie, record] : *listeners) {
    if (sessions_.contains(record.service)) {
      RestoreListener(cookie, record);
    } else {
      Note(state_.RemoveListener(cookie), "state");
      if (record.group != kNobody) orphans.insert(record.group);
    }
  }
  RestoreGroups();
  RestoreRemnants();
  absl::Status holes = UpdatePrivateAddresses();
  if (!holes.ok()) return holes;
  absl::Status settled = routes_.Settle();
  if (!settled.ok()) return settled;
  // No route leads there any more; their sockets may live on without their companion.
  for (GroupId orphan : orphans) {
    if (groups_.contains(orphan)) continue;
    const absl::Status removed = backend_.RemoveGroup(orphan);
    if (!absl::IsNotFound(removed)) Note(removed, "groups");  // the backend forgets by itself whose sockets are gone
  }
  Prune(nullptr);
  return absl::OkStatus();
}

bool Registry::RestoreSession(SessionId id, const ServiceRecord& record) {
  Session session{.name = TextOf(record.name),
                  .peer = {.uid = record.uid, .gid = record.gid, .groups = {}},
                  .companion = {record.companion_pid, record.companion_start},
                  .attached = false,
                  .service_pid = record.service_pid};
  const std::string walls = TextOf(record.walls);
  if (!walls.empty()) session.walls = absl::StrSplit(walls, ',');
  const AddressBook::Entry entry{.addresses = {.v4 = AddressOf(record.v4), .v6 = AddressOf(record.v6)},
                                 .uid = record.uid};
  if (!book_.Restore(session.name, entry)) return false;
  services_[session.name].sessions.insert(id);
  sessions_[id] = std::move(session);
  return true;
}

void Registry::RestoreListener(uint64_t cookie, const ListenerRecord& record) {
  const ListenerEntry entry{.session = record.service,
                            .protocol = static_cast<Protocol>(record.protocol),
                            .requested = EndpointOf(record.requested),
                            .bound = EndpointOf(record.bound),
                            .published = record.published != 0,
                            .dual_stack = record.dual_stack != 0,
                            .egress = record.egress != 0,
                            .group = record.group};
  LinkListener(cookie, entry);
  if (entry.group == kNobody) return;
  const GroupKey key{sessions_.at(entry.session).name, entry.protocol, entry.bound, entry.dual_stack};
  Group& group = groups_[entry.group];
  group.key = key;
  group.listeners.insert(cookie);
  group_ids_[key] = entry.group;
}

// What a group was published on is what leads to it now; the profile comes back with the companion.
void Registry::RestoreGroups() {
  const std::vector<Route> routes = routes_.Routes();
  for (const auto& [id, group] : groups_) {
    const Endpoint bound = std::get<Endpoint>(group.key);
    const bool dual_stack = std::get<bool>(group.key);
    PublishedGroup restored{.group = id,
                            .protocol = std::get<Protocol>(group.key),
                            .port = bound.port,
                            .serves_v4 = bound.address.is_v4(),
                            .serves_v6 = !bound.address.is_v4() || dual_stack};
    if (dual_stack) restored.reach = book_.entries().at(group.service()).addresses.v6;
    for (const Route& route : routes) {
      if (route.group != id || (restored.reach.has_value() && route.key.on == Prefix::Host(*restored.reach))) continue;
      restored.published = true;
      restored.stage = route.key.stage;
      restored.any_port = route.key.port == kAnyPort;
      restored.on.push_back(route.key.on);
      restored.guard = route.guard;
      restored.refuse_when_gone = route.refuse_when_gone;
    }
    routes_.Adopt(restored, /*remnant=*/false);
  }
}

// After a restart, routes alone say what is published, and no route leads to a listener that another one comes before.
// With the companion the profile is back, and every listener of the service is published again, the oldest first.
void Registry::Republish(SessionId id) {
  const Session& session = sessions_.at(id);
  std::map<GroupId, uint64_t> cookies;  // one socket speaks for its group
  for (uint64_t cookie : session.listeners) {
    const ListenerEntry& entry = listeners_.at(cookie);
    if (entry.published && entry.group != kNobody) cookies.emplace(entry.group, cookie);
  }
  for (const auto& [group, cookie] : cookies) {
    const ListenerEntry& entry = listeners_.at(cookie);
    const bool is_v4 = entry.bound.address.is_v4();
    const VerifiedListener listener{.protocol = entry.protocol,
                                    .bound = entry.bound,
                                    .serves_v4 = is_v4 || entry.dual_stack,
                                    .serves_v6 = !is_v4 || entry.dual_stack};
    const PublishedGroup wanted = Wanted(session, listener, true);
    Refusal refusal = Authorise(session, entry.protocol, entry.bound.port);
    if (refusal.error == 0) refusal = CheckFree(id, wanted);
    if (refusal.error == 0) refusal = Publish(cookie, wanted);
    if (refusal.error != 0) ++errors_["publish"];
  }
}

// Routes that refuse and lead to a group of nobody's: their service is gone, their refusal stands.
void Registry::RestoreRemnants() {
  std::map<GroupId, PublishedGroup> remnants;
  for (const Route& route : routes_.Routes()) {
    if (!route.refuse_when_gone || route.group == kNobody || groups_.contains(route.group)) continue;
    PublishedGroup& remnant = remnants[route.group];
    remnant = {.group = route.group,
               .protocol = route.key.protocol,
               .port = route.key.port,
               .serves_v4 = true,
               .serves_v6 = true,
               .published = true,
               .stage = route.key.stage,
               .any_port = route.key.port == kAnyPort,
               .on = remnant.on,
               .refuse_when_gone = true};
    remnant.on.push_back(route.key.on);
  }
  for (const auto& [id, remnant] : remnants) {
    // Nobody's name: no service may be called "", so that none takes the group for its own.
    const GroupKey key{"", remnant.protocol, {IpAddress(), static_cast<uint16_t>(remnant.port)}, false};
    groups_[id] = Group{.key = key, .listeners = {}};
    routes_.Adopt(remnant, /*remnant=*/true);
  }
}

}  // namespace forcebind
