// SPDX-License-Identifier: Apache-2.0
// Any words after `forcebind run`, one a line: refused, or options whose command is the rest of the words, unchanged;
// and then a policy with private addresses, or a refusal that names the option. Profiles are not read: see
// profile_fuzz.cc.
#include <stddef.h>
#include <stdint.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "launcher/run_arguments.h"
#include "launcher/service_setup.h"
#include "tests/fuzz/canary.h"

namespace forcebind {
namespace {

// No word of an argument vector has a NUL in it.
std::vector<std::string> WordsOf(const uint8_t* data, size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  text.erase(std::remove(text.begin(), text.end(), '\0'), text.end());
  return absl::StrSplit(text, '\n');
}

void CheckOptions(const std::vector<std::string>& words, const RunOptions& options) {
  Require(!options.command.empty(), "there is a command");
  Require(options.command.size() <= words.size(), "no word of the command is made up");
  Require(std::equal(options.command.rbegin(), options.command.rend(), words.rbegin()),
          "the command is the rest of the words");
}

void CheckPolicy(const RunOptions& options) {
  const absl::StatusOr<ServicePolicy> policy = PolicyFor(options);
  if (!policy.ok()) {
    Require(absl::IsInvalidArgument(policy.status()), "a refusal is INVALID_ARGUMENT");
    return;
  }
  Require(IsServiceName(policy->name), "the name is a service's name");
  Require(!policy->addresses.v4 || policy->addresses.v4->IsPrivateRange(), "the IPv4 address is private");
  Require(!policy->addresses.v6 || policy->addresses.v6->IsPrivateRange(), "the IPv6 address is private");
  Canary(policy->addresses.v6.has_value() && policy->name != "web");
}

}  // namespace
}  // namespace forcebind

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace forcebind;
  const std::vector<std::string> words = WordsOf(data, size);
  const absl::StatusOr<RunOptions> options = ParseRunWords(words);
  if (!options.ok()) return 0;
  CheckOptions(words, *options);
  if (!options->profile) CheckPolicy(*options);
  return 0;
}
