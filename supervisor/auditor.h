// SPDX-License-Identifier: Apache-2.0
// auditor: the sweep. Does any process of a forced service hold a listener elsewhere than on the service's addresses,
// and is there any that was made in its cgroup?
//
// THEORY OF OPERATION
//   (1) The kernel lists its listening TCP and bound UDP sockets. (2) The services' processes are found, and what they
//   hold (service_processes, sys/proc_sockets). (3) The kernel lists again: what counts was there both times, by
//   cookie, on the same address, and was held in between. What closes while we look is no finding. A socket belongs to
//   the service that holds it, else to the one in whose cgroup it was made, whoever holds it. core/audit judges.
//   Nothing is done about a finding: it is counted, written to the log once, and told to whoever asks.
// TRUST    What the companion has said excuses sockets of its own service alone.
// LIMITS   Sockets of this network namespace; TCP (MPTCP included) and UDP. Not found without the `cgroup` wall: what
//          service_processes does not find, and sockets that are in nobody's table of descriptors.
// THREADS  Thread-compatible. Must run in the network namespace that is served.
// Tested by tests/unit/supervisor/auditor_test.cc and tests/netns/audit_test.cc.
#ifndef FORCEBIND_SUPERVISOR_AUDITOR_H_
#define FORCEBIND_SUPERVISOR_AUDITOR_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/audit.h"
#include "supervisor/address_book.h"
#include "supervisor/audit_totals.h"
#include "supervisor/registry.h"
#include "supervisor/service_processes.h"
#include "sys/cgroup.h"
#include "sys/sock_diag.h"

namespace forcebind {

struct Finding {
  std::string service;
  pid_t pid = 0;  // who holds it; 0: nobody who was found
  std::string command;
  AuditedSocket socket;
  uint64_t cookie = 0;
  Standing standing = Standing::kElsewhere;  // or kLetIn
  std::string why;
};

struct AuditReport {
  std::string trouble;  // it could not be looked at all, and why
  std::vector<Finding> findings;
  std::map<pid_t, std::string> unseen;  // processes of services that may not be looked into
  size_t services = 0, processes = 0, sockets = 0;

  bool complete() const { return trouble.empty() && unseen.empty(); }
};

class Auditor {
 public:
  // A service's cgroup, whether its session is still there or not.
  struct Enclosure {
    std::string service;
    std::string directory;
  };
  using Log = std::function<void(const std::string&)>;

  // `book` must outlive it.
  Auditor(const AddressBook& book, Log log) : book_(book), log_(std::move(log)) {}

  AuditReport Look(const std::vector<Registry::AuditedSession>& sessions, const std::vector<Enclosure>& enclosures);
  const AuditTotals& totals() const { return totals_; }

 private:
  struct Scope;
  struct HostPorts;
  struct Holder {
    size_t scope = 0;
    pid_t pid = 0;
  };
  using Holders = std::map<uint32_t, Holder>;  // by inode

  std::vector<Scope> ScopesOf(const std::vector<Registry::AuditedSession>& sessions,
                              const std::vector<Enclosure>& enclosures) const;
  Holders FindHolders(const std::vector<Scope>& scopes, const std::vector<DiagSocket>& sockets, AuditReport* report);
  void ReadHeld(Holders* holders, std::set<pid_t>* read, AuditReport* report) const;
  void Judge(const std::vector<Scope>& scopes, const Holders& holders, const std::vector<DiagSocket>& sockets,
             AuditReport* report) const;
  std::optional<Finding> JudgeOne(const Scope& scope, const DiagSocket& found, const HostPorts& host) const;
  void Count(const AuditReport& report);

  const AddressBook& book_;
  const Log log_;
  ServiceProcesses processes_;
  std::set<uint64_t> last_;  // cookies of the last look's findings
  AuditTotals totals_;
};

// Those of `now` that were there `before`, and are what they were.
std::vector<DiagSocket> StillThere(const std::vector<DiagSocket>& before, const std::vector<DiagSocket>& now);

std::string AuditJson(const AuditReport& report);

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_AUDITOR_H_
