// SPDX-License-Identifier: Apache-2.0
#include "config/toml_reader.h"

#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace forcebind {
namespace {

// A key that is further than this from every known one was not mistyped.
constexpr size_t kMaxTypos = 2;

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

TomlPosition PositionOf(const toml::source_region& region) { return {region.begin.line, region.begin.column}; }

TomlNode Convert(const std::string& key, const TomlPosition& key_position, const toml::node& from);

TomlArray ConvertArray(const std::string& key, const TomlPosition& key_position, const toml::array& from) {
  TomlArray array;
  for (const toml::node& element : from) array.elements.push_back(Convert(key, key_position, element));
  return array;
}

TomlTable ConvertTable(const toml::table& from) {
  TomlTable table;
  for (const auto& [key, value] : from) {
    table.entries.push_back(Convert(std::string(key.str()), PositionOf(key.source()), value));
  }
  return table;
}

TomlNode Convert(const std::string& key, const TomlPosition& key_position, const toml::node& from) {
  TomlNode node{key, key_position, PositionOf(from.source()), TomlOther()};
  if (const auto* boolean = from.as_boolean()) {
    node.value = boolean->get();
  } else if (const auto* integer = from.as_integer()) {
    node.value = integer->get();
  } else if (const auto* string = from.as_string()) {
    node.value = string->get();
  } else if (const auto* array = from.as_array()) {
    node.value = ConvertArray(key, key_position, *array);
  } else if (const auto* table = from.as_table()) {
    node.value = ConvertTable(*table);
  }
  return node;
}

// Levenshtein distance.
size_t Typos(const std::string& written, const std::string& meant) {
  std::vector<size_t> row(meant.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 0; i < written.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < meant.size(); ++j) {
      const size_t replaced = diagonal + (written[i] == meant[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

}  // namespace

absl::StatusOr<TomlNode> TomlReader::Parse(const std::string& text) const {
  const toml::parse_result result = toml::parse(std::string_view(text));
  if (!result) return ErrorAt(PositionOf(result.error().source()), View(result.error().description()));
  return TomlNode{"", {}, {}, ConvertTable(result.table())};
}

absl::Status TomlReader::ErrorAt(const TomlPosition& position, absl::string_view message) const {
  return absl::InvalidArgumentError(absl::StrCat(file_, ":", position.line, ":", position.column, ": ", message));
}

absl::Status TomlReader::Error(const TomlNode& node, absl::string_view message) const {
  if (node.key.empty()) return ErrorAt(node.position, message);
  return ErrorAt(node.position, absl::StrCat(node.key, ": ", message));
}

absl::Status TomlReader::Read(const TomlNode& node, bool* value) const {
  const bool* found = std::get_if<bool>(&node.value);
  if (found == nullptr) return Error(node, "must be true or false");
  *value = *found;
  return absl::OkStatus();
}

absl::Status TomlReader::Read(const TomlNode& node, std::string* value) const {
  const std::string* found = std::get_if<std::string>(&node.value);
  if (found == nullptr) return Error(node, "must be a text in quotes");
  *value = *found;
  return absl::OkStatus();
}

absl::Status TomlReader::ReadNumber(const TomlNode& node, uint32_t min, uint32_t max, uint32_t* value) const {
  const int64_t* found = std::get_if<int64_t>(&node.value);
  if (found == nullptr || *found < min || *found > max) {
    return Error(node, absl::StrCat("must be a whole number from ", min, " to ", max));
  }
  *value = static_cast<uint32_t>(*found);
  return absl::OkStatus();
}

absl::Status TomlReader::ReadEach(const TomlNode& node,
                                  const std::function<absl::Status(const TomlNode&)>& read) const {
  const TomlArray* array = std::get_if<TomlArray>(&node.value);
  if (array == nullptr) return Error(node, "must be a list in square brackets");
  for (const TomlNode& element : array->elements) {
    if (absl::Status status = read(element); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status TomlReader::UnknownKey(const TomlNode& entry, const std::vector<Key>& keys) const {
  const auto typos = [&](const Key& key) { return Typos(entry.key, key.name); };
  const auto nearest =
      std::min_element(keys.begin(), keys.end(), [&](const Key& a, const Key& b) { return typos(a) < typos(b); });
  std::string hint;
  if (typos(*nearest) <= kMaxTypos) hint = absl::StrCat("did you mean \"", nearest->name, "\"? ");
  const std::string known = absl::StrJoin(keys, ", ", [](std::string* out, const Key& key) { out->append(key.name); });
  return ErrorAt(entry.key_position, absl::StrCat("unknown key \"", entry.key, "\": ", hint, "known keys are ", known));
}

absl::Status TomlReader::ReadTable(const TomlNode& node, const std::vector<Key>& keys) const {
  const TomlTable* table = std::get_if<TomlTable>(&node.value);
  if (table == nullptr) return Error(node, "must be a table");
  for (const TomlNode& entry : table->entries) {
    const auto known = [&](const Key& key) { return entry.key == key.name; };
    if (std::none_of(keys.begin(), keys.end(), known)) return UnknownKey(entry, keys);
  }
  for (const Key& key : keys) {
    for (const TomlNode& entry : table->entries) {
      if (entry.key != key.name) continue;
      if (absl::Status status = key.read(entry); !status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace forcebind
