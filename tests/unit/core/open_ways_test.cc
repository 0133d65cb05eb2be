// SPDX-License-Identifier: Apache-2.0
#include "core/open_ways.h"

#include <gtest/gtest.h>

namespace forcebind {
namespace {

TEST(OpenWays, StandInTheOrderOfTheirNumbers) {
  for (size_t i = 0; i < OpenWays().size(); ++i) EXPECT_EQ(OpenWays()[i].way, static_cast<OpenWay>(i));
}

TEST(OpenWays, AnyOneOfTheWallsThatCloseAWayClosesIt) {
  const OpenWayFacts& ring = FactsOf(OpenWay::kOutsideRing);
  EXPECT_TRUE(IsOpen(ring, {Wall::kNotify}));
  EXPECT_FALSE(IsOpen(ring, {Wall::kNotify, Wall::kLandlock}));
  EXPECT_FALSE(IsOpen(ring, {Wall::kCgroup}));
  EXPECT_TRUE(IsOpen(FactsOf(OpenWay::kOutsideProcess), {Wall::kCgroup}));
}

TEST(OpenWays, WhatNoWallClosesIsOpenBehindAllOfThem) {
  EXPECT_TRUE(IsOpen(FactsOf(OpenWay::kUdpClient), kAllWalls));
  EXPECT_TRUE(IsOpen(FactsOf(OpenWay::kGivenSocket), kAllWalls));
}

}  // namespace
}  // namespace forcebind
