// SPDX-License-Identifier: Apache-2.0
#include "supervisor/takeover_limit.h"

#include <gtest/gtest.h>

namespace forcebind {
namespace {

using std::chrono::seconds;

constexpr uid_t kUser = 1000;
const TakeoverLimit::Clock::time_point kNoon{seconds(1'000'000)};

TEST(TakeoverLimit, AServiceHasFiveInAMinute) {
  TakeoverLimit limit;
  for (size_t i = 0; i < TakeoverLimit::kPerService; ++i) EXPECT_TRUE(limit.Take(1, kUser, kNoon + seconds(i)));
  EXPECT_FALSE(limit.Take(1, kUser, kNoon + seconds(59)));
  EXPECT_TRUE(limit.Take(2, kUser, kNoon + seconds(59)));
  EXPECT_TRUE(limit.Take(1, kUser, kNoon + seconds(60)));
  EXPECT_FALSE(limit.Take(1, kUser, kNoon + seconds(60)));
}

TEST(TakeoverLimit, AUserHasALimitOfHisOwn) {
  TakeoverLimit limit;
  for (uint64_t i = 0; i < TakeoverLimit::kPerUser; ++i) EXPECT_TRUE(limit.Take(i, kUser, kNoon));
  EXPECT_FALSE(limit.Take(1000, kUser, kNoon));
  EXPECT_TRUE(limit.Take(1001, kUser + 1, kNoon));
  EXPECT_TRUE(limit.Take(1002, 0, kNoon));
  EXPECT_TRUE(limit.Take(1000, kUser, kNoon + TakeoverLimit::kPeriod));
}

TEST(TakeoverLimit, RootHasNone) {
  TakeoverLimit limit;
  for (uint64_t i = 0; i <= TakeoverLimit::kPerUser; ++i) EXPECT_TRUE(limit.Take(i, 0, kNoon));
}

TEST(TakeoverLimit, WhatIsForgottenBeginsAnew) {
  TakeoverLimit limit;
  for (size_t i = 0; i < TakeoverLimit::kPerService; ++i) EXPECT_TRUE(limit.Take(1, 0, kNoon));
  limit.Forget(1);
  EXPECT_TRUE(limit.Take(1, 0, kNoon));
}

}  // namespace
}  // namespace forcebind
