// SPDX-License-Identifier: Apache-2.0
// audit_report: what the supervisor's look for sockets elsewhere has found, read from its JSON text, whose shape
// forcebind-supervisor(8) describes, and shown.
//
// Tested by tests/unit/launcher/audit_report_test.cc.
#ifndef FORCEBIND_LAUNCHER_AUDIT_REPORT_H_
#define FORCEBIND_LAUNCHER_AUDIT_REPORT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace forcebind {

// Texts as the supervisor wrote them: not to be printed without Printable().
struct AuditFinding {
  std::string service;
  int64_t pid = 0;  // 0: nobody who was found
  std::string command;
  std::string protocol;
  std::string socket;
  std::string why;
  bool allowed = false;  // by the profile; no finding, but shown
};

struct AuditDocument {
  std::vector<AuditFinding> findings;
  int64_t services = 0, processes = 0, sockets = 0;
  std::vector<std::string> unseen;  // process ids of those that may not be looked into
  std::string trouble;

  size_t Findings() const;  // without the allowed ones
};

// INVALID_ARGUMENT for what is no such report.
absl::StatusOr<AuditDocument> ParseAudit(const std::string& text);

std::string FormatAudit(const AuditDocument& report, size_t width);

// UNAVAILABLE: something could not be seen, and what.
absl::Status CheckComplete(const AuditDocument& report);

}  // namespace forcebind

#endif  // FORCEBIND_LAUNCHER_AUDIT_REPORT_H_
