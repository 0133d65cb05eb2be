// SPDX-License-Identifier: Apache-2.0
#include "supervisor/bpf_state_store.h"

#include <utility>

namespace forcebind {

absl::StatusOr<std::unique_ptr<BpfStateStore>> BpfStateStore::Open(const BpfBackend& backend) {
  auto services = backend.Services<ServiceValue>();
  if (!services.ok()) return services.status();
  auto listeners = backend.Listeners<ListenerValue>();
  if (!listeners.ok()) return listeners.status();
  auto store = std::make_unique<BpfStateStore>();
  store->services_ = *std::move(services);
  store->listeners_ = *std::move(listeners);
  return store;
}

absl::Status BpfStateStore::PutService(uint64_t key, const ServiceRecord& record) {
  return services_.Put(key, ServiceValue{.record = record});
}

absl::Status BpfStateStore::PutListener(uint64_t cookie, const ListenerRecord& record) {
  return listeners_.Put(cookie, ListenerValue{.record = record});
}

absl::StatusOr<ServiceRecords> BpfStateStore::Services() {
  auto entries = services_.ReadAll();
  if (!entries.ok()) return entries.status();
  ServiceRecords records;
  for (const auto& [key, value] : *entries) records[key] = value.record;
  return records;
}

absl::StatusOr<ListenerRecords> BpfStateStore::Listeners() {
  auto entries = listeners_.ReadAll();
  if (!entries.ok()) return entries.status();
  ListenerRecords records;
  for (const auto& [cookie, value] : *entries) records[cookie] = value.record;
  return records;
}

}  // namespace forcebind
