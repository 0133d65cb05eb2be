// SPDX-License-Identifier: Apache-2.0
// published_table: from "these groups of sockets are published on these prefixes" to the routes that a backend shall
// have.
//
// THEORY OF OPERATION
//   A published port answers on every address of its prefixes, by default 0.0.0.0/0 and ::/0, but never on a private
//   one: web, published on tcp/80 everywhere, must not answer on 127.84.3.2:80, where gitea may have been a moment ago.
//   So every route gets holes (routes to kNobody) where private addresses lie inside its prefix: one for the pool, one
//   for the ULA prefix, one for each private address outside both. A prefix that lies inside a private range is left
//   out altogether. A dual-stack socket is bound to ::ffff:127.84.3.3, so nothing listens on its ULA: a route for the
//   ULA alone leads there. Routes depend on others of the same protocol and port only, so a table can be computed port
//   by port.
//
// THREADS  Pure functions.
// Tested by tests/unit/core/published_table_test.cc.
#ifndef FORCEBIND_CORE_PUBLISHED_TABLE_H_
#define FORCEBIND_CORE_PUBLISHED_TABLE_H_

#include <map>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "core/route.h"

namespace forcebind {

// What one group of sockets is to answer on, besides its private endpoint.
struct PublishedGroup {
  GroupId group = kNobody;
  Protocol protocol = Protocol::kTcp;
  uint16_t port = 0;
  bool serves_v4 = false;
  bool serves_v6 = false;
  bool published = false;
  Stage stage = Stage::kD;
  bool any_port = false;   // published on every port; `reach` still on `port`
  std::vector<Prefix> on;  // empty = everywhere; only if published
  bool guard = false;
  bool refuse_when_gone = false;
  std::optional<IpAddress> reach;  // the ULA of a dual-stack socket
  uint16_t public_port() const { return any_port ? kAnyPort : port; }
  friend bool operator==(const PublishedGroup&, const PublishedGroup&) = default;
};

// Where published ports never answer.
struct PrivateRanges {
  std::vector<Prefix> pools;         // the IPv4 pool, the ULA prefix
  std::vector<IpAddress> addresses;  // of every known service
};

using RouteMap = std::map<RouteKey, Route>;

// The prefixes that `group` answers on: those of a family that it serves and that lie outside the private ranges.
std::vector<Prefix> PublicPrefixes(const PublishedGroup& group, const PrivateRanges& ranges);

// The routes that `groups` need together. Where two groups have an equal key, the later one has it.
RouteMap DesiredRoutes(absl::Span<const PublishedGroup* const> groups, const PrivateRanges& ranges);

// What turns `current` into `desired`, in an order in which no private address answers in between: additions longest
// prefix first, then removals shortest prefix first.
struct RouteChanges {
  std::vector<Route> add;
  std::vector<RouteKey> remove;
};
RouteChanges ChangesBetween(const RouteMap& current, const RouteMap& desired);

}  // namespace forcebind

#endif  // FORCEBIND_CORE_PUBLISHED_TABLE_H_
