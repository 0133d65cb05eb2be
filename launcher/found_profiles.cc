// SPDX-License-Identifier: Apache-2.0
#include "launcher/found_profiles.h"

#include <dirent.h>
#include <errno.h>

#include <algorithm>
#include <memory>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "config/profile_file.h"
#include "launcher/service_setup.h"
#include "sys/errno_status.h"

namespace forcebind {
namespace {

constexpr char kSuffix[] = ".toml";

absl::StatusOr<std::vector<FoundProfile>> ProfilesIn(const std::string& directory) {
  std::vector<FoundProfile> found;
  std::unique_ptr<DIR, int (*)(DIR*)> open(opendir(directory.c_str()), closedir);
  if (open == nullptr && (errno == ENOENT || errno == ENOTDIR)) return found;
  if (open == nullptr) return ErrnoStatus(errno, absl::StrCat("look into ", directory));
  while (const dirent* entry = readdir(open.get())) {
    const std::string file = entry->d_name;
    const std::string name(absl::StripSuffix(file, kSuffix));
    // A hidden file is an editor's.
    if (!absl::EndsWith(file, kSuffix) || name.empty() || name[0] == '.') continue;
    found.push_back({name, absl::StrCat(directory, "/", file)});
  }
  return found;
}

}  // namespace

absl::StatusOr<std::vector<FoundProfile>> FindAllProfiles() {
  std::vector<FoundProfile> all;
  std::set<std::string> names;
  for (const std::string& directory : ProfileDirectories()) {
    absl::StatusOr<std::vector<FoundProfile>> found = ProfilesIn(directory);
    if (!found.ok()) return found.status();
    for (FoundProfile& profile : *found) {
      if (names.insert(profile.name).second) all.push_back(std::move(profile));
    }
  }
  std::sort(all.begin(), all.end(), [](const FoundProfile& a, const FoundProfile& b) { return a.name < b.name; });
  return all;
}

PrivateAddresses AddressesOf(const ServicePolicy& policy) {
  const bool named = policy.addresses.v4.has_value() || policy.addresses.v6.has_value();
  return named ? policy.addresses : LocalAddresses(policy.name);
}

}  // namespace forcebind
