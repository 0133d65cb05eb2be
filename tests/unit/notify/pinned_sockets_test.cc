// SPDX-License-Identifier: Apache-2.0
#include "notify/pinned_sockets.h"

#include <gtest/gtest.h>

namespace forcebind {
namespace {

TEST(PinnedSockets, KnowsWhatWasAddedAndNotRemoved) {
  PinLog log;
  PinnedSockets pinned(&log);
  pinned.Add(7);
  pinned.Add(8);
  pinned.Remove(8);
  EXPECT_TRUE(pinned.Contains(7));
  EXPECT_FALSE(pinned.Contains(8));
  EXPECT_FALSE(pinned.Contains(9));
}

TEST(PinnedSockets, SocketWithoutCookieIsNotPinned) {
  PinLog log;
  PinnedSockets pinned(&log);
  pinned.Add(0);
  EXPECT_FALSE(pinned.Contains(0));
}

TEST(PinnedSockets, RemembersTheLastGenerationAtLeastAndTwoAtMost) {
  PinLog log;
  PinnedSockets pinned(&log);
  const uint64_t count = 3 * PinnedSockets::kGeneration;
  for (uint64_t cookie = 1; cookie <= count; ++cookie) pinned.Add(cookie);
  for (uint64_t cookie = count - PinnedSockets::kGeneration + 1; cookie <= count; ++cookie) {
    ASSERT_TRUE(pinned.Contains(cookie)) << cookie;
  }
  EXPECT_FALSE(pinned.Contains(1));
  EXPECT_FALSE(pinned.Contains(PinnedSockets::kGeneration));
}

TEST(PinnedSockets, RemovesFromBothGenerations) {
  PinLog log;
  PinnedSockets pinned(&log);
  for (uint64_t cookie = 1; cookie <= PinnedSockets::kGeneration + 1; ++cookie) pinned.Add(cookie);
  pinned.Remove(1);
  EXPECT_FALSE(pinned.Contains(1));
}

TEST(PinnedSockets, LearnsFromTheLogWhatAnotherOneHasWritten) {
  PinLog log;
  PinnedSockets first(&log), second(&log);
  first.Add(7);
  second.CatchUp();
  first.Add(8);
  first.Remove(7);
  EXPECT_TRUE(second.Contains(7));
  second.CatchUp();
  EXPECT_FALSE(second.Contains(7));
  EXPECT_TRUE(second.Contains(8));
  second.Add(9);
  first.CatchUp();
  EXPECT_TRUE(first.Contains(9));
}

TEST(PinnedSockets, BelievesNothingOlderThanTheLog) {
  PinLog log;
  PinnedSockets first(&log);
  first.Add(7);
  PinnedSockets second = first;
  first.Remove(7);
  for (size_t i = 0; i < PinLog::kEntries; i += 2) {
    first.Add(8);
    first.Remove(8);
  }
  ASSERT_TRUE(second.Contains(7));
  second.CatchUp();
  EXPECT_FALSE(second.Contains(7));
}

TEST(PinnedSockets, LearnsWhatIsStillInTheLog) {
  PinLog log;
  PinnedSockets first(&log), second(&log);
  constexpr uint64_t kCount = PinLog::kEntries + 5;
  for (uint64_t cookie = 1; cookie <= kCount; ++cookie) first.Add(cookie);
  second.CatchUp();
  EXPECT_FALSE(second.Contains(5));
  for (uint64_t cookie = kCount - PinnedSockets::kGeneration + 1; cookie <= kCount; ++cookie) {
    ASSERT_TRUE(second.Contains(cookie)) << cookie;
  }
}

}  // namespace
}  // namespace forcebind
