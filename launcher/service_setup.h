// SPDX-License-Identifier: Apache-2.0
// service_setup: from the options of `forcebind run` to a service's policy and its link to a supervisor.
#ifndef FORCEBIND_LAUNCHER_SERVICE_SETUP_H_
#define FORCEBIND_LAUNCHER_SERVICE_SETUP_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/service_policy.h"
#include "launcher/run.h"
#include "launcher/supervisor_link.h"

namespace forcebind {

struct ServiceSetup {
  ServicePolicy policy;                  // with addresses
  std::vector<Wall> walls;               // those that it will have
  std::unique_ptr<SupervisorLink> link;  // null: without a supervisor
  std::string note;                      // what the operator should know of it, or empty
};

// The profile and the options that amend it.
absl::StatusOr<ServicePolicy> PolicyFor(const RunOptions& options);

absl::StatusOr<ServiceSetup> SetUpService(const RunOptions& options);

// Where the supervisor is to be looked for: the option, FORCEBIND_SUPERVISOR, the user's own, the system's.
struct SupervisorPath {
  std::string path;        // empty: none is wanted
  bool explicit_ = false;  // somebody named it
};
SupervisorPath FindSupervisor(const std::optional<std::string>& option);

// The ULA prefix that a supervisor has chosen for this host, if any.
std::optional<Prefix> HostUlaPrefix();

// The private addresses that a name gets where no supervisor assigns them.
PrivateAddresses LocalAddresses(const std::string& name);

}  // namespace forcebind

#endif  // FORCEBIND_LAUNCHER_SERVICE_SETUP_H_
