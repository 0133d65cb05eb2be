// SPDX-License-Identifier: Apache-2.0
// Any text as the supervisor's configuration: refused with a position, or a configuration that keeps its promises.
#include <stddef.h>
#include <stdint.h>

#include <string>

#include "absl/strings/match.h"
#include "config/supervisor_config.h"
#include "core/address_plan.h"
#include "tests/fuzz/canary.h"

namespace forcebind {
namespace {

void CheckConfig(const SupervisorConfig& config) {
  const PrivateAddresses addresses = AddressesFor("web", 0, config.pool, config.ula);
  Require(addresses.v4->IsPrivateRange() && config.pool.Contains(*addresses.v4), "the pool gives private addresses");
  Require(!config.ula || config.ula->Contains(*addresses.v6), "the ULA prefix gives addresses of its own");
  Require(config.clients_per_user > 0 && config.names_per_user > 0, "no limit is 0");
  for (const Grant& grant : config.grants) {
    Require(grant.uid || grant.gid || grant.service, "a grant names somebody");
    Require(!grant.publish.empty(), "a grant grants something");
  }
}

}  // namespace
}  // namespace forcebind

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace forcebind;
  const auto config = ParseSupervisorConfig(std::string(reinterpret_cast<const char*>(data), size), "s.toml");
  if (!config.ok()) {
    Require(absl::IsInvalidArgument(config.status()), "a refusal is INVALID_ARGUMENT");
    Require(absl::StartsWith(config.status().message(), "s.toml:"), "a refusal begins with the file and a position");
    return 0;
  }
  CheckConfig(*config);
  Canary(!config->grants.empty() && config->grants[0].publish[0].ports.last > 80);
  return 0;
}
