// SPDX-License-Identifier: Apache-2.0
#include "launcher/doctor_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/open_ways.h"
#include "launcher/json_document.h"
#include "launcher/printable.h"

namespace forcebind {
namespace {

const char* Word(CheckLevel level) {
  switch (level) {
    case CheckLevel::kOk:
      return "ok";
    case CheckLevel::kWarn:
      return "warn";
    case CheckLevel::kMissing:
      return "missing";
  }
  return "";
}

bool NothingMissing(const std::vector<DoctorCheck>& checks) {
  return std::none_of(checks.begin(), checks.end(),
                      [](const DoctorCheck& check) { return check.level == CheckLevel::kMissing; });
}

std::string Padded(const std::string& text, size_t width) {
  return text + std::string(width - std::min(width, text.size()), ' ');
}

size_t LongestName(const std::vector<DoctorCheck>& checks) {
  size_t longest = 0;
  for (const DoctorCheck& check : checks) longest = std::max(longest, check.name.size());
  return longest;
}

std::string Group(const Diagnosis& diagnosis, CheckGroup group, const char* headline) {
  std::string out = absl::StrCat(headline, "\n");
  const size_t width = LongestName(diagnosis.checks);
  for (const DoctorCheck& check : diagnosis.checks) {
    if (check.group != group) continue;
    absl::StrAppend(&out, Padded(Word(check.level), 7), "  ", Padded(check.name, width), "  ",
                    PrintableLine(check.meaning), check.advice.empty() ? "" : "; ", PrintableLine(check.advice), "\n");
  }
  return out;
}

std::vector<OpenWayFacts> NotHeld(const Diagnosis& diagnosis) {
  std::vector<OpenWayFacts> open;
  for (const OpenWayFacts& way : OpenWays()) {
    if (IsOpen(way, diagnosis.walls)) open.push_back(way);
  }
  return open;
}

std::string Walls(const Diagnosis& diagnosis) {
  std::string out = absl::StrCat("walls (", absl::StrJoin(NamesOf(diagnosis.walls), ", "), ")\n");
  const size_t width = LongestName(diagnosis.checks);
  for (const OpenWayFacts& way : NotHeld(diagnosis)) {
    const std::string closed_by = absl::StrJoin(NamesOf(way.closed_by), " or ");
    absl::StrAppend(&out, Padded("open", 7), "  ", Padded(way.name, width), "  ", way.what,
                    closed_by.empty() ? "" : "; closed by ", closed_by, "\n");
  }
  return out;
}

std::string Verdict(const Diagnosis& diagnosis) {
  const char* run = diagnosis.run_works ? "forcebind run works here" : "forcebind run does not work here";
  const char* publishing = diagnosis.publishing_works ? "publishing works"
                           : diagnosis.publishing_can ? "publishing would, with forcebind-supervisor running"
                                                      : "publishing does not";
  return absl::StrCat(run, "; ", publishing);
}

const char* PublishingWord(const Diagnosis& diagnosis) {
  return diagnosis.publishing_works ? "works" : diagnosis.publishing_can ? "possible" : "impossible";
}

}  // namespace

Diagnosis Diagnose(const DoctorFacts& facts) {
  const std::vector<DoctorCheck> run = RunChecks(facts), publish = PublishChecks(facts);
  Diagnosis diagnosis{.checks = run,
                      .walls = WallsHere(facts),
                      .run_works = NothingMissing(run),
                      .publishing_works = facts.supervisor.answers,
                      .publishing_can = NothingMissing(publish)};
  diagnosis.checks.insert(diagnosis.checks.end(), publish.begin(), publish.end());
  return diagnosis;
}

std::string FormatDiagnosis(const Diagnosis& diagnosis) {
  return absl::StrCat(Group(diagnosis, CheckGroup::kRun, "private addresses (forcebind run)"), "\n",
                      Group(diagnosis, CheckGroup::kPublish, "publishing (forcebind-supervisor)"), "\n",
                      Walls(diagnosis), "\n", Verdict(diagnosis), "\n");
}

std::string DiagnosisAsJson(const Diagnosis& diagnosis) {
  Json checks = Json::array();
  for (const DoctorCheck& check : diagnosis.checks) {
    checks.push_back({{"group", check.group == CheckGroup::kRun ? "run" : "publish"},
                      {"level", Word(check.level)},
                      {"name", check.name},
                      {"meaning", check.meaning},
                      {"advice", check.advice}});
  }
  Json open = Json::array();
  for (const OpenWayFacts& way : NotHeld(diagnosis)) {
    open.push_back({{"name", way.name}, {"what", way.what}, {"closed_by", NamesOf(way.closed_by)}});
  }
  return WriteJson({{"run", diagnosis.run_works},
                    {"publishing", PublishingWord(diagnosis)},
                    {"verdict", Verdict(diagnosis)},
                    {"checks", checks},
                    {"walls", NamesOf(diagnosis.walls)},
                    {"open", open}});
}

}  // namespace forcebind
