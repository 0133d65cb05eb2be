// SPDX-License-Identifier: Apache-2.0
// output: how commands speak to who typed them. Exit statuses are those of forcebind(1).
#ifndef FORCEBIND_LAUNCHER_OUTPUT_H_
#define FORCEBIND_LAUNCHER_OUTPUT_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"

namespace forcebind {

inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
// Where 1 is an answer, as with grep(1): there was none.
inline constexpr int kNoAnswer = 2;
// forcebind's own, so that it can be told from the status of a command that is run (env(1)).
inline constexpr int kUsageError = 125;

// Writes `text` to standard output. Returns kDone; or kFailed, after a word on standard error, if not all of it could
// be written.
int Print(const std::string& text);

// "forcebind: WHAT: message", as PrintableLine(), on standard error. Returns `exit_status`.
int Complain(const std::string& what, const absl::Status& status, int exit_status = kFailed);

// Columns of the terminal that standard output is; else $COLUMNS; else 80.
size_t OutputWidth();

}  // namespace forcebind

#endif  // FORCEBIND_LAUNCHER_OUTPUT_H_
