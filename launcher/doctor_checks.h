// SPDX-License-Identifier: Apache-2.0
// doctor_checks: what the facts mean for who wants to use forcebind here, and what to do about it. Pure.
//
// A check is *missing* only where its group does not work without it. What merely makes things slower, or does without
// a feature, is a warning.
//
// Tested by tests/unit/launcher/doctor_checks_test.cc.
#ifndef FORCEBIND_LAUNCHER_DOCTOR_CHECKS_H_
#define FORCEBIND_LAUNCHER_DOCTOR_CHECKS_H_

#include <string>
#include <vector>

#include "core/walls.h"
#include "launcher/doctor_facts.h"

namespace forcebind {

enum class CheckGroup { kRun, kPublish };
enum class CheckLevel { kOk, kWarn, kMissing };

struct DoctorCheck {
  CheckGroup group = CheckGroup::kRun;
  CheckLevel level = CheckLevel::kOk;
  std::string name;
  std::string meaning;  // what follows
  std::string advice;   // what to do; empty where there is nothing to do
};

// Behind which walls a service stands here that says nothing of walls.
std::vector<Wall> WallsHere(const DoctorFacts& facts);
std::vector<DoctorCheck> RunChecks(const DoctorFacts& facts);
std::vector<DoctorCheck> PublishChecks(const DoctorFacts& facts);

}  // namespace forcebind

#endif  // FORCEBIND_LAUNCHER_DOCTOR_CHECKS_H_
