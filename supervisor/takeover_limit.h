// SPDX-License-Identifier: Apache-2.0
// takeover_limit: how often companions that were killed are replaced. Whoever may kill one, a service of the same user
// among them, can have another one started; so there is a measure, beyond which the service fails closed.
//
// LIMITS   kPerService and kPerUser in any kPeriod; root is free of the second.
// THREADS  Thread-compatible.
// Tested by tests/unit/supervisor/takeover_limit_test.cc.
#ifndef FORCEBIND_SUPERVISOR_TAKEOVER_LIMIT_H_
#define FORCEBIND_SUPERVISOR_TAKEOVER_LIMIT_H_

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>

namespace forcebind {

class TakeoverLimit {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kPeriod{60};
  static constexpr size_t kPerService = 5;
  static constexpr size_t kPerUser = 64;

  // Counts one more; false, and not counted: there have been too many.
  bool Take(uint64_t session, uid_t uid, Clock::time_point now) {
    std::deque<Clock::time_point>& of_service = Recent(&services_[session], now);
    std::deque<Clock::time_point>& of_user = Recent(&users_[uid], now);
    if (of_service.size() >= kPerService || (uid != 0 && of_user.size() >= kPerUser)) return false;
    of_service.push_back(now);
    if (uid != 0) of_user.push_back(now);
    return true;
  }
  void Forget(uint64_t session) { services_.erase(session); }

 private:
  static std::deque<Clock::time_point>& Recent(std::deque<Clock::time_point>* times, Clock::time_point now) {
    while (!times->empty() && now - times->front() >= kPeriod) times->pop_front();
    return *times;
  }

  std::map<uint64_t, std::deque<Clock::time_point>> services_;
  std::map<uid_t, std::deque<Clock::time_point>> users_;
};

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_TAKEOVER_LIMIT_H_
