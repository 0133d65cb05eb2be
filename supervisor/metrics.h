// SPDX-License-Identifier: Apache-2.0
// metrics: counters for Prometheus, in its text format (version 0.0.4). forcebind-supervisor(8) lists them.
//
// Tested by tests/unit/supervisor/status_report_test.cc.
#ifndef FORCEBIND_SUPERVISOR_METRICS_H_
#define FORCEBIND_SUPERVISOR_METRICS_H_

#include <cstdint>
#include <string>

#include "supervisor/audit_totals.h"
#include "supervisor/registry.h"

namespace forcebind {

struct ServerFacts {
  uint64_t clients = 0;
  uint64_t refused_clients = 0;
  AuditTotals audit;
};

std::string MetricsText(const Registry& registry, Backend& backend, const ServerFacts& server);

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_METRICS_H_
