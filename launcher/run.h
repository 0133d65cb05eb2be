// SPDX-License-Identifier: Apache-2.0
// run: `forcebind run`, a prefix like nice(1): sets the service up and becomes it.
#ifndef FORCEBIND_LAUNCHER_RUN_H_
#define FORCEBIND_LAUNCHER_RUN_H_

#include <optional>
#include <string>
#include <vector>

#include "notify/service_log.h"

namespace forcebind {

struct RunOptions {
  std::optional<std::string> profile;  // a name or a path
  std::optional<std::string> name;
  std::vector<std::string> addresses;
  std::vector<std::string> publish;  // "tcp/80"
  std::vector<std::string> walls;    // exactly these; empty: what the profile says
  std::optional<std::string> required_wall;
  std::optional<std::string> supervisor;  // a path, or "none"; absent: the default one, if it is there
  LogLevel log_level = LogLevel::kWarning;
  std::vector<std::string> command;
};

// The exit status where the failure is forcebind's own, as env(1) has it.
inline constexpr int kOwnFailure = 125;

// Returns only in failure, with the exit status: kOwnFailure, 126 and 127 as env(1).
int Run(const RunOptions& options);

}  // namespace forcebind

#endif  // FORCEBIND_LAUNCHER_RUN_H_
