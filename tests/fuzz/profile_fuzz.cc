// SPDX-License-Identifier: Apache-2.0
// Any text as a profile: refused with a position, or a policy that fits into a message.
#include <stddef.h>
#include <stdint.h>

#include <string>

#include "absl/strings/match.h"
#include "config/profile_file.h"
#include "tests/fuzz/canary.h"
#include "wire/messages.h"

namespace forcebind {
namespace {

void CheckRefusal(const absl::Status& status) {
  Require(absl::IsInvalidArgument(status), "a refusal is INVALID_ARGUMENT");
  Require(absl::StartsWith(status.message(), "p.toml:"), "a refusal begins with the file and a position");
}

void CheckPolicy(const ServicePolicy& policy) {
  Require(IsServiceName(policy.name), "the name is a service's name");
  Require(!policy.addresses.v4 || policy.addresses.v4->IsPrivateRange(), "the IPv4 address is private");
  Require(!policy.addresses.v6 || policy.addresses.v6->IsPrivateRange(), "the IPv6 address is private");
  wire::Hello hello;
  hello.name = policy.name;
  hello.addresses = policy.addresses;
  hello.publish = policy.publish;
  const auto decoded = wire::Decode(wire::Encode(hello));
  Require(decoded.ok() && *decoded == wire::Message(hello), "a policy fits into a Hello");
}

}  // namespace
}  // namespace forcebind

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace forcebind;
  const auto policy = ParseProfile(std::string(reinterpret_cast<const char*>(data), size), "p.toml", "web");
  if (!policy.ok()) {
    CheckRefusal(policy.status());
    return 0;
  }
  CheckPolicy(*policy);
  Canary(policy->publish.size() >= 2 && policy->publish[0].port != 80);
  return 0;
}
