// SPDX-License-Identifier: Apache-2.0
// startup: what must be there before the supervisor serves: directories, locks, the bpffs, the ULA prefix and its
// route.
//
// Tested by tests/unit/supervisor/startup_test.cc and tests/netns/supervisor_test.cc.
#ifndef FORCEBIND_SUPERVISOR_STARTUP_H_
#define FORCEBIND_SUPERVISOR_STARTUP_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "config/supervisor_config.h"
#include "core/endpoint.h"
#include "supervisor/address_book.h"
#include "supervisor/options.h"
#include "sys/unique_fd.h"

namespace forcebind {

using Log = std::function<void(const std::string&)>;

inline constexpr char kDefaultConfigPath[] = "/etc/forcebind/supervisor.toml";

// The configuration that `path` names; with an empty path the default file's, or the defaults where there is none.
absl::StatusOr<SupervisorConfig> LoadConfig(const std::string& path);

// One supervisor per socket and per state directory (the backend sees to its own). ALREADY_EXISTS says which is taken.
// Makes the directories that are missing.
absl::StatusOr<std::vector<UniqueFd>> TakeLocks(const SupervisorOptions& options, const SupervisorConfig& config);

// Mounts a bpffs on /sys/fs/bpf if `bpf_dir` is to be there and nothing is mounted yet; `log` is told if so.
// FAILED_PRECONDITION, NOT_FOUND: there is no bpffs to hold `bpf_dir`.
absl::Status PrepareBpfDirectory(const std::string& bpf_dir, const Log& log);

// The configured prefix, or the one in STATE-DIR/ula-prefix, which is made up the first time (RFC 4193, 3.2).
absl::StatusOr<Prefix> ChooseUlaPrefix(const SupervisorConfig& config);

// `prefix`, its addresses made usable by a route; nullopt, after one line to `log`, where the host cannot.
std::optional<Prefix> MakeUlaUsable(const Prefix& prefix, const Log& log);

// STATE-DIR/addresses, if there is one. An unreadable table is an error: addresses must not change silently. `log` is
// told of those that their users may not have.
absl::Status LoadAddresses(const SupervisorConfig& config, const Log& log, AddressBook* book);
absl::Status SaveAddresses(const SupervisorConfig& config, const AddressBook& book);

// Descriptors for thousands of clients. Returns how many there may be.
size_t RaiseDescriptorLimit();

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_STARTUP_H_
