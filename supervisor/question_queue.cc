// SPDX-License-Identifier: Apache-2.0
#include "supervisor/question_queue.h"

#include <utility>

namespace forcebind {

void QuestionQueue::Add(uint32_t uid, const Question& question) { by_user_[uid].push_back(question); }

void QuestionQueue::Remove(uint32_t uid, uint64_t client) {
  auto user = by_user_.find(uid);
  if (user == by_user_.end()) return;
  std::erase_if(user->second, [client](const Question& question) { return question.client == client; });
  if (user->second.empty()) by_user_.erase(user);
}

QuestionQueue::Question QuestionQueue::Take() {
  auto user = by_user_.upper_bound(last_);
  if (user == by_user_.end()) user = by_user_.begin();
  last_ = user->first;
  const Question question = user->second.front();
  user->second.pop_front();
  if (user->second.empty()) by_user_.erase(user);
  return question;
}

}  // namespace forcebind
