// SPDX-License-Identifier: Apache-2.0
// service_processes: which processes are a forced service's?
//
// THEORY OF OPERATION
//   Nothing that the kernel shows names the filter that a process is under, so there are several ways, and what one
//   does not find another may:
//     the cgroup       of the `cgroup` wall, with those below it: whatever is in it, however it came there
//     the tree         from the service's first process, from what its companion is the parent of (parent mode), and
//                      from every process found in any of these ways, down to the youngest child
//     what was seen    in an earlier look and still lives: a process that has lost its parent stays known
//     its sockets      whoever holds a socket that the companion has bound for the service, Claim()
//   Where it is not the cgroup that says so, a process counts only if it has a seccomp filter, which every forced
//   process has and no process loses, and belongs to the session's user, who may be root. Not found without the cgroup:
//   what has lost its parent between two looks and holds none of the service's sockets.
// TRUST    The first process's id is the companion's word, in its own pid namespace: it counts only if that namespace
// is
//          ours, and only for a process that is as old as the companion.
// THREADS  Thread-compatible.
// Tested by tests/netns/audit_test.cc.
#ifndef FORCEBIND_SUPERVISOR_SERVICE_PROCESSES_H_
#define FORCEBIND_SUPERVISOR_SERVICE_PROCESSES_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "supervisor/registry.h"
#include "sys/process_list.h"

namespace forcebind {

class ServiceProcesses {
 public:
  struct Session {
    ProcessId companion;
    pid_t first = 0;
  };
  struct Service {
    std::string name;
    uint32_t uid = 0;
    std::vector<Session> sessions;
    std::vector<pid_t> in_cgroup;
  };

  // Looks for the processes of these services, by their places in the list.
  void Find(const std::vector<Service>& services);
  // Somebody who holds a socket of that service, and his children.
  void Claim(pid_t pid, size_t service);
  const std::map<pid_t, size_t>& found() const { return found_; }
  // Keeps what was found for the next look.
  void Remember();

 private:
  bool IsCandidate(pid_t pid, const Service& service) const;
  bool IsFirst(const Session& session) const;
  void ForEachSession(const std::function<void(const Session&, size_t)>& body) const;
  void AddChildrenOfCompanion(const Session& session, size_t service);
  // `sure`: the cgroup says so.
  void AddTree(pid_t root, size_t service, bool sure);

  std::vector<Service> services_;
  std::map<pid_t, ProcessStat> all_;
  std::multimap<pid_t, pid_t> children_;
  std::map<pid_t, size_t> found_;
  struct Known {
    uint64_t start_time = 0;
    std::string service;
  };
  std::map<pid_t, Known> known_;
};

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_SERVICE_PROCESSES_H_
