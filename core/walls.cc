// SPDX-License-Identifier: Apache-2.0
#include "core/walls.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace forcebind {
namespace {

bool Contains(const std::vector<Wall>& walls, Wall wall) {
  return std::find(walls.begin(), walls.end(), wall) != walls.end();
}

}  // namespace

std::string ToString(Wall wall) {
  switch (wall) {
    case Wall::kNotify:
      return "notify";
    case Wall::kLandlock:
      return "landlock";
    case Wall::kCgroup:
      return "cgroup";
  }
  return "";
}

std::vector<std::string> NamesOf(const std::vector<Wall>& walls) {
  std::vector<std::string> names;
  for (const Wall wall : walls) names.push_back(ToString(wall));
  return names;
}

absl::StatusOr<Wall> ParseWall(absl::string_view text) {
  for (const Wall wall : kAllWalls) {
    if (ToString(wall) == text) return wall;
  }
  return absl::InvalidArgumentError(absl::StrCat("unknown wall \"", text, "\": known are notify, landlock, cgroup"));
}

bool WallChoice::Allows(Wall wall) const { return !wanted || Contains(*wanted, wall); }

bool WallChoice::Insists(Wall wall) const { return (wanted && Contains(*wanted, wall)) || required == wall; }

absl::Status CheckWalls(const WallChoice& choice) {
  if (choice.required && !choice.Allows(*choice.required)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the wall \"", ToString(*choice.required), "\" is required, and not among those chosen"));
  }
  if (!choice.wanted || choice.Allows(Wall::kNotify)) return absl::OkStatus();
  if (choice.Allows(Wall::kLandlock)) {
    return absl::InvalidArgumentError(
        "the wall \"landlock\" denies every bind that \"notify\" does not make: choose both");
  }
  if (!choice.Allows(Wall::kCgroup)) return absl::InvalidArgumentError("no wall is chosen: choose at least \"notify\"");
  return absl::OkStatus();
}

}  // namespace forcebind
