// SPDX-License-Identifier: Apache-2.0
// supervisor_question: what `status`, `explain`, `hosts` and `doctor` do alike: find the supervisor, ask it for a
// document, and say in one line what went wrong.
#ifndef FORCEBIND_LAUNCHER_SUPERVISOR_QUESTION_H_
#define FORCEBIND_LAUNCHER_SUPERVISOR_QUESTION_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "wire/messages.h"

namespace forcebind {

// The text of the Document that answers `question`. INVALID_ARGUMENT: `option` says "none". UNAVAILABLE: nobody is
// there, or does not answer. FAILED_PRECONDITION: a supervisor of another version. PERMISSION_DENIED: it refuses, or
// its socket does.
absl::StatusOr<std::string> AskForDocument(const std::optional<std::string>& option, const wire::Message& question);

// Prints the error of a question: kUsageError for INVALID_ARGUMENT, kFailed for the others.
int ComplainOfSupervisor(const char* command, const absl::Status& status);

}  // namespace forcebind

#endif  // FORCEBIND_LAUNCHER_SUPERVISOR_QUESTION_H_
