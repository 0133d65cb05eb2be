// SPDX-License-Identifier: Apache-2.0
// call_counters: how calls were answered, and how fast. The order of the verdicts is part of the wire protocol
// (wire::Counters) and of the metrics' labels.
#ifndef FORCEBIND_NOTIFY_CALL_COUNTERS_H_
#define FORCEBIND_NOTIFY_CALL_COUNTERS_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace forcebind {

enum class Verdict : size_t { kRewritten, kAsRequested, kEgress, kDenied, kFailed, kListened, kGone, kCount };

inline constexpr const char* kVerdictNames[] = {"rewritten", "as_requested", "egress", "denied",
                                                "failed",    "listened",     "gone"};
static_assert(std::size(kVerdictNames) == static_cast<size_t>(Verdict::kCount));

struct CallCounters {
  static constexpr size_t kLatencyBuckets = 20;  // 1 µs to half a second

  std::array<uint64_t, static_cast<size_t>(Verdict::kCount)> verdicts{};
  std::array<uint64_t, kLatencyBuckets> latency_us_log2{};

  void Add(Verdict verdict, uint64_t nanoseconds) {
    ++verdicts[static_cast<size_t>(verdict)];
    const size_t bucket = static_cast<size_t>(std::bit_width(nanoseconds / 1000));
    ++latency_us_log2[bucket < kLatencyBuckets ? bucket : kLatencyBuckets - 1];
  }
};

}  // namespace forcebind

#endif  // FORCEBIND_NOTIFY_CALL_COUNTERS_H_
