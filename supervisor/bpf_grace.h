// SPDX-License-Identifier: Apache-2.0
// bpf_grace: waits until no BPF program is running any more that could have seen what was there before.
#ifndef FORCEBIND_SUPERVISOR_BPF_GRACE_H_
#define FORCEBIND_SUPERVISOR_BPF_GRACE_H_

namespace forcebind {

// Returns after an RCU grace period of the kernel (milliseconds); programs other than sleepable ones run within one
// read-side section each. False where the kernel cannot (nohz_full): then the caller waits for the next tick.
// Source: membarrier(2), MEMBARRIER_CMD_GLOBAL, which is synchronize_rcu().
bool WaitForRunningPrograms();

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_BPF_GRACE_H_
