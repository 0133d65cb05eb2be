// SPDX-License-Identifier: Apache-2.0
// bpf_state_store: the records in pinned BPF maps, which outlive the supervisor. The maps' values are larger than the
// records; the rest of a value is zero.
#ifndef FORCEBIND_SUPERVISOR_BPF_STATE_STORE_H_
#define FORCEBIND_SUPERVISOR_BPF_STATE_STORE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "bpf/layout.h"
#include "supervisor/bpf_backend.h"
#include "supervisor/bpf_table.h"
#include "supervisor/state_store.h"

namespace forcebind {

class BpfStateStore : public StateStore {
 public:
  // The tables stay usable without `backend`.
  static absl::StatusOr<std::unique_ptr<BpfStateStore>> Open(const BpfBackend& backend);

  absl::Status PutService(uint64_t key, const ServiceRecord& record) override;
  absl::Status PutListener(uint64_t cookie, const ListenerRecord& record) override;
  absl::Status RemoveService(uint64_t key) override { return services_.Erase(key); }
  absl::Status RemoveListener(uint64_t cookie) override { return listeners_.Erase(cookie); }
  absl::StatusOr<ServiceRecords> Services() override;
  absl::StatusOr<ListenerRecords> Listeners() override;

 private:
  template <typename Record, size_t kSize>
  struct Padded {
    Record record;
    uint8_t rest[kSize - sizeof(Record)] = {};
  };
  using ServiceValue = Padded<ServiceRecord, FB_SERVICE_BYTES>;
  using ListenerValue = Padded<ListenerRecord, FB_LISTENER_BYTES>;

  BpfTable<uint64_t, ServiceValue> services_;
  BpfTable<uint64_t, ListenerValue> listeners_;
};

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_BPF_STATE_STORE_H_
