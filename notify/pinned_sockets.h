// SPDX-License-Identifier: Apache-2.0
// pinned_sockets: which sockets have a private address that stays: those that the companion has bound with success
// itself. The kernel locks such an address (SOCK_BINDADDR_LOCK), so that neither connect(2) nor a disconnect takes it,
// but for two. A ULA is overwritten by a connection to an IPv4-mapped address, unless the socket is V6ONLY. A bind to a
// ULA makes it that, and as long as the socket has a port that cannot be taken back (net/ipv6/ipv6_sockglue.c); but
// only a port that was asked for by number stays when a connection fails (SOCK_BINDPORT_LOCK). So with a ULA there is a
// port, and by number (CallHandler::PinAddress). An IPv4-mapped address is overwritten by a connection to IPv6 by way
// of a routing header; that is looked at after listen(2) (CallHandler::ListensPrivately).
//
// It takes a memory, since the kernel cannot be asked. A bind that fails with EINVAL says that the socket is bound, or
// is connecting, or is V6ONLY; a name may be that of a connection: on [fd5e::1]:40000 after a connect() to an own
// listener there, and gone with connect(AF_UNSPEC). An MPTCP socket's name is a copy, and may be stale besides.
//
// LIMITS   The last 16,384 sockets at least, by cookie, which no other socket ever has. What a companion knew that was
//          killed is in the log: the last 32,768 changes.
// THREADS  Thread-compatible.
// Tested by tests/unit/notify/pinned_sockets_test.cc and tests/escape/.
#ifndef FORCEBIND_NOTIFY_PINNED_SOCKETS_H_
#define FORCEBIND_NOTIFY_PINNED_SOCKETS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "notify/companion_memory.h"

namespace forcebind {

class PinnedSockets {
 public:
  static constexpr size_t kGeneration = 16384;

  // Borrowed.
  explicit PinnedSockets(PinLog* log) : log_(log) {}

  void Add(uint64_t cookie) {
    if (cookie == 0) return;
    Insert(cookie);
    log_->Append({cookie, true});
    seen_ = log_->count();
  }
  // A bind that failed has taken the address away (net/ipv4/af_inet.c, __inet_bind).
  void Remove(uint64_t cookie) {
    if (!Contains(cookie)) return;
    Erase(cookie);
    log_->Append({cookie, false});
    seen_ = log_->count();
  }
  bool Contains(uint64_t cookie) const { return newer_.contains(cookie) || older_.contains(cookie); }
  // Learns what others have written into the log. Where that is not all there any more, nothing else is believed.
  void CatchUp() {
    if (seen_ < log_->oldest()) {
      newer_.clear();
      older_.clear();
    }
    for (seen_ = std::max(seen_, log_->oldest()); seen_ < log_->count(); ++seen_) {
      const PinLog::Entry entry = log_->at(seen_);
      entry.pinned ? Insert(entry.cookie) : Erase(entry.cookie);
    }
  }

 private:
  void Insert(uint64_t cookie) {
    if (newer_.size() >= kGeneration) {
      older_ = std::move(newer_);
      newer_.clear();
    }
    newer_.insert(cookie);
  }
  void Erase(uint64_t cookie) {
    newer_.erase(cookie);
    older_.erase(cookie);
  }

  PinLog* const log_;
  uint64_t seen_ = 0;  // entries of the log
  absl::flat_hash_set<uint64_t> newer_, older_;
};

}  // namespace forcebind

#endif  // FORCEBIND_NOTIFY_PINNED_SOCKETS_H_
