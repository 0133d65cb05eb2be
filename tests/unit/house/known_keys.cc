// SPDX-License-Identifier: Apache-2.0
// known_keys: prints the keys that the readers of config/ know, one "WHERE KEY" per line, for docs_test.py. The readers
// name them in the error for a key that they do not know, so that is what is asked for.
#include <stdio.h>

#include <string>

#include "absl/strings/str_split.h"
#include "config/profile_file.h"
#include "config/supervisor_config.h"

namespace forcebind {
namespace {

constexpr char kMarker[] = "known keys are ";

// False if `status` is not the error for an unknown key.
bool PrintKeys(const char* where, const absl::Status& status) {
  const std::string message(status.message());
  const size_t marker = message.find(kMarker);
  if (marker == std::string::npos) {
    fprintf(stderr, "%s: no list of keys in \"%s\"\n", where, message.c_str());
    return false;
  }
  for (absl::string_view key : absl::StrSplit(message.substr(marker + sizeof(kMarker) - 1), ", ")) {
    printf("%s %s\n", where, std::string(key).c_str());
  }
  return true;
}

bool PrintProfile(const char* where, const char* text) {
  return PrintKeys(where, ParseProfile(text, "profile", "name").status());
}

bool PrintConfiguration(const char* where, const char* text) {
  return PrintKeys(where, ParseSupervisorConfig(text, "configuration").status());
}

}  // namespace
}  // namespace forcebind

int main() {
  const bool all = forcebind::PrintProfile("profile", "nosuchkey = 1") &&
                   forcebind::PrintProfile("publish", "publish = [{ nosuchkey = 1 }]") &&
                   forcebind::PrintConfiguration("supervisor", "nosuchkey = 1") &&
                   forcebind::PrintConfiguration("limits", "[limits]\nnosuchkey = 1") &&
                   forcebind::PrintConfiguration("grant", "[[grant]]\nnosuchkey = 1") &&
                   forcebind::PrintConfiguration("granted", "[[grant]]\npublish = [{ nosuchkey = 1 }]");
  return all ? 0 : 1;
}
