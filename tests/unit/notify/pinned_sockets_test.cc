// SPDX-License-Identifier: Apache-2.0
#include "notify/pinned_sockets.h"

#include <gtest/gtest.h>

namespace forcebind {
namespace {

TEST(PinnedSockets, KnowsWhatWasAddedAndNotRemoved) {
  PinnedSockets pinned;
  pinned.Add(7);
  pinned.Add(8);
  pinned.Remove(8);
  EXPECT_TRUE(pinned.Contains(7));
  EXPECT_FALSE(pinned.Contains(8));
  EXPECT_FALSE(pinned.Contains(9));
}

TEST(PinnedSockets, SocketWithoutCookieIsNotPinned) {
  PinnedSockets pinned;
  pinned.Add(0);
  EXPECT_FALSE(pinned.Contains(0));
}

TEST(PinnedSockets, RemembersTheLastGenerationAtLeastAndTwoAtMost) {
  PinnedSockets pinned;
  const uint64_t count = 3 * PinnedSockets::kGeneration;
  for (uint64_t cookie = 1; cookie <= count; ++cookie) pinned.Add(cookie);
  for (uint64_t cookie = count - PinnedSockets::kGeneration + 1; cookie <= count; ++cookie) {
    ASSERT_TRUE(pinned.Contains(cookie)) << cookie;
  }
  EXPECT_FALSE(pinned.Contains(1));
  EXPECT_FALSE(pinned.Contains(PinnedSockets::kGeneration));
}

TEST(PinnedSockets, RemovesFromBothGenerations) {
  PinnedSockets pinned;
  for (uint64_t cookie = 1; cookie <= PinnedSockets::kGeneration + 1; ++cookie) pinned.Add(cookie);
  pinned.Remove(1);
  EXPECT_FALSE(pinned.Contains(1));
}

}  // namespace
}  // namespace forcebind
