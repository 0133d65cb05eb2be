// SPDX-License-Identifier: Apache-2.0
// cgroup: directories of the cgroup v2 hierarchy. See cgroups(7) and the kernel's admin-guide/cgroup-v2.
//
// Errors of calls that change something are errno values; 0 is success.
// Tested by tests/unit/sys/cgroup_test.cc and tests/netns/wall_cgroup_test.cc.
#ifndef FORCEBIND_SYS_CGROUP_H_
#define FORCEBIND_SYS_CGROUP_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace forcebind {

// Where the hierarchy is mounted, and which of its cgroups is to be seen there ("/" but in containers).
struct CgroupMount {
  std::string path;
  std::string root;
};
// UNAVAILABLE: none is mounted.
absl::StatusOr<CgroupMount> FindCgroupMount();
// The parser of the above, for /proc/self/mountinfo (proc(5)). A mount that shows the whole hierarchy comes first.
std::optional<CgroupMount> ParseCgroupMount(const std::string& mountinfo);

// The directory of the cgroup that a process is in; empty if it cannot be reached through the mount.
std::string CgroupOfProcess(const CgroupMount& mount, pid_t pid);
// The parser of the above, for /proc/PID/cgroup.
std::string ParseCgroupOfProcess(const CgroupMount& mount, const std::string& proc_cgroup);

// The next cgroup from `directory` upwards whose processes only root may choose: from below it, nobody else can move a
// process out. The mount's own directory at the latest.
std::string UndelegatedCgroup(const CgroupMount& mount, const std::string& directory);

int MakeCgroup(const std::string& directory);
// Removes the cgroup and those below it. EBUSY: processes are in one of them.
int RemoveCgroup(const std::string& directory);
int MoveToCgroup(const std::string& directory, pid_t pid);

// Calls `found` with the directory of every cgroup in the hierarchy.
void ForEachCgroup(const CgroupMount& mount, const std::function<void(const std::string& directory)>& found);

// The cgroup and those below it: their ids, as the kernel gives them with sockets, and the processes that are in them.
struct CgroupTree {
  std::vector<uint64_t> ids;
  std::vector<pid_t> processes;
};
CgroupTree ReadCgroupTree(const std::string& directory);

}  // namespace forcebind

#endif  // FORCEBIND_SYS_CGROUP_H_
