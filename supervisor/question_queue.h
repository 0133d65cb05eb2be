// SPDX-License-Identifier: Apache-2.0
// question_queue: who is told next what runs. A document costs milliseconds where thousands of services run, so each
// user in turn gets one, however many of his connections have asked.
//
// LIMITS   None of its own: one question per client is up to the caller.
// THREADS  Thread-compatible. Pure.
// Tested by tests/unit/supervisor/question_queue_test.cc.
#ifndef FORCEBIND_SUPERVISOR_QUESTION_QUEUE_H_
#define FORCEBIND_SUPERVISOR_QUESTION_QUEUE_H_

#include <cstdint>
#include <deque>
#include <map>
#include <variant>

#include "wire/messages.h"

namespace forcebind {

class QuestionQueue {
 public:
  struct Question {
    uint64_t client = 0;
    std::variant<wire::StatusRequest, wire::ExplainRequest, wire::AuditRequest> request;
  };

  bool empty() const { return by_user_.empty(); }
  void Add(uint32_t uid, const Question& question);
  // What `client` of this user has asked is no longer of interest.
  void Remove(uint32_t uid, uint64_t client);
  // Takes the oldest question of the next user. REQUIRES: !empty().
  Question Take();

 private:
  std::map<uint32_t, std::deque<Question>> by_user_;  // no deque is empty
  uint32_t last_ = 0;                                 // the user whose turn it was
};

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_QUESTION_QUEUE_H_
