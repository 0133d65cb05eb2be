// SPDX-License-Identifier: Apache-2.0
// pinned_sockets: which sockets have a private address that nothing can change any more: those that the companion has
// bound with success itself. The kernel locks an address that was given to bind(2), and unlocks it never.
//
// It takes a memory, since the kernel cannot be asked. A bind that fails with EINVAL says that the socket is bound, or
// is connecting, or is V6ONLY; a name may be that of a connection: on [fd5e::1]:40000 after a connect() to an own
// listener there, and gone with connect(AF_UNSPEC). An MPTCP socket's name is a copy, and may be stale besides.
//
// The memory of a companion that was killed is with the one that takes its place by way of a journal in memory that
// outlives both (launcher/spare_memory.h): what was added and removed last, in a ring. The first number counts the
// entries since the beginning; an entry is written before it is counted. What was done and not counted is not pinned,
// and so its listen is refused.
//
// LIMITS   The last 16,384 sockets at least, by cookie, which no other socket ever has; after a takeover, as many as
//          the journal has room for.
// THREADS  Thread-compatible.
// Tested by tests/unit/notify/pinned_sockets_test.cc and tests/escape/.
#ifndef FORCEBIND_NOTIFY_PINNED_SOCKETS_H_
#define FORCEBIND_NOTIFY_PINNED_SOCKETS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/types/span.h"

namespace forcebind {

class PinnedSockets {
 public:
  static constexpr size_t kGeneration = 16384;

  PinnedSockets() = default;
  // `journal`, borrowed: all zero at first; empty: none is kept. Begins with what it holds.
  explicit PinnedSockets(absl::Span<uint64_t> journal) {
    if (journal.size() < 2) return;
    const uint64_t room = journal.size() - 1, count = journal[0];
    for (uint64_t i = count > room ? count - room : 0; i < count; ++i) {
      const uint64_t entry = journal[1 + i % room];
      (entry & kRemoved) != 0 ? Remove(entry & ~kRemoved) : Add(entry);
    }
    journal_ = journal;
  }

  void Add(uint64_t cookie) {
    if (cookie == 0) return;
    Write(cookie);
    if (newer_.size() >= kGeneration) {
      older_ = std::move(newer_);
      newer_.clear();
    }
    newer_.insert(cookie);
  }
  // A bind that failed has taken the address away (net/ipv4/af_inet.c, __inet_bind).
  void Remove(uint64_t cookie) {
    if (!Contains(cookie)) return;
    Write(cookie | kRemoved);
    newer_.erase(cookie);
    older_.erase(cookie);
  }
  bool Contains(uint64_t cookie) const { return newer_.contains(cookie) || older_.contains(cookie); }

 private:
  static constexpr uint64_t kRemoved = uint64_t{1} << 63;  // cookies are counted up from 1

  void Write(uint64_t entry) {
    if (journal_.empty()) return;
    const uint64_t count = journal_[0];
    std::atomic_ref(journal_[1 + count % (journal_.size() - 1)]).store(entry, std::memory_order_relaxed);
    std::atomic_ref(journal_[0]).store(count + 1, std::memory_order_release);
  }

  absl::Span<uint64_t> journal_;
  absl::flat_hash_set<uint64_t> newer_, older_;
};

}  // namespace forcebind

#endif  // FORCEBIND_NOTIFY_PINNED_SOCKETS_H_
