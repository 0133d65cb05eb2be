// SPDX-License-Identifier: Apache-2.0
// doctor_samples: the facts of a machine on which everything works, for tests to break one by one.
#ifndef FORCEBIND_TESTS_UNIT_LAUNCHER_DOCTOR_SAMPLES_H_
#define FORCEBIND_TESTS_UNIT_LAUNCHER_DOCTOR_SAMPLES_H_

#include "launcher/doctor_facts.h"

namespace forcebind {

inline DoctorFacts EverythingWorks() {
  DoctorFacts facts;
  facts.capabilities = ~uint64_t{0};
  facts.landlock_abi = 4;
  facts.ula = *Prefix::Parse("fd5e:1f2a:90c1::/48");
  facts.ula_local = true;
  facts.supervisor = {.answers = true, .version = "1.2.3", .backend = "hook-b", .cgroup_wall = true};
  facts.cgroup2 = "/sys/fs/cgroup";
  facts.bpffs = true;
  return facts;
}

}  // namespace forcebind

#endif  // FORCEBIND_TESTS_UNIT_LAUNCHER_DOCTOR_SAMPLES_H_
