// SPDX-License-Identifier: Apache-2.0
// audit_totals: what status and metrics tell of the auditor's looks.
#ifndef FORCEBIND_SUPERVISOR_AUDIT_TOTALS_H_
#define FORCEBIND_SUPERVISOR_AUDIT_TOTALS_H_

#include <cstdint>
#include <map>
#include <string>

namespace forcebind {

struct AuditTotals {
  uint64_t looks = 0;
  uint64_t incomplete = 0;                     // of these: not everything could be seen
  uint64_t found = 0;                          // findings ever, each socket once
  uint64_t current = 0;                        // findings of the last look
  std::map<std::string, uint64_t> by_service;  // likewise
};

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_AUDIT_TOTALS_H_
