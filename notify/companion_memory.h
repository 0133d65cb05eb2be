// SPDX-License-Identifier: Apache-2.0
// companion_memory: what the companion in reserve has to know of the one that was killed. Memory that fork(2) shares,
// written as it happens; whoever is killed is killed between two stores.
//
// THREADS  One process writes at a time: the one in reserve reads and writes when the other is gone.
// Tested by tests/unit/notify/pinned_sockets_test.cc and tests/behaviour/reserve_test.cc.
#ifndef FORCEBIND_NOTIFY_COMPANION_MEMORY_H_
#define FORCEBIND_NOTIFY_COMPANION_MEMORY_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace forcebind {

// Which sockets were pinned and unpinned (notify/pinned_sockets.h), the newest last, in a ring.
class PinLog {
 public:
  static constexpr size_t kEntries = 32768;
  struct Entry {
    uint64_t cookie;
    bool pinned;
  };

  void Append(Entry entry) {
    entries_[count_ % kEntries] = entry.cookie << 1 | (entry.pinned ? 1 : 0);  // a cookie is a counter
    __atomic_store_n(&count_, count_ + 1, __ATOMIC_RELEASE);
  }
  uint64_t count() const { return __atomic_load_n(&count_, __ATOMIC_ACQUIRE); }
  // The number of the oldest entry that is still there.
  uint64_t oldest() const { return count() > kEntries ? count() - kEntries : 0; }
  // REQUIRES: oldest() <= number < count().
  Entry at(uint64_t number) const {
    const uint64_t entry = entries_[number % kEntries];
    return {entry >> 1, (entry & 1) != 0};
  }

 private:
  uint64_t count_ = 0;
  std::array<uint64_t, kEntries> entries_ = {};
};

struct CompanionMemory {
  // The call in hand, as the kernel has written it (struct seccomp_notif), and so there before anything was done for
  // it.
  alignas(uint64_t) std::array<uint8_t, 256> notification = {};
  // The service has ended, and nobody is to go on.
  bool finished = false;
  // How many were forked to be in reserve; and the number of the one among them that is to go on (launcher/reserve.h).
  // The others read it, too, to learn that it is not they.
  uint64_t forked = 0;
  std::atomic<uint64_t> heir = 0;
  // When one in reserve last took over: CLOCK_MONOTONIC, milliseconds.
  int64_t taken_over_ms = 0;
  PinLog pins;

  // Shared with all processes that are forked from now on, and there as long as one of them. Null: no memory.
  static CompanionMemory* Create();
};

}  // namespace forcebind

#endif  // FORCEBIND_NOTIFY_COMPANION_MEMORY_H_
