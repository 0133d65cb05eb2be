// SPDX-License-Identifier: Apache-2.0
#include "launcher/spare_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "sys/errno_status.h"

namespace forcebind {
namespace {

constexpr size_t kMemorySize = wire::kSpareMemorySize;
constexpr size_t kCallRoom = 4096;
constexpr size_t kStateAt = kCallRoom + sizeof(uint32_t);
constexpr size_t kJournalAt = 32768;
static_assert(kStateAt + wire::kMaxCompanionStateSize <= kJournalAt && kJournalAt < kMemorySize);
constexpr int kFixedSize = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

}  // namespace

SpareMemory::SpareMemory(SpareMemory&& other) noexcept
    : fd_(std::move(other.fd_)), bytes_(std::exchange(other.bytes_, nullptr)) {}

SpareMemory::~SpareMemory() {
  if (bytes_ != nullptr) munmap(bytes_, kMemorySize);
}

absl::Status SpareMemory::Map() {
  void* bytes = mmap(nullptr, kMemorySize, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
  if (bytes == MAP_FAILED) return ErrnoStatus(errno, "map the spare memory");
  bytes_ = static_cast<uint8_t*>(bytes);
  return absl::OkStatus();
}

absl::StatusOr<SpareMemory> SpareMemory::Create() {
  SpareMemory memory(UniqueFd(memfd_create("forcebind-spare", MFD_CLOEXEC | MFD_ALLOW_SEALING)));
  const int fd = memory.fd();
  if (fd < 0 || ftruncate(fd, kMemorySize) != 0 || fcntl(fd, F_ADD_SEALS, kFixedSize) != 0) {
    return ErrnoStatus(errno, "make the spare memory");
  }
  if (absl::Status mapped = memory.Map(); !mapped.ok()) return mapped;
  return memory;
}

void SpareMemory::Write(const wire::CompanionState& state) {
  const std::vector<uint8_t> bytes = wire::EncodeCompanionState(state);
  const uint32_t size = static_cast<uint32_t>(bytes.size());
  if (size > wire::kMaxCompanionStateSize) abort();  // EncodeCompanionState's REQUIRES
  for (size_t i = 0; i < sizeof(size); ++i) bytes_[kCallRoom + i] = static_cast<uint8_t>(size >> (8 * i));
  memcpy(bytes_ + kStateAt, bytes.data(), bytes.size());
}

absl::StatusOr<SpareMemory> SpareMemory::Open(UniqueFd fd) {
  SpareMemory memory(std::move(fd));
  struct stat info = {};
  const int seals = fcntl(memory.fd(), F_GET_SEALS);
  const bool is_one = seals >= 0 && (seals & kFixedSize) == kFixedSize && fstat(memory.fd(), &info) == 0 &&
                      info.st_size == static_cast<off_t>(kMemorySize);
  if (!is_one) return absl::InvalidArgumentError("the descriptor is not a companion's spare memory");
  if (absl::Status mapped = memory.Map(); !mapped.ok()) return mapped;
  return memory;
}

absl::Span<uint8_t> SpareMemory::call_room() const { return {bytes_, kCallRoom}; }

absl::Span<uint64_t> SpareMemory::journal() const {
  return {reinterpret_cast<uint64_t*>(bytes_ + kJournalAt), (kMemorySize - kJournalAt) / sizeof(uint64_t)};
}

absl::StatusOr<wire::CompanionState> SpareMemory::ReadState() const {
  const std::vector<uint8_t> copy(bytes_ + kCallRoom, bytes_ + kJournalAt);
  uint32_t size = 0;
  for (size_t i = 0; i < sizeof(size); ++i) size |= uint32_t{copy[i]} << (8 * i);
  if (size > copy.size() - sizeof(size)) return absl::InvalidArgumentError("a companion's state of a wrong length");
  return wire::DecodeCompanionState(absl::MakeConstSpan(copy).subspan(sizeof(size), size));
}

}  // namespace forcebind
