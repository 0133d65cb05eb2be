// SPDX-License-Identifier: Apache-2.0
// doctor_report: the checks as lines and as JSON, and the verdict.
//
// Tested by tests/unit/launcher/doctor_report_test.cc.
#ifndef FORCEBIND_LAUNCHER_DOCTOR_REPORT_H_
#define FORCEBIND_LAUNCHER_DOCTOR_REPORT_H_

#include <string>
#include <vector>

#include "launcher/doctor_checks.h"

namespace forcebind {

struct Diagnosis {
  std::vector<DoctorCheck> checks;
  std::vector<Wall> walls;        // WallsHere()
  bool run_works = false;         // `forcebind run` does
  bool publishing_works = false;  // a supervisor answers
  bool publishing_can = false;    // or one would, if it were started here
};

Diagnosis Diagnose(const DoctorFacts& facts);

// "ok|warn|missing  NAME  what it means; what to do" in two groups, then the walls and what they do not hold, as
// "open  NAME  what it is; what would close it" (core/open_ways), and the verdict.
std::string FormatDiagnosis(const Diagnosis& diagnosis);
// {"run", "publishing": "works"|"possible"|"impossible", "verdict",
//  "checks": [{"group", "level", "name", "meaning", "advice"}], "walls": [NAME], "open": [{"name", "what",
//  "closed_by"}]}
std::string DiagnosisAsJson(const Diagnosis& diagnosis);

}  // namespace forcebind

#endif  // FORCEBIND_LAUNCHER_DOCTOR_REPORT_H_
