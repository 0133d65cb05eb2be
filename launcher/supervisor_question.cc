// SPDX-License-Identifier: Apache-2.0
#include "launcher/supervisor_question.h"

#include <variant>

#include "absl/strings/str_cat.h"
#include "launcher/output.h"
#include "launcher/service_setup.h"
#include "launcher/supervisor_link.h"
#include "sys/errno_status.h"

namespace forcebind {
namespace {

absl::Status Explained(const absl::Status& status, const std::string& path) {
  const std::string message(status.message());
  if (absl::IsFailedPrecondition(status)) {
    return absl::FailedPreconditionError(absl::StrCat("the supervisor at ", path, ": ", message));
  }
  if (absl::IsPermissionDenied(status)) return absl::PermissionDeniedError(message);
  return absl::UnavailableError(absl::StrCat("no supervisor answers: ", message, "; is forcebind-supervisor running?"));
}

}  // namespace

absl::StatusOr<std::string> AskForDocument(const std::optional<std::string>& option, const wire::Message& question) {
  const SupervisorPath supervisor = FindSupervisor(option);
  if (supervisor.path.empty() && supervisor.explicit_) {
    return absl::InvalidArgumentError("there is nobody to ask with --supervisor none (or FORCEBIND_SUPERVISOR=none)");
  }
  if (supervisor.path.empty()) {
    return absl::UnavailableError(
        "no supervisor is running: start forcebind-supervisor, or name its socket with --supervisor");
  }
  std::string document;
  absl::StatusOr<wire::Message> answer = AskSupervisor(supervisor.path, question, &document);
  if (!answer.ok()) return Explained(answer.status(), supervisor.path);
  if (std::holds_alternative<wire::Document>(*answer)) return document;
  if (const auto* refusal = std::get_if<wire::Result>(&*answer)) {
    return absl::PermissionDeniedError(
        absl::StrCat("the supervisor refuses: ", refusal->text, " (", ErrnoName(refusal->error), ")"));
  }
  return absl::UnavailableError("the supervisor answers out of turn");
}

int ComplainOfSupervisor(const char* command, const absl::Status& status) {
  return Complain(command, status, absl::IsInvalidArgument(status) ? kUsageError : kFailed);
}

}  // namespace forcebind
