// SPDX-License-Identifier: Apache-2.0
// cgroup_wall: puts services into cgroups of their own, with programs of bpf/wall.bpf.c that hold them to their private
// addresses inside the kernel.
//
// THEORY OF OPERATION
//   A service's cgroup is below the one that its process is in, so that its limits and its accounting stay; but where
//   that one is delegated to a user (systemd's user manager), who could move the process out again, it is below the
//   nearest one upwards that is not. The order of things: make it, attach the programs, write the policy, and only
//   then move the process in. Programs are attached themselves, not by links, and the policy is storage of the cgroup:
//   both live exactly as long as the cgroup, whatever becomes of the supervisor. Nothing is pinned.
//   An IPv6 address that is local by a route alone cannot be bound without IPV6_FREEBIND, which no program can set:
//   where no other wall does it, the service's ULA stands on lo as long as its session. Programs that bind every
//   address of lo see it there (dnsmasq with --interface=lo). A cgroup is removed when its session has ended and no
//   process is left in it; until then it is tried again and again. Cgroups of a supervisor before this one are known by
//   their names, which hold the network namespace's cookie. A profile's `connect` list is of names, and the policy
//   holds addresses: whenever a name's addresses change the policies are written anew. The names are in the policy,
//   too, so that a supervisor that was started later does it for the cgroups that it found: their policies are found by
//   the programs that are attached to them.
// TRUST    The pidfd is the kernel's word for which process is meant. That process must be the peer's own.
// LIMITS   One cgroup per session.
// THREADS  Thread-compatible.
// Tested by tests/netns/wall_cgroup_test.cc.
#ifndef FORCEBIND_SUPERVISOR_CGROUP_WALL_H_
#define FORCEBIND_SUPERVISOR_CGROUP_WALL_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "supervisor/address_book.h"
#include "supervisor/policy_storage.h"
#include "supervisor/wall_policy.h"
#include "sys/cgroup.h"
#include "sys/unique_fd.h"

namespace forcebind {

class CgroupWall {
 public:
  // Loads the programs. UNAVAILABLE, PERMISSION_DENIED: this host cannot have the wall, and why.
  static absl::StatusOr<std::unique_ptr<CgroupWall>> Create(const WallScope& scope, AddressesOfName addresses_of);

  struct Request {
    uint64_t session = 0;
    std::string name;
    uid_t uid = 0;  // whose process it must be; root may have anybody's
    PrivateAddresses addresses;
    WallRules rules;
  };
  // When it returns without refusal, the process is behind the wall. `pidfd` is borrowed. EPERM: somebody else's
  // process; ESRCH: it has ended; EALREADY: the session has a cgroup.
  Refusal Enclose(const Request& request, int pidfd);

  // The session has ended: its cgroup goes when it is empty.
  void End(uint64_t session);
  // Removes the empty cgroups of this network namespace's supervisors.
  static void RemoveEmpty(uint64_t netns_cookie);
  // Takes on the cgroups that a supervisor before this one left.
  void FindLeftovers();
  // Removes those that are empty by now.
  void Sweep();
  // Names have got, changed or lost addresses. An error: a service goes by the old ones.
  absl::Status Readdress();
  // Every cgroup that has not gone yet, with the name of its service.
  std::vector<std::pair<std::string, std::string>> Directories() const;

 private:
  CgroupWall(const WallScope& scope, CgroupMount mount, AddressesOfName addresses_of)
      : scope_(scope), mount_(std::move(mount)), addresses_of_(std::move(addresses_of)) {}
  absl::Status Load();
  bool Attaches(uint32_t type, const WallRules& rules) const;
  void LendUla(const IpAddress& ula);
  void TakeUlaBack(const IpAddress& ula);
  std::string NameOf(const Request& request, pid_t pid) const;
  Refusal Furnish(const std::string& directory, const WallRules& rules, const fb_wall_policy& policy) const;
  void Adopt(const std::string& directory);
  bool Remove(const std::string& directory);
  Refusal MoveIn(const std::string& directory, pid_t pid, int pidfd, const std::string& origin) const;

  const WallScope scope_;
  const CgroupMount mount_;
  const AddressesOfName addresses_of_;
  PolicyStorage policies_;
  std::vector<std::pair<uint32_t, UniqueFd>> programs_;  // with their attach types
  struct Enclosed {
    std::string directory;
    std::optional<IpAddress> ula;
  };
  std::map<uint64_t, Enclosed> cgroups_;  // of sessions
  std::map<IpAddress, size_t> lent_;      // what this supervisor has put on lo, for how many sessions
  std::set<std::string> leftovers_;       // of ended sessions
  // Those with a `connect` list, by directory, with what their policies hold.
  struct Limited {
    PolicyStorage storage;
    fb_wall_policy policy;
  };
  std::map<std::string, Limited> limited_;
};

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_CGROUP_WALL_H_
