// SPDX-License-Identifier: Apache-2.0
#include "supervisor/question_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace forcebind {
namespace {

using ::testing::ElementsAre;

std::vector<uint64_t> TakeAll(QuestionQueue* queue) {
  std::vector<uint64_t> clients;
  while (!queue->empty()) clients.push_back(queue->Take().client);
  return clients;
}

TEST(QuestionQueue, UsersTakeTurns) {
  QuestionQueue queue;
  for (uint64_t client : {1, 2, 3, 4}) queue.Add(1000, {.client = client, .request = {}});
  queue.Add(0, {.client = 5, .request = {}});
  queue.Add(1001, {.client = 6, .request = {}});
  EXPECT_EQ(queue.Take().client, 1u);
  queue.Add(1001, {.client = 7, .request = {}});
  EXPECT_THAT(TakeAll(&queue), ElementsAre(6, 5, 2, 7, 3, 4));
}

TEST(QuestionQueue, WhoHasLeftIsNotAnswered) {
  QuestionQueue queue;
  queue.Add(1000, {.client = 1, .request = {}});
  queue.Add(1000, {.client = 2, .request = {}});
  queue.Add(1001, {.client = 3, .request = {}});
  queue.Remove(1000, 1);
  queue.Remove(1001, 3);
  queue.Remove(1002, 4);
  EXPECT_THAT(TakeAll(&queue), ElementsAre(2));
}

}  // namespace
}  // namespace forcebind
