// SPDX-License-Identifier: Apache-2.0
// profile_text: profiles for people: one as TOML again, with everything filled in that it leaves to the defaults, and
// all of them as a table.
//
// Tested by tests/unit/launcher/profile_text_test.cc.
#ifndef FORCEBIND_LAUNCHER_PROFILE_TEXT_H_
#define FORCEBIND_LAUNCHER_PROFILE_TEXT_H_

#include <cstddef>
#include <string>
#include <vector>

#include "core/service_policy.h"

namespace forcebind {

// A profile of the same meaning, with `addresses`, which are those that the service would get.
std::string FormatProfile(const ServicePolicy& policy, const PrivateAddresses& addresses, const std::string& path);

struct ListedProfile {
  std::string name;
  std::string path;
  std::string error;  // empty: it is good, and the following is filled in
  PrivateAddresses addresses;
  std::vector<Publication> publish;
};

std::string FormatProfileList(const std::vector<ListedProfile>& profiles, size_t width);

}  // namespace forcebind

#endif  // FORCEBIND_LAUNCHER_PROFILE_TEXT_H_
