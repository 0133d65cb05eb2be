// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "config/profile_file.h"
#include "launcher/command.h"
#include "launcher/found_profiles.h"
#include "launcher/output.h"
#include "launcher/printable.h"
#include "launcher/profile_text.h"

namespace forcebind {
namespace {

constexpr char kCommand[] = "profile";

struct ProfileOptions {
  std::vector<std::string> checked;  // names or paths
  std::string shown;                 // likewise
};

std::string Line(const std::string& text) { return absl::StrCat(PrintableLine(text), "\n"); }

int SayThatThereAreNone() {
  return Print(Line(absl::StrCat("no profiles in ", absl::StrJoin(ProfileDirectories(), " or "))));
}

// The error alone, which begins with FILE:LINE:COLUMN, so that an editor can jump there.
int CheckOne(const std::string& name_or_path) {
  absl::StatusOr<std::string> path = FindProfile(name_or_path);
  absl::StatusOr<ServicePolicy> policy = path.ok() ? LoadProfile(name_or_path) : path.status();
  if (!policy.ok()) {
    fputs(Line(std::string(policy.status().message())).c_str(), stderr);
    return kFailed;
  }
  return Print(Line(absl::StrCat(*path, ": ok, service \"", policy->name, "\"")));
}

int Check(std::vector<std::string> wanted) {
  if (wanted.empty()) {
    absl::StatusOr<std::vector<FoundProfile>> found = FindAllProfiles();
    if (!found.ok()) return Complain(kCommand, found.status());
    if (found->empty()) return SayThatThereAreNone();
    for (const FoundProfile& profile : *found) wanted.push_back(profile.path);
  }
  int result = kDone;
  for (const std::string& name_or_path : wanted) {
    if (CheckOne(name_or_path) != kDone) result = kFailed;
  }
  return result;
}

int Show(const std::string& name_or_path) {
  absl::StatusOr<std::string> path = FindProfile(name_or_path);
  if (!path.ok()) return Complain(kCommand, path.status());
  absl::StatusOr<ServicePolicy> policy = LoadProfile(name_or_path);
  if (!policy.ok()) return Complain(kCommand, policy.status());
  return Print(FormatProfile(*policy, AddressesOf(*policy), *path));
}

ListedProfile Listed(const FoundProfile& profile) {
  ListedProfile listed{.name = profile.name, .path = profile.path, .error = "", .addresses = {}, .publish = {}};
  absl::StatusOr<ServicePolicy> policy = LoadProfile(profile.path);
  if (policy.ok()) {
    listed.addresses = AddressesOf(*policy);
    listed.publish = policy->publish;
  } else {
    listed.error = std::string(policy.status().message());
  }
  return listed;
}

int List() {
  absl::StatusOr<std::vector<FoundProfile>> found = FindAllProfiles();
  if (!found.ok()) return Complain(kCommand, found.status());
  if (found->empty()) return SayThatThereAreNone();
  std::vector<ListedProfile> profiles;
  for (const FoundProfile& profile : *found) profiles.push_back(Listed(profile));
  return Print(FormatProfileList(profiles, OutputWidth()));
}

}  // namespace

CommandFunction DeclareProfile(CLI::App& parser) {
  auto options = std::make_shared<ProfileOptions>();
  CLI::App* check = parser.add_subcommand("check", "name every error by FILE:LINE:COLUMN");
  check->add_option("NAME|PATH", options->checked, "profiles to check (default: all that are found)")->type_name("");
  check->footer("Exit status: 0; 1 if a profile is broken or not there; 125 for a usage error.\n");
  CLI::App* show = parser.add_subcommand("show", "print a profile with all defaults and the addresses it would get");
  show->add_option("NAME|PATH", options->shown, "the profile")->type_name("")->required();
  show->footer("Exit status: 0; 1 if the profile is broken or not there; 125 for a usage error.\n");
  CLI::App* list = parser.add_subcommand("list", "list the profiles that are found");
  parser.require_subcommand(1);
  return [options, check, list] {
    if (check->parsed()) return Check(options->checked);
    return list->parsed() ? List() : Show(options->shown);
  };
}

}  // namespace forcebind
