// SPDX-License-Identifier: Apache-2.0
// doctor_probes: finds out by trying, never by version. Nothing of the host is changed: filters are loaded in a child,
// programs are loaded and let go, sockets are bound to port 0.
#ifndef FORCEBIND_LAUNCHER_DOCTOR_PROBES_H_
#define FORCEBIND_LAUNCHER_DOCTOR_PROBES_H_

#include <optional>
#include <string>

#include "launcher/doctor_facts.h"

namespace forcebind {

// Every error is ECHILD if the child did not come back to tell (a sandbox has killed it).
ChildFacts ProbeInChild();

// `supervisor`: as of --supervisor. Waits for the supervisor kAnswerTimeoutMs at most, for nothing else.
DoctorFacts GatherDoctorFacts(const std::optional<std::string>& supervisor);

}  // namespace forcebind

#endif  // FORCEBIND_LAUNCHER_DOCTOR_PROBES_H_
