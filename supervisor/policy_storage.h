// SPDX-License-Identifier: Apache-2.0
// policy_storage: the map in which the programs of one supervisor's `cgroup` wall have their policies, an entry for
// each cgroup to which they are attached.
//
// THREADS  Thread-compatible.
// Tested by tests/netns/wall_cgroup_test.cc.
#ifndef FORCEBIND_SUPERVISOR_POLICY_STORAGE_H_
#define FORCEBIND_SUPERVISOR_POLICY_STORAGE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "bpf/wall_layout.h"
#include "sys/unique_fd.h"

namespace forcebind {

// The number that the kernel knows a cgroup by; 0: there is no such directory.
uint64_t CgroupId(const std::string& directory);

class PolicyStorage {
 public:
  PolicyStorage() = default;
  explicit PolicyStorage(UniqueFd map) : map_(std::make_shared<UniqueFd>(std::move(map))) {}
  // The one that the programs use that are attached to this cgroup, whoever attached them. Invalid: there are none, or
  // none whose policies are laid out like ours.
  static PolicyStorage Of(const std::string& cgroup_directory);

  bool valid() const { return map_ != nullptr && map_->valid(); }
  // REQUIRES: valid(), and a program is attached to the cgroup. An errno value.
  int Write(const std::string& cgroup_directory, const fb_wall_policy& policy) const;
  int Read(const std::string& cgroup_directory, fb_wall_policy* policy) const;

 private:
  std::shared_ptr<UniqueFd> map_;
};

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_POLICY_STORAGE_H_
