// SPDX-License-Identifier: Apache-2.0
// bpf_backend: a program of the kind sk_lookup gives packets to published sockets. bpf/lookup.h says who gets a packet.
//
//   hook-d  stands after the kernel's exact lookup, where a patched kernel has a hook for it
//   hook-b  stands at the early hook of a stock kernel, and yields to every exact listener, since the programs beside
//   it
//           know them all: bpf/track.h says why no window is left
//
// The two share their maps, but for the tables of exact listeners: one takes over what the other has left.
// State lives in maps and links that are pinned (docs/bpf-state.md): it works on when this process dies, and the next
// one finds it. Destroying the object leaves all in force; Unload() removes it.
//
// THREADS  Thread-compatible. The calling thread is in the network namespace that is served, at Create() and later.
// Tested by tests/conformance/, tests/netns/hook_b_test.cc and tests/netns/hook_d_test.cc.
#ifndef FORCEBIND_SUPERVISOR_BPF_BACKEND_H_
#define FORCEBIND_SUPERVISOR_BPF_BACKEND_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bpf/layout.h"
#include "supervisor/backend.h"
#include "supervisor/bpf_programs.h"
#include "supervisor/bpf_slots.h"
#include "supervisor/bpf_table.h"
#include "supervisor/bpf_tracker.h"
#include "supervisor/mapped_array.h"
#include "supervisor/pin_dir.h"
#include "supervisor/port_reservations.h"

namespace forcebind {

struct BpfBackendOptions {
  Hook hook = Hook::kB;
  // On a mounted bpffs; the last component is made if it is missing. No dots: a bpffs refuses them.
  std::string bpf_dir;
  // The root of the cgroup v2 hierarchy; empty: where it is mounted.
  std::string cgroup_path;
  // Room for known exact listeners, when the tables are new; kB only.
  uint32_t max_exact = FB_MAX_EXACT;
  // Told what an administrator should know.
  std::function<void(const std::string&)> log = [](const std::string&) {};
};

class BpfBackend : public Backend {
 public:
  // Takes over what is pinned in bpf_dir, or starts afresh. Errors a caller can act on:
  //   ALREADY_EXISTS       another supervisor uses bpf_dir
  //   FAILED_PRECONDITION  the kernel has no such hook; bpf_dir is not on a bpffs, or holds state of another
  //                        version or network namespace
  //   PERMISSION_DENIED    no CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON
  //   UNAVAILABLE          the kernel or the mounts lack something, which the message names
  static absl::StatusOr<std::unique_ptr<BpfBackend>> Create(const BpfBackendOptions& options);
  // Ends publishing and forgets everything. OK if there is nothing. ALREADY_EXISTS while a supervisor runs.
  // A port that was reserved in the calling thread's network namespace is not any more, if that is the one it was for.
  static absl::Status Unload(const std::string& bpf_dir);

  std::string name() const override { return tracks() ? "hook-b" : "hook-d"; }
  absl::Status CheckStageF() const override;
  absl::Status AddRoutes(absl::Span<const Route> routes) override;
  absl::Status RemoveRoutes(absl::Span<const RouteKey> keys) override;
  absl::StatusOr<std::vector<Route>> Routes() override;
  absl::StatusOr<GroupId> NewGroup() override;
  absl::Status AddSocket(GroupId group, int fd) override;
  absl::StatusOr<std::vector<uint64_t>> LiveSockets(GroupId group) override;
  absl::Status RemoveGroup(GroupId group) override;
  absl::StatusOr<GroupCounters> Count(GroupId group) override;
  absl::StatusOr<BackendTotals> Totals() override;
  absl::Status Tick() override;

  // The supervisor's own pinned tables: 8-byte keys, values of FB_SERVICE_BYTES and FB_LISTENER_BYTES.
  template <typename Value>
  absl::StatusOr<BpfTable<uint64_t, Value>> Services() const {
    return programs_.Table<uint64_t, Value>("services");
  }
  template <typename Value>
  absl::StatusOr<BpfTable<uint64_t, Value>> Listeners() const {
    return programs_.Table<uint64_t, Value>("listeners");
  }

  // For bench/ and tests.
  const BpfPrograms& programs() const { return programs_; }

 private:
  BpfBackend(BpfBackendOptions options, std::unique_ptr<PinDir> pins, BpfPrograms programs)
      : options_(std::move(options)), pins_(std::move(pins)), programs_(std::move(programs)) {}
  absl::Status Init(uint64_t netns_cookie);
  absl::Status MapState(uint64_t netns_cookie);
  absl::Status OpenTables();
  absl::Status OpenTracker();
  absl::Status Attach();
  bool tracks() const { return options_.hook == Hook::kB; }
  BpfTable<fb_route_key, fb_route>& RoutesOf(Stage stage) { return stage == Stage::kD ? routes_ : fallback_routes_; }
  absl::Status ForEachRoute(const std::function<void(const Route&)>& visit);
  absl::Status KeepReservations();
  absl::Status RegisterUdp(GroupId group, int fd, uint64_t cookie);

  const BpfBackendOptions options_;
  std::unique_ptr<PinDir> pins_;
  BpfPrograms programs_;
  MappedArray<fb_state> state_;
  BpfTable<fb_route_key, fb_route> routes_;
  BpfTable<fb_route_key, fb_route> fallback_routes_;  // kD only
  BpfTable<uint64_t, uint32_t> udp_sockets_;
  std::unique_ptr<BpfSlots> slots_;
  std::unique_ptr<BpfTracker> tracker_;  // kB only
  PortReservations reservations_;
};

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_BPF_BACKEND_H_
