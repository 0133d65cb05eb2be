// SPDX-License-Identifier: Apache-2.0
// spare_memory: memory that outlives a companion: the call that it has in hand, and what another one needs in its
// place.
//
// THEORY OF OPERATION
//   A memfd of wire::kSpareMemorySize bytes, that can neither grow nor shrink. The supervisor keeps it, beside the
//   notification fd, and hands both to the companion that takes over (launcher/take_over.h).
//       0                   the call in hand, written by the kernel itself (SeccompNotify::Create)
//       kCallRoom           the length of what follows, 4 bytes, little-endian
//       kCallRoom + 4       a wire::CompanionState
//       kJournalAt          which sockets are pinned (notify/pinned_sockets.h)
//   The state is written once, before anybody else has the memfd.
//
// TRUST    Whoever opens one is the user who made it. It may have been made by something else than a companion, and may
//          change meanwhile: what is read is copied first.
// THREADS  Thread-compatible.
// Tested by tests/unit/launcher/spare_memory_test.cc and tests/netns/companion_takeover_test.cc.
#ifndef FORCEBIND_LAUNCHER_SPARE_MEMORY_H_
#define FORCEBIND_LAUNCHER_SPARE_MEMORY_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "sys/unique_fd.h"
#include "wire/companion_state.h"

namespace forcebind {

class SpareMemory {
 public:
  // All zero.
  static absl::StatusOr<SpareMemory> Create();
  // INVALID_ARGUMENT: `memory` is not such a memfd.
  static absl::StatusOr<SpareMemory> Open(UniqueFd memory);

  SpareMemory(SpareMemory&& other) noexcept;
  SpareMemory& operator=(SpareMemory&&) = delete;
  ~SpareMemory();

  int fd() const { return fd_.get(); }
  absl::Span<uint8_t> call_room() const;
  absl::Span<uint64_t> journal() const;
  void Write(const wire::CompanionState& state);
  absl::StatusOr<wire::CompanionState> ReadState() const;

 private:
  explicit SpareMemory(UniqueFd fd) : fd_(std::move(fd)) {}
  absl::Status Map();

  UniqueFd fd_;
  uint8_t* bytes_ = nullptr;
};

}  // namespace forcebind

#endif  // FORCEBIND_LAUNCHER_SPARE_MEMORY_H_
