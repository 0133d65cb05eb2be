// SPDX-License-Identifier: Apache-2.0
#include "launcher/json_document.h"

#include <nlohmann/json.hpp>

namespace forcebind {
namespace {

const Json& Member(const Json& object, const char* key) {
  static const Json* const kNothing = new Json();
  const auto found = object.find(key);
  return found == object.end() ? *kNothing : *found;
}

}  // namespace

absl::StatusOr<Json> ParseJson(const std::string& text) {
  const auto keep = [](int depth, Json::parse_event_t, Json&) { return depth <= kMaxJsonDepth; };
  Json json = Json::parse(text, keep, /*allow_exceptions=*/false);
  if (!json.is_object()) return absl::InvalidArgumentError("the answer is not a JSON object");
  return json;
}

std::string WriteJson(const Json& json) {
  return json.dump(1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace) + "\n";
}

std::string JsonText(const Json& object, const char* key) {
  const Json& value = Member(object, key);
  return value.is_string() ? value.get<std::string>() : "";
}

int64_t JsonNumber(const Json& object, const char* key) {
  const Json& value = Member(object, key);
  return value.is_number_integer() ? value.get<int64_t>() : 0;
}

bool JsonFlag(const Json& object, const char* key, bool fallback) {
  const Json& value = Member(object, key);
  return value.is_boolean() ? value.get<bool>() : fallback;
}

std::vector<std::string> JsonTexts(const Json& object, const char* key) {
  std::vector<std::string> texts;
  for (const Json& element : Member(object, key)) {
    if (element.is_string()) texts.push_back(element.get<std::string>());
  }
  return texts;
}

std::vector<Json> JsonObjects(const Json& object, const char* key) {
  std::vector<Json> objects;
  const Json& list = Member(object, key);
  if (!list.is_array()) return objects;
  for (const Json& element : list) {
    if (element.is_object()) objects.push_back(element);
  }
  return objects;
}

}  // namespace forcebind
