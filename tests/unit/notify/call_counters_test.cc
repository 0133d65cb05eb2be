// SPDX-License-Identifier: Apache-2.0
#include "notify/call_counters.h"

#include <gtest/gtest.h>

#include <numeric>

namespace forcebind {
namespace {

// The bucket that one call of `nanoseconds` falls into.
size_t BucketOf(uint64_t nanoseconds) {
  CallCounters counters;
  counters.Add(Verdict::kListened, nanoseconds);
  EXPECT_EQ(std::accumulate(counters.latency_us_log2.begin(), counters.latency_us_log2.end(), 0u), 1u);
  size_t bucket = 0;
  while (counters.latency_us_log2[bucket] == 0) ++bucket;
  return bucket;
}

TEST(CallCounters, BucketNHoldsLessThanTwoToTheNMicroseconds) {
  EXPECT_EQ(BucketOf(0), 0u);
  EXPECT_EQ(BucketOf(999), 0u);
  EXPECT_EQ(BucketOf(1000), 1u);
  EXPECT_EQ(BucketOf(1999), 1u);
  EXPECT_EQ(BucketOf(2000), 2u);
  EXPECT_EQ(BucketOf(4000), 3u);
}

TEST(CallCounters, WhateverTakesLongerIsInTheLast) {
  constexpr size_t kLast = CallCounters::kLatencyBuckets - 1;
  EXPECT_EQ(BucketOf((1u << (kLast - 1)) * 1000ull - 1), kLast - 1);
  EXPECT_EQ(BucketOf((1u << (kLast - 1)) * 1000ull), kLast);
  EXPECT_EQ(BucketOf(3600ull * 1000 * 1000 * 1000), kLast);
}

TEST(CallCounters, EachVerdictHasItsCount) {
  CallCounters counters;
  counters.Add(Verdict::kDenied, 0);
  counters.Add(Verdict::kGone, 0);
  counters.Add(Verdict::kGone, 0);
  EXPECT_EQ(counters.verdicts, (decltype(counters.verdicts){0, 0, 0, 1, 0, 0, 2}));
}

}  // namespace
}  // namespace forcebind
