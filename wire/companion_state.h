// SPDX-License-Identifier: Apache-2.0
// companion_state: what a companion leaves for the one that takes its place when it is killed, beside the notification
// fd: which service it answers for, by which policy, and where its supervisor is.
//
// THEORY OF OPERATION
//   The companion writes it into a memfd (launcher/spare_memory.h), the supervisor keeps the memfd and looks at none of
//   it, and the next companion reads it, as the user who wrote it. So it gives nobody a right that he had not. As with
//   messages, Decode accepts exactly what Encode writes; companions of two versions do not take over from each other.
//
// LIMITS   kMaxCompanionStateSize bytes.
// THREADS  Pure functions.
// Tested by tests/unit/wire/companion_state_test.cc and fuzzed by tests/fuzz/companion_state_fuzz.cc.
#ifndef FORCEBIND_WIRE_COMPANION_STATE_H_
#define FORCEBIND_WIRE_COMPANION_STATE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/service_policy.h"
#include "wire/messages.h"

namespace forcebind::wire {

inline constexpr uint16_t kCompanionStateVersion = 1;
inline constexpr size_t kMaxCompanionStateSize = 28000;
inline constexpr size_t kSpareMemorySize = 65536;  // of the memfd, launcher/spare_memory.h
inline constexpr size_t kMaxPathLength = 107;      // of a socket, unix(7)
inline constexpr size_t kMaxFamilies = 64;
inline constexpr uint8_t kMaxLogLevel = 2;  // LogLevel in notify/service_log.h

struct CompanionState {
  Hello hello;  // as it is said to the supervisor
  // Its name, addresses and publications are the hello's.
  ServicePolicy policy;
  std::vector<uint64_t> let_in;  // as LetIn says
  std::string supervisor_path;
  uint64_t netns_cookie = 0;  // of the namespace that the private addresses are in
  uint8_t log_level = 0;
  // The file that the service was started with as its standard error.
  bool has_stderr = false;
  uint64_t stderr_device = 0;
  uint64_t stderr_inode = 0;
};

// REQUIRES: `hello` as for Encode() of a message, the path and the families within the bounds above, as many
// ranges as core/wall_rules.h has room for.
std::vector<uint8_t> EncodeCompanionState(const CompanionState& state);

// INVALID_ARGUMENT for what is not one; FAILED_PRECONDITION for one of another version.
absl::StatusOr<CompanionState> DecodeCompanionState(absl::Span<const uint8_t> bytes);

}  // namespace forcebind::wire

#endif  // FORCEBIND_WIRE_COMPANION_STATE_H_
