// SPDX-License-Identifier: Apache-2.0
#include "launcher/explanation.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "launcher/json_document.h"
#include "launcher/printable.h"

namespace forcebind {
namespace {

std::string Escaped(const Json& object, const char* key) { return Printable(JsonText(object, key)); }

std::string StageLine(const Json& stage, const std::string& deciding) {
  const std::string name = Escaped(stage, "stage");
  return absl::StrCat(name == deciding ? "> " : "  ", name, "  ", Escaped(stage, "what"), " -> ",
                      Escaped(stage, "result"), "\n");
}

// "nginx (process 4711), service "web", socket on 127.84.3.1:80"
std::string WinnerText(const Json& winner) {
  if (JsonFlag(winner, "refused", false)) return "nobody: the packet is dropped";
  const std::string command = Escaped(winner, "command"), service = Escaped(winner, "service");
  const std::string socket = Escaped(winner, "socket");
  const int64_t pid = JsonNumber(winner, "pid");
  std::string text = command.empty() ? "a process that cannot be looked into" : command;
  if (pid > 0) absl::StrAppend(&text, " (process ", pid, ")");
  if (!service.empty()) absl::StrAppend(&text, ", service \"", service, "\"");
  if (!socket.empty()) absl::StrAppend(&text, ", socket on ", socket);
  return text;
}

}  // namespace

absl::StatusOr<wire::ExplainRequest> ParseExplainQuestion(const std::string& protocol, const std::string& endpoint) {
  if (protocol != "tcp" && protocol != "udp") {
    return absl::InvalidArgumentError(absl::StrCat("PROTO must be tcp or udp, not \"", protocol, "\""));
  }
  absl::StatusOr<Endpoint> parsed = Endpoint::Parse(endpoint);
  if (!parsed.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("ADDR:PORT must be such as 192.0.2.7:80 or [2001:db8::1]:443: ",
                                                   std::string(parsed.status().message())));
  }
  if (parsed->port == 0) return absl::InvalidArgumentError("ADDR:PORT: nobody can dial port 0");
  return wire::ExplainRequest{.protocol = protocol == "tcp" ? Protocol::kTcp : Protocol::kUdp, .endpoint = *parsed};
}

absl::StatusOr<std::string> FormatExplanation(const std::string& json_text) {
  absl::StatusOr<Json> json = ParseJson(json_text);
  if (!json.ok()) return json.status();
  const std::string why = Escaped(*json, "text");
  if (why.empty()) return absl::InvalidArgumentError("the answer is no explanation: it has no text");
  const auto winner = json->find("winner");
  const bool decided = winner != json->end() && winner->is_object();
  const std::string deciding = decided ? Escaped(*winner, "stage") : "";
  std::string out;
  for (const Json& stage : JsonObjects(*json, "stages")) absl::StrAppend(&out, StageLine(stage, deciding));
  if (!out.empty()) out += "\n";
  absl::StrAppend(&out, "winner: ", decided ? WinnerText(*winner) : "nobody", "\n", why, "\n");
  return out;
}

}  // namespace forcebind
