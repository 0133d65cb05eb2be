// SPDX-License-Identifier: Apache-2.0
// backend_choice: from --backend to a backend, and to the store that survives with it.
#ifndef FORCEBIND_SUPERVISOR_BACKEND_CHOICE_H_
#define FORCEBIND_SUPERVISOR_BACKEND_CHOICE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "supervisor/backend.h"
#include "supervisor/options.h"
#include "supervisor/startup.h"
#include "supervisor/state_store.h"

namespace forcebind {

struct OpenedBackend {
  std::unique_ptr<Backend> backend;
  std::unique_ptr<StateStore> state;
};

// kAuto is hook-d where the kernel has hook D, else hook-b, of which `log` is told. FAILED_PRECONDITION: this build or
// this kernel has no such backend.
absl::StatusOr<OpenedBackend> OpenBackend(BackendKind kind, const std::string& bpf_dir, const Log& log);

// Removes what any backend has left in the kernel.
absl::Status UnloadBackends(const std::string& bpf_dir);

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_BACKEND_CHOICE_H_
