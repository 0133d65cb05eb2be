// SPDX-License-Identifier: Apache-2.0
// connect_target: an entry of a profile's `connect`, which names another service and, perhaps, which of its ports:
// "postgres", "gitea:tcp/3000", "gitea:udp/5000-5999".
//
// Tested by tests/unit/core/connect_target_test.cc.
#ifndef FORCEBIND_CORE_CONNECT_TARGET_H_
#define FORCEBIND_CORE_CONNECT_TARGET_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/endpoint.h"

namespace forcebind {

inline constexpr size_t kMaxConnectTargets = 64;  // of one service

struct ConnectTarget {
  std::string name;                // of the other service
  std::optional<PortRange> ports;  // absent: every port, TCP and UDP

  static absl::StatusOr<ConnectTarget> Parse(absl::string_view text);
  std::string ToString() const;
  friend bool operator==(const ConnectTarget&, const ConnectTarget&) = default;
};

}  // namespace forcebind

#endif  // FORCEBIND_CORE_CONNECT_TARGET_H_
