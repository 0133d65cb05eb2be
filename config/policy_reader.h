// SPDX-License-Identifier: Apache-2.0
// policy_reader: the values of core/ that both the profile and the supervisor's configuration hold.
#ifndef FORCEBIND_CONFIG_POLICY_READER_H_
#define FORCEBIND_CONFIG_POLICY_READER_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "config/toml_reader.h"
#include "core/endpoint.h"

namespace forcebind {

// Reads a text with T::Parse, whose message becomes that of the error.
template <typename T>
absl::Status ReadParsed(const TomlReader& reader, const TomlNode& node, T* value) {
  std::string text;
  if (absl::Status status = reader.Read(node, &text); !status.ok()) return status;
  absl::StatusOr<T> parsed = T::Parse(text);
  if (!parsed.ok()) return reader.Error(node, parsed.status().message());
  *value = *parsed;
  return absl::OkStatus();
}

// A list of networks, none of them twice, at most kMaxPrefixes and at least one.
absl::Status ReadPrefixes(const TomlReader& reader, const TomlNode& node, std::vector<Prefix>* prefixes);

}  // namespace forcebind

#endif  // FORCEBIND_CONFIG_POLICY_READER_H_
