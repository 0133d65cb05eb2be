// SPDX-License-Identifier: Apache-2.0
// profile_file: a service's profile, read from TOML. forcebind-profile(5) is the format's manual.
//
// Every error is INVALID_ARGUMENT (or NOT_FOUND for a profile that does not exist) with "FILE:LINE:COLUMN: " in front
// and says what would be right; nothing is taken from a file with an error in it.
//
// Tested by tests/unit/config/profile_file_test.cc and fuzzed by tests/fuzz/profile_fuzz.cc.
#ifndef FORCEBIND_CONFIG_PROFILE_FILE_H_
#define FORCEBIND_CONFIG_PROFILE_FILE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/service_policy.h"

namespace forcebind {

// `file` is only named in errors. `default_name` is the service's name where the text gives none.
absl::StatusOr<ServicePolicy> ParseProfile(const std::string& text, const std::string& file,
                                           const std::string& default_name);

// The directories in which a profile's name is looked for, first match wins:
// $XDG_CONFIG_HOME/forcebind/profiles (default ~/.config) for anybody but root, then /etc/forcebind/profiles.
std::vector<std::string> ProfileDirectories();

// `name_or_path` is a path if it holds a '/', else a name. The default name is the file's, without ".toml".
absl::StatusOr<std::string> FindProfile(const std::string& name_or_path);
absl::StatusOr<ServicePolicy> LoadProfile(const std::string& name_or_path);

// The word of `families` for an AF_* number; empty if there is none.
std::string FamilyName(int family);

// The policy without a profile: defaults of every key.
ServicePolicy DefaultPolicy(const std::string& name);

}  // namespace forcebind

#endif  // FORCEBIND_CONFIG_PROFILE_FILE_H_
