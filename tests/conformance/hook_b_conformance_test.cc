// SPDX-License-Identifier: Apache-2.0
// The conformance table on backend hook-b.
#include "supervisor/hook_b.h"
#include "tests/conformance/conformance.h"

namespace forcebind {
namespace {

absl::StatusOr<std::unique_ptr<Backend>> CreateHookB(const TestNetwork& network) {
  HookBOptions options;
  options.bpf_dir = network.bpffs() + "/forcebind";
  options.cgroup_path = network.cgroup_root();
  options.max_exact = 4096;
  auto backend = HookB::Create(options);
  if (!backend.ok()) return backend.status();
  return std::unique_ptr<Backend>(*std::move(backend));
}

INSTANTIATE_CONFORMANCE(HookB, (BackendFactory{"hook_b", CreateHookB}));

}  // namespace
}  // namespace forcebind
