// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "launcher/command.h"
#include "launcher/explanation.h"
#include "launcher/json_document.h"
#include "launcher/output.h"
#include "launcher/supervisor_question.h"

namespace forcebind {
namespace {

constexpr char kCommand[] = "explain";

struct ExplainOptions {
  std::string protocol;
  std::string endpoint;
  bool json = false;
  std::optional<std::string> supervisor;
};

absl::StatusOr<std::string> AsJson(const std::string& text) {
  absl::StatusOr<Json> json = ParseJson(text);
  if (!json.ok()) return json.status();
  return WriteJson(*json);
}

int Explain(const ExplainOptions& options) {
  absl::StatusOr<wire::ExplainRequest> question = ParseExplainQuestion(options.protocol, options.endpoint);
  if (!question.ok()) return Complain(kCommand, question.status(), kUsageError);
  absl::StatusOr<std::string> text = AskForDocument(options.supervisor, *question);
  if (!text.ok()) return ComplainOfSupervisor(kCommand, text.status());
  absl::StatusOr<std::string> shown = options.json ? AsJson(*text) : FormatExplanation(*text);
  return shown.ok() ? Print(*shown) : Complain(kCommand, shown.status());
}

}  // namespace

CommandFunction DeclareExplain(CLI::App& parser) {
  auto options = std::make_shared<ExplainOptions>();
  parser.add_option("PROTO", options->protocol, "tcp or udp")->type_name("")->required();
  parser.add_option("ADDR:PORT", options->endpoint, "what a client dials: 192.0.2.7:80, [2001:db8::1]:443")
      ->type_name("")
      ->required();
  parser.add_flag("--json", options->json, "print the supervisor's answer as JSON");
  parser.add_option("--supervisor", options->supervisor, "the supervisor's socket")->type_name("PATH");
  parser.footer("Exit status: 0; 1 without an answer; 125 for a usage error.\n");
  return [options] { return Explain(*options); };
}

}  // namespace forcebind
