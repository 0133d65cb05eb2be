// SPDX-License-Identifier: Apache-2.0
// status_table: the supervisor's status for people: one row per listener, from what the service asked for to what
// clients dial.
//
// Tested by tests/unit/launcher/status_table_test.cc.
#ifndef FORCEBIND_LAUNCHER_STATUS_TABLE_H_
#define FORCEBIND_LAUNCHER_STATUS_TABLE_H_

#include <cstddef>
#include <string>

#include "launcher/status_document.h"

namespace forcebind {

std::string FormatStatus(const StatusDocument& status, size_t width);

}  // namespace forcebind

#endif  // FORCEBIND_LAUNCHER_STATUS_TABLE_H_
