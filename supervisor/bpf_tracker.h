// SPDX-License-Identifier: Apache-2.0
// bpf_tracker: the supervisor's half of what bpf/track.h does: tells the programs of listeners that were there before
// them, sweeps the table, and finds the few sockets that no event told of.
//
// THEORY OF OPERATION
//   Seeding: a bpf_iter over the kernel's TCP and UDP tables, after the tracking programs are attached. A UDP socket
//   may just then be on its way out: its release was before its record, and nothing would remove that. Nor would
//   anything if a removal failed (since Linux 6.15 a map's lock gives up after a quarter of a second, which a machine
//   whose host is busy can reach). So each tick walks the UDP table again, which adds what was missing, and compares
//   the records with the kernel's list of listeners. That list can leave one out when others come and go, so a record
//   is removed only if its socket is missed twice in a row and a walk does not meet it either; TCP's walk, which passes
//   all connections, is made for that alone. Sweeping: see GENERATIONS in bpf/track.h. When many entries have fallen to
//   0, the generation is flipped; after a grace period the entries of 0 in the old one are deleted.
// THREADS  Thread-compatible; the calling thread is in the network namespace that is tracked.
// Tested by tests/netns/hook_b_test.cc and tests/conformance/.
#ifndef FORCEBIND_SUPERVISOR_BPF_TRACKER_H_
#define FORCEBIND_SUPERVISOR_BPF_TRACKER_H_

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bpf/layout.h"
#include "supervisor/bpf_programs.h"

namespace forcebind {

class BpfTracker {
 public:
  // `state` is the mapped state; it and `programs` outlive the tracker.
  static absl::StatusOr<BpfTracker> Open(const BpfPrograms& programs, fb_state* state);

  // REQUIRES: the tracking programs are attached.
  absl::Status Seed();
  absl::Status Tick();

 private:
  using Cookies = absl::flat_hash_set<uint64_t>;

  BpfTracker(const BpfPrograms& programs, fb_state* state) : programs_(&programs), state_(state) {}
  // Runs an iterator program over the sockets; returns the cookies that it writes.
  absl::StatusOr<Cookies> Walk(const char* program) const;
  absl::StatusOr<std::vector<uint64_t>> Records() const;
  absl::Status Forget(uint64_t cookie);
  absl::Status ForgetUnlessMet(const std::vector<uint64_t>& cookies);
  absl::Status Reconcile();
  // Deletes the entries of 0 in the old generation; returns how many there are in the current one.
  absl::StatusOr<uint32_t> Sweep();
  void Flip();

  const BpfPrograms* programs_;
  fb_state* state_;
  BpfTable<fb_exact_key, uint32_t> exact_;
  BpfTable<uint64_t, fb_exact_key> records_;
  Cookies suspects_;  // records that the last tick did not meet
  bool grace_passed_ = false;
};

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_BPF_TRACKER_H_
