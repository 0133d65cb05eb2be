// SPDX-License-Identifier: Apache-2.0
// fake_backend: a backend in memory. A "socket" is a descriptor number that stands for its own cookie, unless
// `cookie_of` says otherwise; Kill() closes it, Fail() makes the next call of a kind fail. It is as strict as the
// header of backend.h allows.
#ifndef FORCEBIND_TESTS_FAKES_FAKE_BACKEND_H_
#define FORCEBIND_TESTS_FAKES_FAKE_BACKEND_H_

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/published_table.h"
#include "supervisor/backend.h"

namespace forcebind {

class FakeBackend : public Backend {
 public:
  std::string name() const override { return "fake"; }
  absl::Status CheckStageF() const override { return stage_f; }

  absl::Status AddRoutes(absl::Span<const Route> added) override {
    if (Fails("AddRoutes")) return absl::ResourceExhaustedError("the fake's routes are full");
    for (const Route& route : added) {
      if (route.group != kNobody && !groups.contains(route.group)) return absl::InvalidArgumentError("no such group");
      routes[route.key] = route;
    }
    return absl::OkStatus();
  }
  absl::Status RemoveRoutes(absl::Span<const RouteKey> keys) override {
    if (Fails("RemoveRoutes")) return absl::InternalError("the fake removes no route");
    for (const RouteKey& key : keys) routes.erase(key);
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<Route>> Routes() override {
    std::vector<Route> all;
    for (const auto& [key, route] : routes) all.push_back(route);
    return all;
  }
  absl::StatusOr<GroupId> NewGroup() override {
    if (Fails("NewGroup")) return absl::ResourceExhaustedError("the fake's groups are full");
    GroupId id = 0;
    while (groups.contains(id)) ++id;
    groups[id];
    return id;
  }
  absl::Status AddSocket(GroupId group, int fd) override {
    if (Fails("AddSocket")) return absl::ResourceExhaustedError("the fake's sockets are full");
    if (!groups.contains(group)) return absl::NotFoundError("no such group");
    groups[group].insert(cookie_of ? cookie_of(fd) : static_cast<uint64_t>(fd));
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<uint64_t>> LiveSockets(GroupId group) override {
    if (!groups.contains(group)) return absl::NotFoundError("no such group");
    std::vector<uint64_t> live;
    for (uint64_t cookie : groups[group]) {
      if (!dead.contains(cookie)) live.push_back(cookie);
    }
    return live;
  }
  absl::Status RemoveGroup(GroupId group) override {
    for (const auto& [key, route] : routes) {
      if (route.group == group) return absl::FailedPreconditionError("a route leads to the group");
    }
    groups.erase(group);
    return absl::OkStatus();
  }
  absl::StatusOr<GroupCounters> Count(GroupId group) override { return counts[group]; }
  absl::StatusOr<BackendTotals> Totals() override { return totals; }
  absl::Status Tick() override { return absl::OkStatus(); }

  void Kill(uint64_t cookie) { dead.insert(cookie); }
  // The next call of this name fails.
  void Fail(const std::string& call) { failing_.insert(call); }

  // Who gets a new connection to this endpoint; kNobody if the kernel's own lookup goes on. At stage F, kAnyPort asks
  // for the routes of any port.
  GroupId Lookup(Protocol protocol, const Endpoint& endpoint, Stage stage = Stage::kD) const {
    const Route* best = nullptr;
    for (const auto& [key, route] : routes) {
      if (key.stage != stage) continue;
      if (key.protocol != protocol || key.port != endpoint.port || !key.on.Contains(endpoint.address)) continue;
      if (best == nullptr || key.on.length > best->key.on.length) best = &route;
    }
    return best == nullptr ? kNobody : best->group;
  }

  RouteMap routes;
  std::map<GroupId, std::set<uint64_t>> groups;
  std::map<GroupId, GroupCounters> counts;
  BackendTotals totals;
  std::set<uint64_t> dead;
  absl::Status stage_f;  // what CheckStageF() says
  std::function<uint64_t(int)> cookie_of;

 private:
  bool Fails(const char* call) { return failing_.erase(call) != 0; }
  std::set<std::string> failing_;
};

}  // namespace forcebind

#endif  // FORCEBIND_TESTS_FAKES_FAKE_BACKEND_H_
