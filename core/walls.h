// SPDX-License-Identifier: Apache-2.0
// walls: what enforces a service's private address. docs/security.md says what each one holds.
//
// Tested by tests/unit/core/walls_test.cc.
#ifndef FORCEBIND_CORE_WALLS_H_
#define FORCEBIND_CORE_WALLS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace forcebind {

// From the one that needs least to the one that holds most.
enum class Wall : uint8_t {
  kNotify,    // seccomp user notification: bind and listen are made by the companion
  kLandlock,  // the service has no right to bind TCP ports; the companion, which is outside, has
  kCgroup,    // BPF programs on the service's own cgroup, by way of the supervisor
};

inline constexpr Wall kAllWalls[] = {Wall::kNotify, Wall::kLandlock, Wall::kCgroup};

std::string ToString(Wall wall);
std::vector<std::string> NamesOf(const std::vector<Wall>& walls);

// INVALID_ARGUMENT names those that there are.
absl::StatusOr<Wall> ParseWall(absl::string_view text);

// What a profile and the command line say about walls.
struct WallChoice {
  // Exactly these; absent: all that are to be had here.
  std::optional<std::vector<Wall>> wanted;
  // No service without this one.
  std::optional<Wall> required;

  // The service may have it.
  bool Allows(Wall wall) const;
  // It was asked for by name, so that going on without would be wrong.
  bool Insists(Wall wall) const;
  friend bool operator==(const WallChoice&, const WallChoice&) = default;
};

// INVALID_ARGUMENT: the walls cannot stand like this, and why. Landlock alone would deny every bind, so `notify` goes
// with it; a wall that is required is among the wanted ones.
absl::Status CheckWalls(const WallChoice& choice);

}  // namespace forcebind

#endif  // FORCEBIND_CORE_WALLS_H_
