// SPDX-License-Identifier: Apache-2.0
// bpf_programs: loads the programs of bpf/hook_b.bpf.c or bpf/hook_d.bpf.c over new or pinned maps, attaches them, and
// pins the lot.
//
// OWNERSHIP  Holds descriptors of the maps, the programs and the links, nothing of libbpf's: the loader's memory is
// given back. Links that are not pinned go with this object.
// THREADS    Thread-compatible.
#ifndef FORCEBIND_SUPERVISOR_BPF_PROGRAMS_H_
#define FORCEBIND_SUPERVISOR_BPF_PROGRAMS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "supervisor/bpf_table.h"
#include "supervisor/pin_dir.h"
#include "sys/unique_fd.h"

namespace forcebind {

// Where a lookup program can stand: the stages of README.md.
enum class Hook { kB, kD, kF };

// The number of the hook's attach type. FAILED_PRECONDITION: this kernel has no such hook.
absl::StatusOr<uint32_t> FindHook(Hook hook);

class BpfPrograms {
 public:
  // `hook` is kB or kD; with the latter comes the program at kF, if the kernel has it.
  // Maps that `pins` has are used again; all or none must be there, and of the same shape: FAILED_PRECONDITION. Those
  // that only one hook has count apart: the backend at the other one has left none.
  // `max_exact` is the size of new tables of exact listeners. UNAVAILABLE and PERMISSION_DENIED say what is missing.
  static absl::StatusOr<BpfPrograms> Load(Hook hook, const PinDir& pins, uint64_t netns_cookie, uint32_t max_exact);

  // Whether the maps were there before; whether those of this hook alone were.
  bool reused_maps() const { return reused_maps_; }
  bool reused_own_maps() const { return reused_own_maps_; }
  bool has_fallback() const { return lookups_.contains("fb_fallback"); }

  // What learns of sockets, to be attached before the seeding; then what answers packets, binds and sends.
  absl::Status AttachTracking(int cgroup);
  absl::Status AttachDispatch(int cgroup, int netns);

  // Pins every map under its name and every link as link_NAME.
  absl::Status PinTo(const std::string& directory) const;

  int program(const std::string& name) const { return programs_.at(name).get(); }
  int map(const std::string& name) const { return maps_.at(name).get(); }

  // A table over its own copy of the map's descriptor.
  template <typename Key, typename Value>
  absl::StatusOr<BpfTable<Key, Value>> Table(const std::string& name) const {
    return BpfTable<Key, Value>::Open(UniqueFd(fcntl(map(name), F_DUPFD_CLOEXEC, 3)), name);
  }

 private:
  friend class ProgramLoader;
  struct Attachment;
  absl::Status Attach(const std::string& name, uint32_t type, int target);
  absl::Status AttachAll(absl::Span<const Attachment> attachments, int cgroup);

  std::map<std::string, uint32_t> lookups_;  // the attach types of programs
  bool reused_maps_ = false, reused_own_maps_ = false;
  std::map<std::string, UniqueFd> maps_, programs_, links_;
};

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_BPF_PROGRAMS_H_
