// SPDX-License-Identifier: Apache-2.0
// json_document: the supervisor's answers, which are JSON texts. Keys that are missing, or of another type than
// expected, count as empty: a newer supervisor may say more, an older one less.
//
// TRUST    A supervisor may be named by anybody on a command line, and it repeats what services are called.
// LIMITS   Lists and objects are kept kMaxJsonDepth deep; what is deeper is left out.
#ifndef FORCEBIND_LAUNCHER_JSON_DOCUMENT_H_
#define FORCEBIND_LAUNCHER_JSON_DOCUMENT_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace forcebind {

using Json = nlohmann::ordered_json;

inline constexpr int kMaxJsonDepth = 16;

// INVALID_ARGUMENT for what is not one JSON object.
absl::StatusOr<Json> ParseJson(const std::string& text);

// With a newline at the end. Everything but printable ASCII is escaped, so that it may go to a terminal.
std::string WriteJson(const Json& json);

std::string JsonText(const Json& object, const char* key);
int64_t JsonNumber(const Json& object, const char* key);
bool JsonFlag(const Json& object, const char* key, bool fallback);
std::vector<std::string> JsonTexts(const Json& object, const char* key);
// The objects of a list.
std::vector<Json> JsonObjects(const Json& object, const char* key);

}  // namespace forcebind

#endif  // FORCEBIND_LAUNCHER_JSON_DOCUMENT_H_
