// SPDX-License-Identifier: Apache-2.0
#include "bench/report.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace forcebind::bench {
namespace {

double NanosecondsIn(const std::string& unit) { return unit == "ms" ? 1e6 : unit == "µs" ? 1e3 : 1; }

std::string Amount(double value, const std::string& unit) {
  return absl::StrFormat("%.*f %s", value < 100 ? 2 : 0, value, unit);
}

}  // namespace

void Report::AddSeries(const std::string& what, const std::string& unit, const std::vector<Series>& series,
                       bool with_tail) {
  const double scale = NanosecondsIn(unit);
  for (const Series& one : series) {
    Row row{.what = what, .who = one.name, .unit = unit, .value = one.Median() / scale, .tail = {}, .ratio = {}};
    if (with_tail) row.tail = one.Tail() / scale;
    row.ratio = Ratio(one, series.front());
    rows_.push_back(row);
  }
}

void Report::AddValue(const std::string& what, const std::string& who, const std::string& unit, double value) {
  rows_.push_back({.what = what, .who = who, .unit = unit, .value = value, .tail = {}, .ratio = {}});
}

std::string Report::ToTable() const {
  std::string text = "| what | who | median | p99 | ratio |\n|---|---|---:|---:|---:|\n";
  for (const Row& row : rows_) {
    const std::string tail = row.tail ? Amount(*row.tail, row.unit) : "";
    const std::string ratio = row.ratio ? absl::StrFormat("×%.2f", *row.ratio) : "";
    absl::StrAppend(&text, "| ", row.what, " | ", row.who, " | ", Amount(row.value, row.unit), " | ", tail, " | ",
                    ratio, " |\n");
  }
  absl::StrAppend(&text, "\n| target | measured | limit | |\n|---|---:|---:|---|\n");
  for (const Target& target : targets_) {
    absl::StrAppend(&text, absl::StrFormat("| %s | %.2f | %.2f | %s |\n", target.what, target.value, target.limit,
                                           target.met() ? "met" : "**missed**"));
  }
  if (!notes_.empty()) absl::StrAppend(&text, "\n");
  for (const std::string& note : notes_) absl::StrAppend(&text, "* ", note, "\n");
  return text;
}

std::string Report::ToJson() const {
  nlohmann::ordered_json document = {
      {"rows", nlohmann::json::array()}, {"targets", nlohmann::json::array()}, {"notes", notes_}};
  for (const Row& row : rows_) {
    nlohmann::ordered_json entry = {{"what", row.what}, {"who", row.who}, {"unit", row.unit}, {"median", row.value}};
    if (row.tail) entry["p99"] = *row.tail;
    if (row.ratio) entry["ratio"] = *row.ratio;
    document["rows"].push_back(entry);
  }
  for (const Target& target : targets_) {
    document["targets"].push_back(
        {{"what", target.what}, {"measured", target.value}, {"limit", target.limit}, {"met", target.met()}});
  }
  return document.dump(2) + "\n";
}

}  // namespace forcebind::bench
