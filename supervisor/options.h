// SPDX-License-Identifier: Apache-2.0
// options: forcebind-supervisor's command line, as values.
#ifndef FORCEBIND_SUPERVISOR_OPTIONS_H_
#define FORCEBIND_SUPERVISOR_OPTIONS_H_

#include <optional>
#include <string>

namespace forcebind {

enum class BackendKind { kAuto, kHookD, kHookB, kReuseport };

struct SupervisorOptions {
  std::string config_path;  // empty: the default one, if it is there
  std::string socket_path;
  std::string bpf_dir = "/sys/fs/bpf/forcebind";
  BackendKind backend = BackendKind::kAuto;
  bool unload = false;
  bool verbose = false;

  std::string socket_dir() const;
  std::string status_socket_path() const;
};

// /run/forcebind/supervisor.sock for root, else below $XDG_RUNTIME_DIR; empty if that is not set.
std::string DefaultSocketPath();

// Exit status where the program has nothing more to do (--help, --version: 0; a usage error, printed to stderr: 2).
std::optional<int> ParseOptions(int argc, char** argv, SupervisorOptions* options);

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_OPTIONS_H_
