// SPDX-License-Identifier: Apache-2.0
// supervisor_config: the supervisor's configuration, read from TOML. forcebind-supervisor(8) is the format's manual.
// Errors are as in profile_file.h.
//
// Tested by tests/unit/config/supervisor_config_test.cc and fuzzed by tests/fuzz/supervisor_config_fuzz.cc.
#ifndef FORCEBIND_CONFIG_SUPERVISOR_CONFIG_H_
#define FORCEBIND_CONFIG_SUPERVISOR_CONFIG_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/endpoint.h"
#include "core/grants.h"

namespace forcebind {

// A file without a key means its default; no file means all defaults.
//
//   state-dir = "/var/lib/forcebind"
//   pool = "127.64.0.0/10"
//   ula = "fd5e:1f2a:90c1::/48"        # default: generated once, kept in state-dir
//   audit-every = 30                   # seconds; 0: only on demand
//   [limits]
//   clients-per-user = 1024
//   names-per-user = 256
//   listeners-per-service = 1024
//   listeners-per-user = 4096
//   descriptor-seconds = 2             # how long a client's descriptors may take to be received
//   [[grant]]                          # at least one of user, group, service; all that are given must match
//   user = "www"                       # a name or a number
//   group = "web"
//   service = "nginx"
//   publish = ["tcp/80", "tcp/443", { port = "tcp/8000-8999", on = ["192.0.2.0/24"] }]
struct SupervisorConfig {
  std::string state_dir = "/var/lib/forcebind";
  Prefix pool;
  std::optional<Prefix> ula;
  uint32_t audit_every = 30;
  uint32_t clients_per_user = 1024;
  uint32_t names_per_user = 256;
  uint32_t listeners_per_service = 1024;
  uint32_t listeners_per_user = 4096;
  uint32_t descriptor_seconds = 2;
  std::vector<Grant> grants;
};

absl::StatusOr<SupervisorConfig> ParseSupervisorConfig(const std::string& text, const std::string& file);
absl::StatusOr<SupervisorConfig> LoadSupervisorConfig(const std::string& path);

}  // namespace forcebind

#endif  // FORCEBIND_CONFIG_SUPERVISOR_CONFIG_H_
