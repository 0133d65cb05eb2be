// SPDX-License-Identifier: Apache-2.0
#include "notify/pinned_sockets.h"

#include <gtest/gtest.h>

#include <vector>

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

TEST(PinnedSockets, AnotherOneKnowsThemByTheJournal) {
  std::vector<uint64_t> journal(16);
  PinnedSockets(absl::MakeSpan(journal)).Add(6);
  PinnedSockets second(absl::MakeSpan(journal));
  EXPECT_TRUE(second.Contains(6));
  second.Add(7);
  second.Remove(6);
  const PinnedSockets third(absl::MakeSpan(journal));
  EXPECT_TRUE(third.Contains(7));
  EXPECT_FALSE(third.Contains(6));
}

TEST(PinnedSockets, AJournalHoldsWhatWasDoneLast) {
  constexpr uint64_t kRoom = 15;
  std::vector<uint64_t> journal(kRoom + 1);
  PinnedSockets pinned(absl::MakeSpan(journal));
  for (uint64_t cookie = 1; cookie <= 100; ++cookie) pinned.Add(cookie);
  pinned.Remove(100);
  const PinnedSockets another(absl::MakeSpan(journal));
  EXPECT_FALSE(another.Contains(100));
  for (uint64_t cookie = 1; cookie < 100; ++cookie) {
    EXPECT_EQ(another.Contains(cookie), cookie > 101 - kRoom) << cookie;
  }
}

TEST(PinnedSockets, AnEntryThatIsNotCountedIsNone) {
  std::vector<uint64_t> journal(16);
  journal[1] = 6;
  EXPECT_FALSE(PinnedSockets(absl::MakeSpan(journal)).Contains(6));
}

// It may have been written by somebody else (launcher/spare_memory.h).
TEST(PinnedSockets, AJournalOfNonsenseIsReadToItsEnd) {
  std::vector<uint64_t> journal(16, UINT64_MAX);
  PinnedSockets pinned(absl::MakeSpan(journal));
  pinned.Add(6);
  EXPECT_TRUE(pinned.Contains(6));
}

}  // namespace
}  // namespace forcebind
