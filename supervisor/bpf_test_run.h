// SPDX-License-Identifier: Apache-2.0
// bpf_test_run: asks the lookup program what it would do with a packet, without one (BPF_PROG_TEST_RUN). For bench/ and
// tests. The program counts such a run like any other.
#ifndef FORCEBIND_SUPERVISOR_BPF_TEST_RUN_H_
#define FORCEBIND_SUPERVISOR_BPF_TEST_RUN_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/endpoint.h"
#include "supervisor/bpf_backend.h"

namespace forcebind {

struct LookupQuestion {
  Protocol protocol = Protocol::kTcp;
  Endpoint local;   // what the client dialled
  Endpoint remote;  // the client; of the same family
  uint32_t ingress_ifindex = 0;
};

struct LookupAnswer {
  bool refused = false;           // SK_DROP
  uint64_t socket_cookie = 0;     // 0: the kernel's own lookup goes on
  uint32_t nanoseconds_each = 0;  // the mean over the runs, without the cost of the system call
};

// Runs the program `repeat` times on the question, in the calling thread's network namespace.
absl::StatusOr<LookupAnswer> RunLookup(const BpfBackend& backend, const LookupQuestion& question, int repeat = 1);

// Makes the program believe in `count` exact listeners, TCP, on 10.0.0.0/8; they count as sockets that never close.
// Never to be used where a supervisor serves. RESOURCE_EXHAUSTED when the table is full.
absl::Status PretendExactListeners(const BpfBackend& backend, uint32_t count);

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_BPF_TEST_RUN_H_
