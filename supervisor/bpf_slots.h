// SPDX-License-Identifier: Apache-2.0
// bpf_slots: which socket stands in which slot of the SOCKMAP, and which slots make up a group.
//
// THEORY OF OPERATION
//   A group is a chain: groups[g].head is its newest slot, next[slot] the next older one. A lookup walks it, without a
//   lock, to the first slot whose socket lives. So a new slot is filled and linked before it becomes the head, and a
//   dead one is unlinked but keeps its own `next`. A slot or a group's number is used again only after a grace period:
//   otherwise a lookup that stands on it would walk on into the chain of another service.
//   A crash between two steps leaves at most a slot in no chain; nothing leads to it, and filling it again replaces it.
// LIMITS   FB_MAX_SLOTS sockets, FB_MAX_GROUPS groups; a lookup sees the FB_MAX_CHAIN newest sockets of a group, Tick()
//          unlinks the dead ones.
// THREADS  Thread-compatible.
// Tested by tests/netns/hook_b_test.cc and tests/conformance/.
#ifndef FORCEBIND_SUPERVISOR_BPF_SLOTS_H_
#define FORCEBIND_SUPERVISOR_BPF_SLOTS_H_

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bpf/layout.h"
#include "core/route.h"
#include "supervisor/bpf_programs.h"
#include "supervisor/mapped_array.h"

namespace forcebind {

class BpfSlots {
 public:
  // Reads what the maps hold. Groups in which nobody lives, and that are not in `routed`, are free.
  static absl::StatusOr<BpfSlots> Open(const BpfPrograms& programs, const absl::flat_hash_set<GroupId>& routed);

  absl::StatusOr<GroupId> NewGroup();
  // UNIMPLEMENTED for a socket that a SOCKMAP does not take (MPTCP), FAILED_PRECONDITION for one that does not listen.
  absl::Status AddSocket(GroupId group, int fd, uint64_t cookie);
  absl::StatusOr<std::vector<uint64_t>> LiveSockets(GroupId group);
  absl::Status RemoveGroup(GroupId group);
  bool IsGroup(GroupId group) const { return chains_.contains(group); }

  // Unlinks the dead and makes room. Call it every few seconds.
  absl::Status Tick();

 private:
  using Slot = uint32_t;
  struct Leaving {
    std::vector<Slot> slots;
    std::vector<GroupId> groups;
  };

  BpfSlots() = default;
  absl::Status ReadChains(const absl::flat_hash_set<GroupId>& routed);
  absl::Status ReadChain(GroupId group, bool routed);
  void ListFree();
  absl::StatusOr<Slot> TakeFreeSlot();
  absl::StatusOr<uint64_t> CookieIn(Slot slot) const;  // 0 if nobody lives there
  absl::Status UnlinkDead(GroupId group);
  absl::Status Fill(Slot slot, int fd);
  void ReleaseLeaving();

  MappedArray<fb_group> groups_;
  MappedArray<uint32_t> next_;
  BpfTable<uint32_t, uint64_t> sockets_;
  BpfTable<uint64_t, uint32_t> udp_sockets_;

  absl::flat_hash_map<GroupId, std::vector<Slot>> chains_;  // newest first
  std::vector<Slot> free_slots_;
  std::vector<GroupId> free_groups_;
  Leaving leaving_, leaving_since_last_tick_;
};

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_BPF_SLOTS_H_
