// SPDX-License-Identifier: Apache-2.0
// mapped_array: a BPF array in our memory. A 32-bit store is one store to the programs, too; bpf(2)'s update is a
// memcpy, and a lookup could meet half of one slot's number and half of another's.
//
// REQUIRES  The map has BPF_F_MMAPABLE. The programs see each store at once; there are no locks.
// OWNERSHIP Owns the mapping, not the map.
// THREADS   Thread-compatible.
#ifndef FORCEBIND_SUPERVISOR_MAPPED_ARRAY_H_
#define FORCEBIND_SUPERVISOR_MAPPED_ARRAY_H_

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "sys/errno_status.h"

namespace forcebind {

// One field of an entry, visible to the programs as a whole and in the order of the stores.
inline void Store(uint32_t& field, uint32_t value) { std::atomic_ref<uint32_t>(field).store(value); }
inline uint32_t Load(uint32_t& field) { return std::atomic_ref<uint32_t>(field).load(); }

template <typename Entry>
class MappedArray {
 public:
  MappedArray() = default;
  static absl::StatusOr<MappedArray> Map(int map, uint32_t entries, const std::string& name) {
    const size_t page = sysconf(_SC_PAGESIZE);
    MappedArray array;
    array.bytes_ = (entries * sizeof(Cell) + page - 1) / page * page;
    void* memory = mmap(nullptr, array.bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
    if (memory == MAP_FAILED) return ErrnoStatus(errno, absl::StrCat("map the BPF map ", name));
    array.cells_ = static_cast<Cell*>(memory);
    return array;
  }
  ~MappedArray() {
    if (cells_ != nullptr) munmap(cells_, bytes_);
  }
  MappedArray(MappedArray&& other) noexcept { *this = std::move(other); }
  MappedArray& operator=(MappedArray&& other) noexcept {
    std::swap(cells_, other.cells_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  // REQUIRES: index is below the number of entries.
  Entry& operator[](uint32_t index) { return cells_[index].entry; }

 private:
  // The kernel rounds a value's size up to eight bytes.
  struct alignas(8) Cell {
    Entry entry;
  };

  Cell* cells_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_MAPPED_ARRAY_H_
