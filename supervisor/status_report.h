// SPDX-License-Identifier: Apache-2.0
// status_report: what runs, as JSON. The shape is an interface, described in forcebind-supervisor(8):
//   {"backend": "...", "walls": [...], "services": [{"name", "pid", "private": [...], "walls": [...],
//     "listeners": [{"protocol", "requested", "private", "public": [...], "published", "connections"}]}]}
// with more keys here and there.
//
// Tested by tests/unit/supervisor/status_report_test.cc.
#ifndef FORCEBIND_SUPERVISOR_STATUS_REPORT_H_
#define FORCEBIND_SUPERVISOR_STATUS_REPORT_H_

#include <optional>
#include <string>
#include <vector>

#include "supervisor/audit_totals.h"
#include "supervisor/registry.h"

namespace forcebind {

// How `prefix` and `port` are written for people: "0.0.0.0:80", "192.0.2.0/24:80", "[2001:db8::/32]:80",
// "192.0.2.7:80"; "0.0.0.0:*" with kAnyPort.
std::string PublicText(const Prefix& prefix, uint16_t port);

// `walls`: which ones this supervisor can put behind services.
std::string StatusJson(Registry& registry, Backend& backend, const std::vector<std::string>& walls,
                       const AuditTotals& audit = {});
// One service's part; nullopt if none has that name.
std::optional<std::string> ServiceJson(Registry& registry, const std::string& name, const AuditTotals& audit = {});

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_STATUS_REPORT_H_
