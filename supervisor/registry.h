// SPDX-License-Identifier: Apache-2.0
// registry: which services run, which sockets are theirs, and what is published. Decides every Hello, Claim and
// Listener.
//
// THEORY OF OPERATION
//   A *session* is one companion's connection, and stands for one run of a service; a name may have several at once (a
//   restart that overlaps), all of the same owner and with the same addresses. Root takes a name from any other user,
//   whose sessions end then. A *listener* is a socket, known by its
//   cookie and owned by the session that showed it last. A *group* is the listeners on one private endpoint. The end of
//   a session is the end of its listeners; the last listener of a group takes the group's routes along, or leaves them
//   refusing. Every change is written to the StateStore. After a restart the sessions are there again, detached, until
//   their companions come back (Hello with `resumed`) or are seen to be gone.
//   Sockets close without a word: Prune(), and every claim in a dead listener's way, forgets the dead.
//
// TRUST    `Peer` and `SocketReport` are the kernel's word. All else is the companion's.
// LIMITS   Names and listeners per user, of which root is free; listeners per service.
// THREADS  Thread-compatible. Makes no system call but through Backend and StateStore.
// Tested by tests/unit/supervisor/registry_test.cc.
#ifndef FORCEBIND_SUPERVISOR_REGISTRY_H_
#define FORCEBIND_SUPERVISOR_REGISTRY_H_

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/grants.h"
#include "supervisor/address_book.h"
#include "supervisor/backend.h"
#include "supervisor/listener_check.h"
#include "supervisor/route_table.h"
#include "supervisor/state_store.h"
#include "wire/messages.h"

namespace forcebind {

// A process, by what does not change in its life.
struct ProcessId {
  int32_t pid = 0;
  uint64_t start_time = 0;  // clock ticks since boot; 0 = unknown
  friend bool operator==(const ProcessId&, const ProcessId&) = default;
};

class Registry {
 public:
  using SessionId = uint64_t;
  struct Options {
    Prefix pool;
    std::optional<Prefix> ula;
    uint32_t names_per_user = 256;
    uint32_t listeners_per_service = 1024;
    uint32_t listeners_per_user = 4096;
    std::vector<Grant> grants;
    uint64_t own_netns_cookie = 0;
  };

  // `backend`, `state` and `book` must outlive the registry.
  Registry(Options options, Backend& backend, StateStore& state, AddressBook& book);

  // Takes over what a supervisor before this one left. `is_alive` tells whether a companion still runs.
  absl::Status Restore(const std::function<bool(const ProcessId&)>& is_alive);
  // Sessions whose companions have not come back yet.
  std::vector<std::pair<SessionId, ProcessId>> Detached() const;

  struct Admission {
    Refusal refusal;
    SessionId session = 0;
    wire::Welcome welcome;
    // Sessions of another user that root has taken the name from: ended, and not to be named any more.
    std::vector<SessionId> ended;
  };
  Admission Admit(const Peer& peer, const ProcessId& companion, const wire::Hello& hello);
  Refusal Claim(SessionId session, const wire::Claim& claim);
  // `fd` is borrowed. When it returns without refusal, a published listener is live.
  Refusal AddListener(SessionId session, const wire::Listener& listener, const SocketReport& report, int fd);
  // For status alone, and nothing of it is believed before Prune() has found it in the kernel's list.
  Refusal AddOpened(SessionId session, const wire::OpenedSocket& opened);
  // Believed for what it is: it excuses sockets of the session's own service from the audit.
  void AddLetIn(SessionId session, const wire::LetIn& let_in);
  void Count(SessionId session, const wire::Counters& counters);
  const std::string& NameOf(SessionId session) const { return sessions_.at(session).name; }
  const PrivateAddresses& AddressesOf(SessionId session) const { return book_.entries().at(NameOf(session)).addresses; }
  // The supervisor has put a wall behind the service.
  void AddWall(SessionId session, const std::string& wall);
  // The session's companion was killed, and this one, which was in reserve, has its connection.
  void Succeed(SessionId session, const ProcessId& companion);
  // The connection has ended, or a detached session's companion is gone.
  void End(SessionId session);
  // As End(), unless the companion has come back.
  void EndDetached(SessionId session);

  // What the kernel lists: the listening TCP and bound UDP sockets of the network namespace, by cookie.
  struct Listed {
    Protocol protocol = Protocol::kTcp;
    Endpoint bound;  // never IPv4-mapped
    uint32_t uid = 0;
  };
  using Listening = absl::flat_hash_map<uint64_t, Listed>;
  // Forgets the listeners whose sockets are gone, or are not what was said. Where `listening` is null, only those are
  // looked at that the backend holds.
  void Prune(const Listening* listening);

  // For status_report and metrics.
  struct ListenerView {
    Protocol protocol = Protocol::kTcp;
    Endpoint requested;
    Endpoint bound;
    std::vector<Endpoint> reachable;  // private endpoints on which it answers
    std::vector<Prefix> on;           // public prefixes
    uint16_t public_port = 0;         // kAnyPort: every port
    Stage stage = Stage::kD;
    bool published = false;
    bool dual_stack = false;
    bool egress = false;
    int sockets = 1;
    GroupCounters counters;
  };
  struct ServiceView {
    std::string name;
    int32_t pid = 0;
    uint32_t uid = 0;
    bool attached = false;
    PrivateAddresses addresses;
    std::vector<std::string> walls;
    std::optional<bool> connect_limited;  // it has a `connect` list; absent: not known
    std::vector<ListenerView> listeners;
    GroupCounters counters;  // groups that are gone included
  };
  std::vector<ServiceView> Services() const;

