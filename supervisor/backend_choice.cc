// SPDX-License-Identifier: Apache-2.0
#include "supervisor/backend_choice.h"

#include <utility>

#include "supervisor/bpf_state_store.h"
#include "supervisor/hook_b.h"

namespace forcebind {
namespace {

absl::StatusOr<OpenedBackend> OpenHookB(const std::string& bpf_dir) {
  auto backend = HookB::Create({.bpf_dir = bpf_dir});
  if (!backend.ok()) return backend.status();
  auto state = BpfStateStore::Open(**backend);
  if (!state.ok()) return state.status();
  return OpenedBackend{.backend = *std::move(backend), .state = *std::move(state)};
}

}  // namespace

absl::StatusOr<OpenedBackend> OpenBackend(BackendKind kind, const std::string& bpf_dir) {
  switch (kind) {
    case BackendKind::kHookD:
      return absl::FailedPreconditionError(
          "--backend hook-d: not in this build, and it would need a patched kernel; use hook-b");
    case BackendKind::kReuseport:
      return absl::FailedPreconditionError("--backend reuseport: not in this build; use hook-b");
    case BackendKind::kAuto:
    case BackendKind::kHookB:
      return OpenHookB(bpf_dir);
  }
  return absl::InternalError("an unknown backend");
}

absl::Status UnloadBackends(const std::string& bpf_dir) { return HookB::Unload(bpf_dir); }

}  // namespace forcebind
