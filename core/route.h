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

struct RouteKey {
  Protocol protocol = Protocol::kTcp;
  uint16_t port = 0;
  Prefix on;
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
