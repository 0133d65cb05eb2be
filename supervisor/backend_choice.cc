// SPDX-License-Identifier: Apache-2.0
#include "supervisor/backend_choice.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "supervisor/bpf_backend.h"
#include "supervisor/bpf_state_store.h"

namespace forcebind {
namespace {

absl::StatusOr<OpenedBackend> OpenBpf(Hook hook, const std::string& bpf_dir, const Log& log) {
  auto backend = BpfBackend::Create({.hook = hook, .bpf_dir = bpf_dir, .log = log});
  if (!backend.ok()) return backend.status();
  auto state = BpfStateStore::Open(**backend);
  if (!state.ok()) return state.status();
  return OpenedBackend{.backend = *std::move(backend), .state = *std::move(state)};
}

Hook BestHook(const Log& log) {
  const absl::Status status = FindHook(Hook::kD).status();
  if (status.ok()) return Hook::kD;
  log(absl::StrCat(status.message(), "; using backend hook-b"));
  return Hook::kB;
}

}  // namespace

absl::StatusOr<OpenedBackend> OpenBackend(BackendKind kind, const std::string& bpf_dir, const Log& log) {
  switch (kind) {
    case BackendKind::kHookD:
      return OpenBpf(Hook::kD, bpf_dir, log);
    case BackendKind::kHookB:
      return OpenBpf(Hook::kB, bpf_dir, log);
    case BackendKind::kAuto:
      return OpenBpf(BestHook(log), bpf_dir, log);
    case BackendKind::kReuseport:
      return absl::FailedPreconditionError("--backend reuseport: not in this build; use hook-b");
  }
  return absl::InternalError("an unknown backend");
}

absl::Status UnloadBackends(const std::string& bpf_dir) { return BpfBackend::Unload(bpf_dir); }

}  // namespace forcebind
