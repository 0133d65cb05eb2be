// SPDX-License-Identifier: Apache-2.0
// explanation: the supervisor's answer to "who would get a new connection?", for people. core/explain.h says what the
// stages are.
//
// Tested by tests/unit/launcher/explanation_test.cc.
#ifndef FORCEBIND_LAUNCHER_EXPLANATION_H_
#define FORCEBIND_LAUNCHER_EXPLANATION_H_

#include <string>

#include "absl/status/statusor.h"
#include "wire/messages.h"

namespace forcebind {

// From the words of the command line. INVALID_ARGUMENT says what would be right.
absl::StatusOr<wire::ExplainRequest> ParseExplainQuestion(const std::string& protocol, const std::string& endpoint);

// One line per stage, '>' before the one that decides, then who has it and why. INVALID_ARGUMENT for what is no
// explanation.
absl::StatusOr<std::string> FormatExplanation(const std::string& json_text);

}  // namespace forcebind

#endif  // FORCEBIND_LAUNCHER_EXPLANATION_H_
