// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "launcher/command.h"
#include "launcher/output.h"
#include "launcher/status_document.h"
#include "launcher/status_table.h"
#include "launcher/supervisor_question.h"

namespace forcebind {
namespace {

constexpr char kCommand[] = "status";

struct StatusOptions {
  bool json = false;
  std::optional<std::string> supervisor;
  std::string name;
};

absl::StatusOr<std::string> StatusAsTable(const std::string& text, const std::string& name) {
  absl::StatusOr<StatusDocument> status = ParseStatus(text);
  if (!status.ok()) return status.status();
  if (!name.empty()) {
    std::erase_if(status->services, [&](const StatusService& service) { return service.name != name; });
    if (status->services.empty()) return absl::NotFoundError(absl::StrCat("no service \"", name, "\" is running"));
  }
  return FormatStatus(*status, OutputWidth());
}

int Status(const StatusOptions& options) {
  absl::StatusOr<std::string> text = AskForDocument(options.supervisor, wire::StatusRequest{});
  if (!text.ok()) return ComplainOfSupervisor(kCommand, text.status());
  absl::StatusOr<std::string> shown =
      options.json ? StatusAsJson(*text, options.name) : StatusAsTable(*text, options.name);
  return shown.ok() ? Print(*shown) : Complain(kCommand, shown.status());
}

}  // namespace

CommandFunction DeclareStatus(CLI::App& parser) {
  auto options = std::make_shared<StatusOptions>();
  parser.add_flag("--json", options->json, "print the supervisor's answer as JSON");
  parser.add_option("--supervisor", options->supervisor, "the supervisor's socket")->type_name("PATH");
  parser.add_option("NAME", options->name, "this service only")->type_name("");
  parser.footer("Exit status: 0; 1 without an answer, or without a service of that name; 125 for a usage error.\n");
  return [options] { return Status(*options); };
}

}  // namespace forcebind
