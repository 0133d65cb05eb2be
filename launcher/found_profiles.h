// SPDX-License-Identifier: Apache-2.0
// found_profiles: the profiles that a name could stand for, from the directories that config/profile_file.h names.
//
// Tested by tests/unit/launcher/profile_command_test.cc.
#ifndef FORCEBIND_LAUNCHER_FOUND_PROFILES_H_
#define FORCEBIND_LAUNCHER_FOUND_PROFILES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/service_policy.h"

namespace forcebind {

struct FoundProfile {
  std::string name;  // by which `run --profile` finds it: the file's, without ".toml"
  std::string path;
};

// Sorted by name; a file that another one of its name hides is not among them. A directory that is not there holds
// none; one that cannot be read is an error.
absl::StatusOr<std::vector<FoundProfile>> FindAllProfiles();

// The addresses that the profile names; if it names none, those that its service's name stands for.
PrivateAddresses AddressesOf(const ServicePolicy& policy);

}  // namespace forcebind

#endif  // FORCEBIND_LAUNCHER_FOUND_PROFILES_H_
