// SPDX-License-Identifier: Apache-2.0
// route: which new connections (TCP) or datagrams (UDP) go to which group of sockets. Values only; supervisor/backend.h
// puts them in force, core/published_table computes them.
#ifndef FORCEBIND_CORE_ROUTE_H_
#define FORCEBIND_CORE_ROUTE_H_

#include <compare>
#include <cstdint>

#include "core/endpoint.h"

namespace forcebind {

// The sockets that share one private endpoint.
using GroupId = uint32_t;
inline constexpr GroupId kNobody = 0xffffffff;

// Where in the kernel's search a route is looked for, see README.md: before the wildcard's listeners, or after all.
enum class Stage : uint8_t { kD = 0, kF = 1 };
constexpr const char* ToString(Stage stage) { return stage == Stage::kD ? "D" : "F"; }

// In a route's key and in a publication, at stage F only.
inline constexpr uint16_t kAnyPort = 0;

struct RouteKey {
  Protocol protocol = Protocol::kTcp;
  uint16_t port = 0;
  Prefix on;
  Stage stage = Stage::kD;
  friend auto operator<=>(const RouteKey&, const RouteKey&) = default;
};

struct Route {
  RouteKey key;
  GroupId group = kNobody;
  bool guard = false;
  bool refuse_when_gone = false;
  friend bool operator==(const Route&, const Route&) = default;
};

}  // namespace forcebind

#endif  // FORCEBIND_CORE_ROUTE_H_
