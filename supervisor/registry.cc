// SPDX-License-Identifier: Apache-2.0
#include "supervisor/registry.h"

#include <errno.h>

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "supervisor/state_codec.h"

namespace forcebind {
namespace {

PrivateRanges RangesOf(const Registry::Options& options) {
  PrivateRanges ranges{.pools = {options.pool}, .addresses = {}};
  if (options.ula.has_value()) ranges.pools.push_back(*options.ula);
  return ranges;
}

// What a peer is told when the backend or the state fails it: it cannot mend that, and bind(2) and listen(2) know
// ENOBUFS.
Refusal Failure(const absl::Status& status) { return {ENOBUFS, std::string(status.message())}; }

void AddInto(const std::vector<uint64_t>& more, std::vector<uint64_t>* sum) {
  if (sum->size() < more.size()) sum->resize(more.size());
  for (size_t i = 0; i < more.size(); ++i) (*sum)[i] += more[i];
}

}  // namespace

Registry::Registry(Options options, Backend& backend, StateStore& state, AddressBook& book)
    : options_(std::move(options)),
      backend_(backend),
      state_(state),
      book_(book),
      routes_(backend, RangesOf(options_)) {}

void Registry::Note(const absl::Status& status, const char* cause) {
  if (!status.ok()) ++errors_[cause];
}

// ---- sessions

Registry::Admission Registry::Admit(const Peer& peer, const ProcessId& companion, const wire::Hello& hello) {
  Admission admission;
  admission.refusal = CheckStages(hello.publish);
  if (admission.refusal.error != 0) return admission;
  admission.refusal = MakeRoomForName(peer, hello.name);
  if (admission.refusal.error != 0) return admission;
  PrivateAddresses addresses;
  admission.refusal = book_.Assign(
      hello.name, peer.uid, hello.addresses, [this](const std::string& name) { return IsRunning(name); }, &addresses);
  if (admission.refusal.error != 0) return admission;
  admission.ended = EndOthers(peer, hello.name);
  const auto detached = hello.resumed ? FindDetached(peer, companion, hello.name) : std::nullopt;
  Session session{.name = hello.name,
                  .peer = peer,
                  .companion = companion,
                  .service_pid = hello.pid,
                  .publish = hello.publish,
                  .walls = hello.walls,
                  .connect_limited = hello.connect_limited};
  if (detached.has_value()) session.listeners = sessions_.at(*detached).listeners;
  admission.session = detached.value_or(next_session_);
  if (!detached.has_value()) ++next_session_;
  admission.refusal = Attach(admission.session, std::move(session));
  admission.welcome = {.addresses = addresses, .backend = backend_.name()};
  return admission;
}

// Earliest: a service that starts must get all that it publishes.
Refusal Registry::CheckStages(const std::vector<Publication>& publish) const {
  const bool uses_f = std::any_of(publish.begin(), publish.end(),
                                  [](const Publication& publication) { return publication.stage == Stage::kF; });
  if (!uses_f) return {};
  const absl::Status status = backend_.CheckStageF();
  return status.ok() ? Refusal{} : Refusal{EOPNOTSUPP, std::string(status.message())};
}

// The name is `peer`'s now.
std::vector<Registry::SessionId> Registry::EndOthers(const Peer& peer, const std::string& name) {
  std::vector<SessionId> others;
  for (const auto& [id, session] : sessions_) {
    if (session.name == name && session.peer.uid != peer.uid) others.push_back(id);
  }
  for (SessionId id : others) End(id);
  return others;
}

Refusal Registry::MakeRoomForName(const Peer& peer, const std::string& name) {
  if (peer.uid == 0 || book_.entries().contains(name)) return {};
  if (book_.CountOf(peer.uid) < options_.names_per_user) return {};
  for (const auto& [other, entry] : book_.entries()) {
    if (entry.uid != peer.uid || IsRunning(other)) continue;
    book_.Forget(std::string(other));
    return {};
  }
  return {EMFILE, absl::StrCat("user ", peer.uid, " runs ", options_.names_per_user,
                               " services already (names-per-user in the supervisor's configuration)")};
}

std::optional<Registry::SessionId> Registry::FindDetached(const Peer& peer, const ProcessId& companion,
                                                          const std::string& name) const {
  for (const auto& [id, session] : sessions_) {
    if (!session.attached && session.name == name && session.companion == companion && session.peer.uid == peer.uid) {
      return id;
    }
  }
  return std::nullopt;
}

Refusal Registry::Attach(SessionId id, Session session) {
  absl::Status status = UpdatePrivateAddresses();
  if (status.ok()) status = SaveSession(id, session);
  if (!status.ok()) return Failure(status);
  DropStaleRemnants(session);
  services_[session.name].sessions.insert(id);
  sessions_[id] = std::move(session);
  Republish(id);
  return {};
}

absl::Status Registry::UpdatePrivateAddresses() {
  std::vector<IpAddress> outside;
  for (const IpAddress& address : book_.Addresses()) {
    const bool pooled =
        options_.pool.Contains(address) || (options_.ula.has_value() && options_.ula->Contains(address));
    if (!pooled) outside.push_back(address);
  }
  if (outside == holes_) return absl::OkStatus();
  absl::Status applied = routes_.SetPrivateAddresses(outside);
  if (applied.ok()) holes_ = std::move(outside);
  return applied;
}

// A service that comes back and no longer wants a port refused while it is away has its word.
void Registry::DropStaleRemnants(const Session& session) {
  std::vector<GroupId> stale;
  for (const auto& [id, group] : groups_) {
    if (group.service() != session.name || !routes_.IsRemnant(id)) continue;
    const PublishedGroup& remnant = *routes_.Find(id);
    const bool wanted =
        std::any_of(session.publish.begin(), session.publish.end(), [&](const Publication& publication) {
          return publication.protocol == remnant.protocol && publication.port == remnant.public_port() &&
                 publication.stage == remnant.stage && publication.when_gone == WhenGone::kRefuse;
        });
    if (!wanted) stale.push_back(id);
  }
  for (GroupId id : stale) ForgetGroup(id);
}

void Registry::AddWall(SessionId id, const std::string& wall) {
  Session& session = sessions_.at(id);
  session.walls.push_back(wall);
  Note(SaveSession(id, session), "state");
}

void Registry::Succeed(SessionId id, const ProcessId& companion) {
  Session& session = sessions_.at(id);
  session.companion = companion;
  session.claim.reset();
  Note(SaveSession(id, session), "state");
}

absl::Status Registry::SaveSession(SessionId id, const Session& session) {
  ServiceRecord record;
  CopyText(session.name, record.name);
  CopyText(absl::StrJoin(session.walls, ","), record.walls);
  record.companion_pid = session.companion.pid;
  record.companion_start = session.companion.start_time;
  record.service_pid = session.service_pid;
  record.uid = session.peer.uid;
  record.gid = session.peer.gid;
  const PrivateAddresses& addresses = book_.entries().at(session.name).addresses;
  record.v4 = ToRecord(addresses.v4);
  record.v6 = ToRecord(addresses.v6);
  return state_.PutService(id, record);
}

void Registry::End(SessionId id) {
  auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  const std::set<uint64_t> listeners = found->second.listeners;
  for (uint64_t cookie : listeners) DropListener(cookie);
  Service& service = services_[found->second.name];
  service.sessions.erase(id);
  if (service.sessions.empty()) services_.erase(found->second.name);
  sessions_.erase(found);
  Note(state_.RemoveService(id), "state");
}

void Registry::EndDetached(SessionId id) {
  auto found = sessions_.find(id);
  if (found != sessions_.end() && !found->second.attached) End(id);
}

void Registry::Count(SessionId id, const wire::Counters& counters) {
  sessions_.at(id).claim.reset();
  AddInto(counters.verdicts, &counters_.verdicts);
  AddInto(counters.latency_us_log2, &counters_.latency_us_log2);
}

// ---- claims

Refusal Registry::Authorise(const Session& session, Protocol protocol, uint16_t port) const {
  const std::string what = absl::StrCat(ToString(protocol), "/", port);
  const Publication* publication = FindPublication(session.publish, protocol, port);
  if (publication == nullptr)
    return {EACCES, absl::StrCat(what, " is not among the ports \"", session.name, "\" publishes")};
  if (session.peer.uid == 0 || MayPublish(options_.grants, session.peer, session.name, *publication)) return {};
  return {EACCES, absl::StrCat("user ", session.peer.uid, " may not publish ", PortText(*publication), " as \"",
                               session.name, "\": no [[grant]] in the supervisor's configuration covers it")};
}

PublishedGroup Registry::Wanted(const Session& session, const VerifiedListener& listener, bool published) const {
  PublishedGroup wanted{.protocol = listener.protocol,
                        .port = listener.bound.port,
                        .serves_v4 = listener.serves_v4,
                        .serves_v6 = listener.serves_v6};
  if (listener.dual_stack()) wanted.reach = book_.entries().at(session.name).addresses.v6;
  const Publication* publication =
      published ? FindPublication(session.publish, listener.protocol, listener.bound.port) : nullptr;
  if (publication == nullptr) return wanted;
  wanted.published = true;
  wanted.stage = publication->stage;
  wanted.any_port = publication->port == kAnyPort;
  wanted.on = publication->on;
  wanted.guard = publication->guard;
  wanted.refuse_when_gone = publication->when_gone == WhenGone::kRefuse;
  return wanted;
}

Refusal Registry::CheckFree(SessionId id, const PublishedGroup& wanted) {
  const std::string& name = sessions_.at(id).name;
  const auto taken = [&](const std::string& by) {
    return Refusal{EADDRINUSE,
                   absl::StrCat(ToString(wanted.protocol), "/", wanted.any_port ? "*" : absl::StrCat(wanted.port),
                                " is published by \"", by, "\"")};
  };
  for (GroupId group : routes_.FindConflicts(wanted)) {
    const std::string other = ServiceOfGroup(group);
    if (other == name) continue;
    PruneGroup(group);
    if (groups_.contains(group) && !groups_.at(group).listeners.empty()) return taken(other);
  }
  for (const auto& [other_id, other] : sessions_) {
    if (other.name == name) continue;
    if (other.claim.has_value() && routes_.Conflict(wanted, *other.claim)) return taken(other.name);
  }
  return {};
}

Refusal Registry::Claim(SessionId id, const wire::Claim& claim) {
  Session& session = sessions_.at(id);
  session.claim.reset();
  if (!book_.entries().at(session.name).addresses.Contains(claim.target.address)) {
    return {EACCES, absl::StrCat(claim.target.ToString(), " is not a private address of \"", session.name, "\"")};
  }
  Refusal refusal = Authorise(session, claim.protocol, claim.target.port);
  if (refusal.error != 0) return refusal;
  const Endpoint target{claim.target.address.Unmapped(), claim.target.port};
  const VerifiedListener planned{.protocol = claim.protocol,
                                 .bound = target,
                                 .serves_v4 = target.address.is_v4(),
                                 .serves_v6 = !target.address.is_v4() || claim.dual_stack};
  const PublishedGroup wanted = Wanted(session, planned, true);
  refusal = CheckFree(id, wanted);
  if (refusal.error == 0) session.claim = wanted;
  return refusal;
}

// ---- listeners

Refusal Registry::AddListener(SessionId id, const wire::Listener& said, const SocketReport& report, int fd) {
  Session& session = sessions_.at(id);
  session.claim.reset();
  VerifiedListener verified;
  Refusal refusal =
      VerifyListener(said, report, book_.entries().at(session.name).addresses, options_.own_netns_cookie, &verified);
  if (refusal.error != 0) return refusal;
  if (said.published) {
    refusal = Authorise(session, said.protocol, verified.bound.port);
    if (refusal.error == 0) refusal = CheckFree(id, Wanted(session, verified, true));
    if (refusal.error != 0) return refusal;
  }
  return Enter(id, said, verified, fd);
}

Refusal Registry::Enter(SessionId id, const wire::Listener& said, const VerifiedListener& verified, int fd) {
  const Session& session = sessions_.at(id);
  ListenerEntry entry{.session = id,
                      .protocol = said.protocol,
                      .requested = said.requested,
                      .bound = verified.bound,
                      .published = said.published,
                      .dual_stack = verified.dual_stack()};
  const PublishedGroup wanted = Wanted(session, verified, said.published);
  const bool grouped = verified.mappable && (wanted.published || wanted.reach.has_value());
  GroupId known_group = kNobody;
  auto known = listeners_.find(verified.cookie);
  if (known == listeners_.end()) {
    Refusal refusal = CheckListenerLimit(session, said.published);
    if (refusal.error != 0) return refusal;
  } else if (!(known->second.bound == entry.bound)) {
    DropListener(verified.cookie);
  } else {
    // Shown again, perhaps by another session of the service: it stays where it is, and changes hands.
    entry.group = known_group = known->second.group;
    UnlinkListener(verified.cookie);
  }
  if (grouped) {
    Refusal refusal =
        JoinGroup({session.name, entry.protocol, entry.bound, entry.dual_stack}, verified.cookie, fd, &entry.group);
    if (refusal.error != 0) {
      if (known_group != kNobody) LeaveGroup(verified.cookie, known_group);
      Note(state_.RemoveListener(verified.cookie), "state");
      return refusal;
    }
  }
  LinkListener(verified.cookie, entry);
  const absl::Status saved = SaveListener(verified.cookie, entry);
  Refusal refusal = !saved.ok() ? Failure(saved) : grouped ? Publish(verified.cookie, wanted) : Refusal{};
  if (refusal.error != 0) DropListener(verified.cookie);
  return refusal;
}

Refusal Registry::AddOpened(SessionId id, const wire::OpenedSocket& opened) {
  Session& session = sessions_.at(id);
  session.claim.reset();
  Refusal refusal = CheckOpened(opened, book_.entries().at(session.name).addresses);
  if (refusal.error == 0) refusal = CheckListenerLimit(session, false);
  if (refusal.error == 0) session.opened[opened.cookie] = {.said = opened, .listed = false};
  return refusal;
}

void Registry::AddLetIn(SessionId id, const wire::LetIn& let_in) {
  sessions_.at(id).let_in = {let_in.cookies.begin(), let_in.cookies.end()};
}

Refusal Registry::CheckListenerLimit(const Session& session, bool published) const {
  const Service& service = services_.at(session.name);
  size_t of_service = published ? service.published : service.unpublished, of_user = 0;
  for (SessionId id : service.sessions) of_service += published ? 0 : sessions_.at(id).opened.size();
  if (of_service >= options_.listeners_per_service) {
    return {ENOBUFS, absl::StrCat("\"", session.name, "\" has ", options_.listeners_per_service,
                                  " listeners already (listeners-per-service in the supervisor's configuration)")};
  }
  if (session.peer.uid == 0) return {};
  for (const auto& [id, other] : sessions_) {
    if (other.peer.uid == session.peer.uid) of_user += other.listeners.size() + other.opened.size();
  }
  if (of_user < options_.listeners_per_user) return {};
  return {ENOBUFS, absl::StrCat("user ", session.peer.uid, " has ", options_.listeners_per_user,
                                " listeners already (listeners-per-user in the supervisor's configuration)")};
}

// Leaves an empty group behind if it fails, which RetireGroup() clears away.
Refusal Registry::JoinGroup(const GroupKey& key, uint64_t cookie, int fd, GroupId* id) {
  auto known = group_ids_.find(key);
  if (known == group_ids_.end()) {
    auto made = backend_.NewGroup();
    if (!made.ok()) return Failure(made.status());
    groups_[*made] = Group{.key = key, .listeners = {}};
    known = group_ids_.emplace(key, *made).first;
  }
  *id = known->second;
  const absl::Status added = backend_.AddSocket(*id, fd);
  if (added.ok()) {
    groups_.at(*id).listeners.insert(cookie);
    return {};
  }
  if (groups_.at(*id).listeners.empty() && !routes_.IsRemnant(*id)) ForgetGroup(*id);
  return Failure(added);
}

Refusal Registry::Publish(uint64_t cookie, PublishedGroup wanted) {
  wanted.group = listeners_.at(cookie).group;
  const PublishedGroup* current = routes_.Find(wanted.group);
  const bool stays = current != nullptr && current->published && !routes_.IsRemnant(wanted.group);
  if (stays && !wanted.published) return {};
  const absl::Status live = routes_.Put(wanted);
  RemoveOverriddenRemnants();
  return live.ok() ? Refusal{} : Failure(live);
}

size_t& Registry::CountOf(const ListenerEntry& entry) {
  Service& service = services_[sessions_.at(entry.session).name];
  return entry.published ? service.published : service.unpublished;
}

void Registry::LinkListener(uint64_t cookie, const ListenerEntry& entry) {
  listeners_[cookie] = entry;
  sessions_.at(entry.session).listeners.insert(cookie);
  ++CountOf(entry);
}

void Registry::UnlinkListener(uint64_t cookie) {
  const ListenerEntry& entry = listeners_.at(cookie);
  --CountOf(entry);
  sessions_.at(entry.session).listeners.erase(cookie);
  listeners_.erase(cookie);
}

absl::Status Registry::SaveListener(uint64_t cookie, const ListenerEntry& entry) {
  ListenerRecord record;
  record.service = entry.session;
  record.requested = ToRecord(entry.requested);
  record.bound = ToRecord(entry.bound);
  record.group = entry.group;
  record.protocol = static_cast<uint8_t>(entry.protocol);
  record.published = entry.published;
  record.dual_stack = entry.dual_stack;
  record.egress = entry.egress;
  return state_.PutListener(cookie, record);
}

void Registry::DropListener(uint64_t cookie) {
  auto found = listeners_.find(cookie);
  if (found == listeners_.end()) return;
  const GroupId group = found->second.group;
  UnlinkListener(cookie);
  Note(state_.RemoveListener(cookie), "state");
  if (group != kNobody) LeaveGroup(cookie, group);
}

void Registry::LeaveGroup(uint64_t cookie, GroupId id) {
  Group& group = groups_.at(id);
  group.listeners.erase(cookie);
  if (group.listeners.empty()) return RetireGroup(id);
  const bool published = std::any_of(group.listeners.begin(), group.listeners.end(),
                                     [this](uint64_t other) { return listeners_.at(other).published; });
  const PublishedGroup* current = routes_.Find(id);
  if (published || current == nullptr || !current->published) return;
  PublishedGroup unpublished = *current;
  unpublished.published = false;
  Note(routes_.Put(unpublished), "routes");
}

void Registry::RetireGroup(GroupId id) {
  const PublishedGroup* current = routes_.Find(id);
  if (current != nullptr && current->published && current->refuse_when_gone) {
    Note(routes_.TurnIntoRemnant(id), "routes");
  } else {
    ForgetGroup(id);
  }
}

void Registry::ForgetGroup(GroupId id) {
  auto service = services_.find(ServiceOfGroup(id));
  if (auto count = backend_.Count(id); count.ok() && service != services_.end()) {
    service->second.retired.dispatched += count->dispatched;
    service->second.retired.fell_through += count->fell_through;
  }
  const absl::Status removed = routes_.Remove(id);
  Note(removed, "routes");
  // A group that a route may still lead to must keep its number.
  if (removed.ok()) Note(backend_.RemoveGroup(id), "groups");
  group_ids_.erase(groups_.at(id).key);
  groups_.erase(id);
}

void Registry::RemoveOverriddenRemnants() {
  for (GroupId id : routes_.TakeOverriddenRemnants()) ForgetGroup(id);
}

// ---- the dead

void Registry::PruneGroup(GroupId id) {
  auto found = groups_.find(id);
  if (found == groups_.end()) return;
  auto live = backend_.LiveSockets(id);
  Note(live.status(), "live-sockets");
  if (!live.ok()) return;
  const absl::flat_hash_set<uint64_t> cookies(live->begin(), live->end());
  const std::set<uint64_t> listeners = found->second.listeners;
  for (uint64_t cookie : listeners) {
    if (!cookies.contains(cookie)) DropListener(cookie);
  }
}

void Registry::Prune(const Listening* listening) {
  std::vector<GroupId> groups;
  for (const auto& [id, group] : groups_) groups.push_back(id);
  for (GroupId id : groups) PruneGroup(id);
  if (listening == nullptr) return;
  const auto is_listed = [&](uint64_t cookie, Protocol protocol, const Endpoint& bound, const Peer& peer) {
    auto listed = listening->find(cookie);
    return listed != listening->end() && listed->second.protocol == protocol && listed->second.bound == bound &&
           (peer.uid == 0 || peer.uid == listed->second.uid);
  };
  std::vector<uint64_t> gone;
  for (const auto& [cookie, entry] : listeners_) {
    if (entry.group != kNobody) continue;
    if (!is_listed(cookie, entry.protocol, entry.bound, sessions_.at(entry.session).peer)) gone.push_back(cookie);
  }
  for (uint64_t cookie : gone) DropListener(cookie);
  for (auto& [id, session] : sessions_) {
    for (auto& [cookie, entry] : session.opened) {
      const Endpoint bound{entry.said.bound.address.Unmapped(), entry.said.bound.port};
      entry.listed = is_listed(cookie, entry.said.protocol, bound, session.peer);
    }
    std::erase_if(session.opened, [](const auto& each) { return !each.second.listed; });
  }
}

}  // namespace forcebind
