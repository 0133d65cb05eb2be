// SPDX-License-Identifier: Apache-2.0
// companion_start: who a companion is, and how another one is started as the same.
//
// THEORY OF OPERATION
//   User, group and groups are those of its connection, as the kernel has them (SO_PEERCRED, SO_PEERGROUPS). The rest
//   is asked of /proc while a pidfd of the connection (SO_PEERPIDFD, Linux 6.5) says that the number is still its own.
//   A process could execute a program with file capabilities to be asked while it has them. So, in this order: it has
//   no_new_privs, after which no execution gives it a capability more; it runs the very program that is started here;
//   and only then, which capabilities it has. They are those of a `forcebind run`.
//
//   It is not replaced where that would put something of its user's outside of what held it: another user, pid or
//   network namespace, another root directory, seccomp filters, another security label (AppArmor, SELinux). Its mount
//   namespace, cgroup and resource limits are kept.
//
//   The new one is executed by root, with the group and the groups of the old one, and becomes its user by itself
//   (launcher/take_over.h). It has no descriptor of the supervisor's but standard error, and an empty environment.
// LIMITS   Landlock rules cannot be seen from outside, and nice and scheduling values are not kept.
// Tested by tests/netns/companion_takeover_test.cc.
#ifndef FORCEBIND_SUPERVISOR_COMPANION_START_H_
#define FORCEBIND_SUPERVISOR_COMPANION_START_H_

#include <sys/resource.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "supervisor/registry.h"
#include "sys/cgroup.h"
#include "sys/unique_fd.h"
#include "sys/unix_channel.h"

namespace forcebind {

struct CompanionOrigin {
  PeerCredentials credentials;
  ProcessId process;
  uint64_t capabilities = 0;         // the permitted ones
  std::shared_ptr<UniqueFd> mounts;  // its mount namespace; null: the supervisor's
  std::string cgroup;                // its directory; empty: there is no hierarchy
  std::array<rlimit, RLIM_NLIMITS> limits{};
};

class CompanionStarter {
 public:
  // `program`: the path of `forcebind`; empty: what lies beside this program, or in ../bin. NOT_FOUND: there is none.
  static absl::StatusOr<CompanionStarter> Create(const std::string& program);

  // The companion behind a connection, and its pidfd. False: nobody is started in its place.
  bool Ask(int connection, const PeerCredentials& credentials, CompanionOrigin* origin, UniqueFd* pidfd) const;
  // With copies of the two descriptors. `pidfd` is invalid where it could not be started.
  ProcessId Start(const CompanionOrigin& origin, int notify_fd, int memory_fd, UniqueFd* pidfd) const;

 private:
  CompanionStarter(UniqueFd program, std::optional<CgroupMount> cgroups)
      : program_(std::move(program)), cgroups_(std::move(cgroups)) {}
  bool AskProc(const PeerCredentials& credentials, CompanionOrigin* origin) const;
  bool RunsTheProgram(pid_t pid) const;

  UniqueFd program_;
  std::optional<CgroupMount> cgroups_;
};

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_COMPANION_START_H_
