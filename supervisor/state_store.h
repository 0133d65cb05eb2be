// SPDX-License-Identifier: Apache-2.0
// state_store: where the records of state_records.h are kept. bpf_state_store is the one that survives; the one in
// memory is for backends without BPF, and for tests.
//
// THREADS  Thread-compatible.
#ifndef FORCEBIND_SUPERVISOR_STATE_STORE_H_
#define FORCEBIND_SUPERVISOR_STATE_STORE_H_

#include <map>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "supervisor/state_records.h"

namespace forcebind {

using ServiceRecords = std::map<uint64_t, ServiceRecord>;
using ListenerRecords = std::map<uint64_t, ListenerRecord>;

class StateStore {
 public:
  virtual ~StateStore() = default;
  virtual absl::Status PutService(uint64_t key, const ServiceRecord& record) = 0;
  virtual absl::Status PutListener(uint64_t cookie, const ListenerRecord& record) = 0;
  // Removing what is not there is no error.
  virtual absl::Status RemoveService(uint64_t key) = 0;
  virtual absl::Status RemoveListener(uint64_t cookie) = 0;
  virtual absl::StatusOr<ServiceRecords> Services() = 0;
  virtual absl::StatusOr<ListenerRecords> Listeners() = 0;
};

class MemoryStateStore : public StateStore {
 public:
  absl::Status PutService(uint64_t key, const ServiceRecord& record) override {
    services_[key] = record;
    return absl::OkStatus();
  }
  absl::Status PutListener(uint64_t cookie, const ListenerRecord& record) override {
    listeners_[cookie] = record;
    return absl::OkStatus();
  }
  absl::Status RemoveService(uint64_t key) override {
    services_.erase(key);
    return absl::OkStatus();
  }
  absl::Status RemoveListener(uint64_t cookie) override {
    listeners_.erase(cookie);
    return absl::OkStatus();
  }
  absl::StatusOr<ServiceRecords> Services() override { return services_; }
  absl::StatusOr<ListenerRecords> Listeners() override { return listeners_; }

 private:
  ServiceRecords services_;
  ListenerRecords listeners_;
};

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_STATE_STORE_H_
