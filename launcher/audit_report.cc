// SPDX-License-Identifier: Apache-2.0
#include "launcher/audit_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "launcher/json_document.h"
#include "launcher/text_table.h"

namespace forcebind {
namespace {

std::string Counted(size_t count, const char* one, const char* more) {
  return absl::StrCat(count == 0 ? "no" : absl::StrCat(count), " ", count == 1 ? one : more);
}

std::string Headline(const AuditDocument& report) {
  const auto number = [](int64_t value) { return static_cast<size_t>(std::max<int64_t>(value, 0)); };
  return absl::StrCat(Counted(report.Findings(), "finding", "findings"), " in ",
                      Counted(number(report.services), "service", "services"), ", ",
                      Counted(number(report.processes), "process", "processes"), ", ",
                      Counted(number(report.sockets), "socket", "sockets"), "\n");
}

std::vector<TableCell> Row(const AuditFinding& finding) {
  return {{finding.service},
          {finding.pid > 0 ? absl::StrCat(finding.pid) : "-"},
          {finding.command.empty() ? "-" : finding.command},
          {finding.protocol},
          {finding.socket},
          {finding.allowed ? absl::StrCat("allowed: ", finding.why) : finding.why}};
}

}  // namespace

size_t AuditDocument::Findings() const {
  return static_cast<size_t>(
      std::count_if(findings.begin(), findings.end(), [](const AuditFinding& each) { return !each.allowed; }));
}

absl::StatusOr<AuditDocument> ParseAudit(const std::string& text) {
  absl::StatusOr<Json> json = ParseJson(text);
  if (!json.ok()) return json.status();
  const auto findings = json->find("findings");
  if (findings == json->end() || !findings->is_array()) {
    return absl::FailedPreconditionError("the answer has no list of findings");
  }
  AuditDocument report{.findings = {},
                       .services = JsonNumber(*json, "services"),
                       .processes = JsonNumber(*json, "processes"),
                       .sockets = JsonNumber(*json, "sockets"),
                       .unseen = {},
                       .trouble = JsonText(*json, "trouble")};
  for (const Json& each : JsonObjects(*json, "findings")) {
    report.findings.push_back({.service = JsonText(each, "service"),
                               .pid = JsonNumber(each, "pid"),
                               .command = JsonText(each, "command"),
                               .protocol = JsonText(each, "protocol"),
                               .socket = JsonText(each, "socket"),
                               .why = JsonText(each, "why"),
                               .allowed = JsonFlag(each, "allowed", false)});
  }
  for (const Json& each : JsonObjects(*json, "unseen")) report.unseen.push_back(absl::StrCat(JsonNumber(each, "pid")));
  return report;
}

std::string FormatAudit(const AuditDocument& report, size_t width) {
  std::string out = Headline(report);
  if (report.findings.empty()) return out;
  Table table{.columns = {{"SERVICE"},
                          {.header = "PID", .rigid = true, .right = true},
                          {"COMMAND"},
                          {.header = "PROTO", .rigid = true},
                          {"SOCKET"},
                          {"WHY"}},
              .rows = {}};
  for (const AuditFinding& finding : report.findings) table.rows.push_back(Row(finding));
  absl::StrAppend(&out, "\n", FormatTable(table, width));
  return out;
}

absl::Status CheckComplete(const AuditDocument& report) {
  if (!report.trouble.empty()) return absl::UnavailableError(absl::StrCat("nothing was seen: ", report.trouble));
  if (report.unseen.empty()) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("not everything was seen: the supervisor may not look into process ",
                                             absl::StrJoin(report.unseen, ", ")));
}

}  // namespace forcebind
