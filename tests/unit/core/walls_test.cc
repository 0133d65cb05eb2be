// SPDX-License-Identifier: Apache-2.0
#include "core/walls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace forcebind {
namespace {

using ::testing::HasSubstr;

TEST(Walls, EachHasANameThatIsRead) {
  for (const Wall wall : kAllWalls) {
    const auto read = ParseWall(ToString(wall));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, wall);
  }
  EXPECT_THAT(std::string(ParseWall("moat").status().message()), HasSubstr("known are notify, landlock, cgroup"));
}

TEST(Walls, AllAreAllowedAndNoneInsistedOnUnlessChosen) {
  for (const Wall wall : kAllWalls) {
    EXPECT_TRUE(WallChoice{}.Allows(wall));
    EXPECT_FALSE(WallChoice{}.Insists(wall));
  }
}

TEST(Walls, ChosenOnesAreInsistedOn) {
  const WallChoice choice{.wanted = {{Wall::kNotify, Wall::kCgroup}}, .required = std::nullopt};
  EXPECT_TRUE(choice.Insists(Wall::kCgroup));
  EXPECT_FALSE(choice.Allows(Wall::kLandlock));
  EXPECT_FALSE(choice.Insists(Wall::kLandlock));
}

TEST(Walls, ARequiredOneIsInsistedOn) {
  const WallChoice choice{.wanted = std::nullopt, .required = Wall::kLandlock};
  EXPECT_TRUE(choice.Insists(Wall::kLandlock));
  EXPECT_FALSE(choice.Insists(Wall::kCgroup));
}

TEST(CheckWalls, RefusesWhatCannotStand) {
  const auto trouble = [](const WallChoice& choice) { return std::string(CheckWalls(choice).message()); };
  EXPECT_EQ(trouble({}), "");
  EXPECT_EQ(trouble({.wanted = {{Wall::kNotify, Wall::kLandlock}}, .required = Wall::kLandlock}), "");
  EXPECT_EQ(trouble({.wanted = {{Wall::kCgroup}}, .required = std::nullopt}), "");
  EXPECT_THAT(trouble({.wanted = {{}}, .required = std::nullopt}), HasSubstr("no wall is chosen"));
  EXPECT_THAT(trouble({.wanted = {{Wall::kLandlock, Wall::kCgroup}}, .required = std::nullopt}),
              HasSubstr("choose both"));
  EXPECT_THAT(trouble({.wanted = {{Wall::kNotify}}, .required = Wall::kCgroup}), HasSubstr("not among those chosen"));
}

}  // namespace
}  // namespace forcebind
