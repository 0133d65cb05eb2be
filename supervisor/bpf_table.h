// SPDX-License-Identifier: Apache-2.0
// bpf_table: a BPF map as a table of plain structs.
//
// A read of the whole table while programs or others write may miss what came meanwhile; an entry that is there all the
// time is seen. Source: bpf(2), kernel/bpf/syscall.c.
//
// OWNERSHIP  Owns its descriptor. The map lives on while it is pinned or a program uses it.
// THREADS    Thread-compatible.
// Tested by tests/netns/hook_b_test.cc.
#ifndef FORCEBIND_SUPERVISOR_BPF_TABLE_H_
#define FORCEBIND_SUPERVISOR_BPF_TABLE_H_

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>

#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "sys/errno_status.h"
#include "sys/unique_fd.h"

namespace forcebind {

template <typename Key, typename Value>
class BpfTable {
  static_assert(std::is_trivially_copyable_v<Key> && std::is_trivially_copyable_v<Value>);

 public:
  using Entry = std::pair<Key, Value>;

  BpfTable() = default;

  // Takes a map of exactly these sizes; FAILED_PRECONDITION otherwise. `name` is for messages.
  static absl::StatusOr<BpfTable> Open(UniqueFd map, std::string name) {
    bpf_map_info info{};
    uint32_t size = sizeof(info);
    if (bpf_obj_get_info_by_fd(map.get(), &info, &size) != 0)
      return ErrnoStatus(errno, absl::StrCat("ask about the BPF map ", name));
    if (info.key_size != sizeof(Key) || info.value_size != sizeof(Value))
      return absl::FailedPreconditionError(absl::StrCat("the BPF map ", name, " has keys of ", info.key_size,
                                                        " and values of ", info.value_size, " bytes, not ", sizeof(Key),
                                                        " and ", sizeof(Value)));
    return BpfTable(std::move(map), std::move(name), info.max_entries);
  }

  int fd() const { return fd_.get(); }
  uint32_t max_entries() const { return max_entries_; }

  // Sets or replaces. RESOURCE_EXHAUSTED when the table is full.
  absl::Status Put(const Key& key, const Value& value) {
    if (bpf_map_update_elem(fd_.get(), &key, &value, BPF_ANY) == 0) return absl::OkStatus();
    if (errno == E2BIG) return absl::ResourceExhaustedError(absl::StrCat("the BPF map ", name_, " is full"));
    return ErrnoStatus(errno, absl::StrCat("write the BPF map ", name_));
  }

  // Nothing, if there is no such key.
  absl::StatusOr<std::optional<Value>> Get(const Key& key) const {
    Value value;
    if (bpf_map_lookup_elem(fd_.get(), &key, &value) == 0) return std::optional<Value>(value);
    if (errno == ENOENT) return std::optional<Value>();
    return ErrnoStatus(errno, absl::StrCat("read the BPF map ", name_));
  }

  // A key that is not there is no error.
  absl::Status Erase(const Key& key) {
    // SOCKMAP says EINVAL for a slot that is empty.
    if (bpf_map_delete_elem(fd_.get(), &key) == 0 || errno == ENOENT || errno == EINVAL) return absl::OkStatus();
    return ErrnoStatus(errno, absl::StrCat("delete from the BPF map ", name_));
  }

  // Calls `body(key, value)` for each entry, until one call returns an error. `body` may put and erase.
  template <typename Body>
  absl::Status ForEach(Body&& body) const {
    absl::StatusOr<std::vector<Entry>> entries = ReadAll();
    if (!entries.ok()) return entries.status();
    for (const Entry& entry : *entries)
      if (absl::Status status = body(entry.first, entry.second); !status.ok()) return status;
    return absl::OkStatus();
  }

  // Every entry, in no order. For hashes and arrays in few system calls.
  absl::StatusOr<std::vector<Entry>> ReadAll() const {
    constexpr uint32_t kBatch = 4096;
    std::vector<Entry> entries;
    std::vector<Key> keys(kBatch);
    std::vector<Value> values(kBatch);
    uint8_t in[sizeof(Key) < 8 ? 8 : sizeof(Key)], out[sizeof(in)];
    for (bool first = true, last = false; !last; first = false) {
      uint32_t count = kBatch;
      if (bpf_map_lookup_batch(fd_.get(), first ? nullptr : in, out, keys.data(), values.data(), &count, nullptr) !=
          0) {
        if (errno == ENOTSUP || errno == 524 /* the kernel's ENOTSUPP */) return ReadOneByOne();
        if (errno != ENOENT) return ErrnoStatus(errno, absl::StrCat("read the BPF map ", name_));
        last = true;
      }
      for (uint32_t i = 0; i < count; ++i) entries.emplace_back(keys[i], values[i]);
      std::copy(std::begin(out), std::end(out), std::begin(in));
    }
    return entries;
  }

 private:
  BpfTable(UniqueFd fd, std::string name, uint32_t max_entries)
      : fd_(std::move(fd)), name_(std::move(name)), max_entries_(max_entries) {}

  absl::StatusOr<std::vector<Entry>> ReadOneByOne() const {
    std::vector<Entry> entries;
    Key key, next;
    for (const Key* previous = nullptr; bpf_map_get_next_key(fd_.get(), previous, &next) == 0; previous = &key) {
      key = next;
      absl::StatusOr<std::optional<Value>> value = Get(key);
      if (!value.ok()) return value.status();
      if (value->has_value()) entries.emplace_back(key, **value);
    }
    if (errno != ENOENT) return ErrnoStatus(errno, absl::StrCat("walk the BPF map ", name_));
    return entries;
  }

  UniqueFd fd_;
  std::string name_;
  uint32_t max_entries_ = 0;
};

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_BPF_TABLE_H_
