// SPDX-License-Identifier: Apache-2.0
// route_table: keeps a backend's routes as core/published_table says they should be.
//
// THEORY OF OPERATION
//   Put() and Remove() state what a group is to answer on; the table works out the routes of that protocol and port and
//   gives the backend the differences. A *remnant* is a group whose sockets are gone and whose profile asked for
//   refusal: its routes stay, refusing, and give way to any living group with an equal key. A failure leaves the table
//   as it was before; what the backend could not take back is tried again with the next change.
//
// THREADS  Thread-compatible.
// Tested by tests/unit/supervisor/route_table_test.cc.
#ifndef FORCEBIND_SUPERVISOR_ROUTE_TABLE_H_
#define FORCEBIND_SUPERVISOR_ROUTE_TABLE_H_

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "core/published_table.h"
#include "supervisor/backend.h"

namespace forcebind {

class RouteTable {
 public:
  // `backend` must outlive the table.
  RouteTable(Backend& backend, PrivateRanges ranges) : backend_(backend), ranges_(std::move(ranges)) {}

  // Reads what is in force. To be called first.
  absl::Status Load();
  // Where published ports never answer; applied to every route.
  absl::Status SetPrivateAddresses(std::vector<IpAddress> addresses);

  // Live when it returns OK. An equal group number replaces.
  absl::Status Put(const PublishedGroup& group);
  absl::Status Remove(GroupId group);
  // REQUIRES: Put() before.
  absl::Status TurnIntoRemnant(GroupId group);
  // Makes the backend agree with the table for every port: to be called once after the groups of an earlier supervisor
  // have been Put() back, each with Adopt().
  absl::Status Settle();
  // As Put(), but touches no route yet.
  void Adopt(const PublishedGroup& group, bool remnant);

  // The living groups that have a route that `group` would need; `group` itself, holes and ways to a ULA do not count.
  std::vector<GroupId> FindConflicts(const PublishedGroup& group) const;
  // True if the two, as published, would need an equal route.
  bool Conflict(const PublishedGroup& a, const PublishedGroup& b) const;
  // The prefixes on which the group answers now.
  std::vector<Prefix> PublicPrefixesOf(GroupId group) const;
  bool IsRemnant(GroupId group) const;
  // Null if it has none. Valid until the next change.
  const PublishedGroup* Find(GroupId group) const;
  // Remnants without a single route left: their groups can be removed from the backend.
  std::vector<GroupId> TakeOverriddenRemnants();
  // Every route in force.
  std::vector<Route> Routes() const;

 private:
  using Port = std::pair<Protocol, uint16_t>;
  struct Member {
    PublishedGroup group;
    bool remnant = false;
  };

  // True for a group whose one route, to its ULA, depends on no other group: put and removed without a look at the
  // port's thousands.
  bool StandsAlone(const PublishedGroup& group) const;
  absl::Status AddAlone(const PublishedGroup& group);
  absl::Status RemoveAlone(const PublishedGroup& group);
  // A group on any port has two: its own one as well.
  static std::set<Port> PortsOf(const PublishedGroup& group);
  absl::Status Apply(const Port& port);
  absl::Status ApplyAll(const std::set<Port>& ports);
  absl::Status ApplyOrRestore(GroupId id, const Member* before);
  RouteMap Desired(const Port& port) const;
  void Store(GroupId id, const Member& member);
  void Erase(GroupId id);

  Backend& backend_;
  PrivateRanges ranges_;
  std::map<GroupId, Member> members_;
  std::map<Port, std::vector<GroupId>> ports_;  // oldest first
  std::map<Port, RouteMap> applied_;
};

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_ROUTE_TABLE_H_