  // For the auditor. Cookies of `sockets` and `egress` have been seen in the kernel's list.
  struct AuditedSession {
    std::string name;
    uint32_t uid = 0;
    ProcessId companion;
    int32_t service_pid = 0;
    std::set<uint64_t> sockets, egress, let_in;
  };
  std::vector<AuditedSession> AuditedSessions() const;
  std::vector<Route> Routes() const { return routes_.Routes(); }
  // The name of the service whose socket has this cookie; empty if none.
  std::string ServiceOfCookie(uint64_t cookie) const;
  std::string ServiceOfGroup(GroupId group) const;
  const wire::Counters& counters() const { return counters_; }
  // Failures that no peer was told of (a prune that the backend refused); by cause, for /metrics.
  const std::map<std::string, uint64_t>& errors() const { return errors_; }
  const Backend& backend() const { return backend_; }

 private:
  struct OpenedEntry {
    wire::OpenedSocket said;
    bool listed = false;  // the kernel has said so, too
  };
  struct Session {
    std::string name;
    Peer peer;
    ProcessId companion;
    bool attached = true;
    int32_t service_pid = 0;
    std::vector<Publication> publish;
    std::vector<std::string> walls;
    std::optional<bool> connect_limited;  // a detached session's is not known
    std::optional<PublishedGroup> claim;  // until its next word
    std::set<uint64_t> listeners;         // cookies
    // Sockets that it has only spoken of, by cookie.
    std::map<uint64_t, OpenedEntry> opened;
    std::set<uint64_t> let_in;  // cookies
  };
  struct Service {
    std::set<SessionId> sessions;
    size_t published = 0;    // listeners
    size_t unpublished = 0;  // likewise
    GroupCounters retired;   // of groups that are gone
  };
  struct ListenerEntry {
    SessionId session = 0;
    Protocol protocol = Protocol::kTcp;
    Endpoint requested;
    Endpoint bound;
    bool published = false;
    bool dual_stack = false;
    bool egress = false;
    GroupId group = kNobody;
  };
  // Service, protocol, private endpoint, dual-stack: sockets that differ in one cannot share packets.
  using GroupKey = std::tuple<std::string, Protocol, Endpoint, bool>;
  struct Group {
    GroupKey key;
    std::set<uint64_t> listeners;  // cookies; empty for a remnant
    const std::string& service() const { return std::get<0>(key); }
  };

  Refusal CheckStages(const std::vector<Publication>& publish) const;
  bool IsRunning(const std::string& name) const { return services_.contains(name); }
  std::vector<SessionId> EndOthers(const Peer& peer, const std::string& name);
  Refusal MakeRoomForName(const Peer& peer, const std::string& name);
  std::optional<SessionId> FindDetached(const Peer& peer, const ProcessId& companion, const std::string& name) const;
  Refusal Attach(SessionId id, Session session);
  void Republish(SessionId id);
  absl::Status UpdatePrivateAddresses();

  Refusal Authorise(const Session& session, Protocol protocol, uint16_t port) const;
  PublishedGroup Wanted(const Session& session, const VerifiedListener& listener, bool published) const;
  Refusal CheckFree(SessionId id, const PublishedGroup& wanted);

  Refusal Enter(SessionId id, const wire::Listener& said, const VerifiedListener& verified, int fd);
  Refusal JoinGroup(const GroupKey& key, uint64_t cookie, int fd, GroupId* group);
  Refusal Publish(uint64_t cookie, PublishedGroup wanted);
  Refusal CheckListenerLimit(const Session& session, bool published) const;
  size_t& CountOf(const ListenerEntry& entry);
  void LinkListener(uint64_t cookie, const ListenerEntry& entry);
  void UnlinkListener(uint64_t cookie);
  absl::Status SaveListener(uint64_t cookie, const ListenerEntry& entry);
  absl::Status SaveSession(SessionId id, const Session& session);
  void DropListener(uint64_t cookie);
  void LeaveGroup(uint64_t cookie, GroupId group);
  void DropStaleRemnants(const Session& session);
  void RetireGroup(GroupId id);
  void ForgetGroup(GroupId id);
  void RemoveOverriddenRemnants();
  void PruneGroup(GroupId id);
  void Note(const absl::Status& status, const char* cause);

  // False if its addresses are none that its user may have.
  bool RestoreSession(SessionId id, const ServiceRecord& record);
  void RestoreListener(uint64_t cookie, const ListenerRecord& record);
  void RestoreGroups();
  void RestoreRemnants();
  static ListenerEntry EntryOf(SessionId session, const wire::OpenedSocket& said);
  void AddView(const std::string& name, const ListenerEntry& entry, std::vector<ListenerView>* views) const;

  const Options options_;
  Backend& backend_;
  StateStore& state_;
  AddressBook& book_;
  RouteTable routes_;
  SessionId next_session_ = 1;
  std::map<SessionId, Session> sessions_;
  std::map<std::string, Service> services_;
  std::map<uint64_t, ListenerEntry> listeners_;
  std::map<GroupId, Group> groups_;
  std::map<GroupKey, GroupId> group_ids_;
  std::vector<IpAddress> holes_;  // private addresses outside the pools, as routes_ has them
  wire::Counters counters_;
  std::map<std::string, uint64_t> errors_;
};

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_REGISTRY_H_
