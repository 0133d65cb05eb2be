// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "launcher/audit_report.h"
#include "launcher/command.h"
#include "launcher/json_document.h"
#include "launcher/output.h"
#include "launcher/supervisor_question.h"

namespace forcebind {
namespace {

constexpr char kCommand[] = "audit";

struct AuditOptions {
  bool json = false;
  std::optional<std::string> supervisor;
};

int Trouble(const absl::Status& status) {
  return Complain(kCommand, status, absl::IsInvalidArgument(status) ? kUsageError : kNoAnswer);
}

int Audit(const AuditOptions& options) {
  absl::StatusOr<std::string> text = AskForDocument(options.supervisor, wire::AuditRequest{});
  if (!text.ok()) return Trouble(text.status());
  absl::StatusOr<AuditDocument> report = ParseAudit(*text);
  if (!report.ok()) return Complain(kCommand, report.status(), kNoAnswer);
  const int printed = Print(options.json ? WriteJson(*ParseJson(*text)) : FormatAudit(*report, OutputWidth()));
  if (printed != kDone) return kNoAnswer;
  if (report->Findings() > 0) return kFailed;
  absl::Status complete = CheckComplete(*report);
  return complete.ok() ? kDone : Complain(kCommand, complete, kNoAnswer);
}

}  // namespace

CommandFunction DeclareAudit(CLI::App& parser) {
  auto options = std::make_shared<AuditOptions>();
  parser.add_flag("--json", options->json, "print the supervisor's answer as JSON");
  parser.add_option("--supervisor", options->supervisor, "the supervisor's socket")->type_name("PATH");
  parser.footer(
      "Exit status: 0 without findings; 1 with any; 2 without an answer, or if not everything could be seen;\n"
      "125 for a usage error.\n");
  return [options] { return Audit(*options); };
}

}  // namespace forcebind
