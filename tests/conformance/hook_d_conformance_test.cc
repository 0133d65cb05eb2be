// SPDX-License-Identifier: Apache-2.0
// The conformance table on backend hook-d.
#include "supervisor/bpf_backend.h"
#include "tests/conformance/conformance.h"

namespace forcebind {
namespace {

absl::StatusOr<std::unique_ptr<Backend>> CreateHookD(const TestNetwork& network) {
  BpfBackendOptions options;
  options.bpf_dir = network.bpffs() + "/forcebind";
  options.cgroup_path = network.cgroup_root();
  options.hook = Hook::kD;
  auto backend = BpfBackend::Create(options);
  if (!backend.ok()) return backend.status();
  return std::unique_ptr<Backend>(*std::move(backend));
}

INSTANTIATE_CONFORMANCE(HookD, (BackendFactory{"hook_d", CreateHookD}));

}  // namespace
}  // namespace forcebind
