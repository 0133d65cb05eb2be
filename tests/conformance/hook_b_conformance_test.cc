// SPDX-License-Identifier: Apache-2.0
// The conformance table on backend hook-b.
#include "supervisor/bpf_backend.h"
#include "tests/conformance/conformance.h"

namespace forcebind {
namespace {

absl::StatusOr<std::unique_ptr<Backend>> CreateHookB(const TestNetwork& network) {
  BpfBackendOptions options;
  options.bpf_dir = network.bpffs() + "/forcebind";
  options.cgroup_path = network.cgroup_root();
  options.max_exact = 4096;
  auto backend = BpfBackend::Create(options);
  if (!backend.ok()) return backend.status();
  return std::unique_ptr<Backend>(*std::move(backend));
}

INSTANTIATE_CONFORMANCE(HookB, (BackendFactory{"hook_b", CreateHookB}));

}  // namespace
}  // namespace forcebind
