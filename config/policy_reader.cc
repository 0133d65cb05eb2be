// SPDX-License-Identifier: Apache-2.0
#include "config/policy_reader.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/service_policy.h"

namespace forcebind {

absl::Status ReadPrefixes(const TomlReader& reader, const TomlNode& node, std::vector<Prefix>* prefixes) {
  absl::Status status = reader.ReadEach(node, [&](const TomlNode& element) {
    Prefix prefix;
    if (absl::Status read = ReadParsed(reader, element, &prefix); !read.ok()) return read;
    if (std::find(prefixes->begin(), prefixes->end(), prefix) != prefixes->end()) {
      return reader.Error(element, absl::StrCat(prefix.ToString(), " is here twice"));
    }
    if (prefixes->size() == kMaxPrefixes) {
      return reader.Error(element, absl::StrCat("more than ", kMaxPrefixes, " networks"));
    }
    prefixes->push_back(prefix);
    return absl::OkStatus();
  });
  if (status.ok() && prefixes->empty()) return reader.Error(node, "is empty: leave it out to mean everywhere");
  return status;
}

}  // namespace forcebind
