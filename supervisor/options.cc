// SPDX-License-Identifier: Apache-2.0
#include "supervisor/options.h"

#include <stdlib.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <map>

#include "version.h"

namespace forcebind {
namespace {
constexpr int kUsageError = 2;
}

std::string SupervisorOptions::socket_dir() const {
  const size_t slash = socket_path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : socket_path.substr(0, slash);
}

std::string SupervisorOptions::status_socket_path() const { return socket_dir() + "/status.sock"; }

std::string DefaultSocketPath() {
  if (geteuid() == 0) return "/run/forcebind/supervisor.sock";
  const char* runtime = getenv("XDG_RUNTIME_DIR");
  return runtime != nullptr && runtime[0] != '\0' ? std::string(runtime) + "/forcebind/supervisor.sock" : "";
}

std::optional<int> ParseOptions(int argc, char** argv, SupervisorOptions* options) {
  const std::map<std::string, BackendKind> backends = {{"auto", BackendKind::kAuto},
                                                       {"hook-d", BackendKind::kHookD},
                                                       {"hook-b", BackendKind::kHookB},
                                                       {"reuseport", BackendKind::kReuseport}};
  options->socket_path = DefaultSocketPath();
  CLI::App app("Gives published ports of private services the public addresses.", "forcebind-supervisor");
  // The last one counts, so that a wrapper's arguments can be overridden.
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.set_version_flag("--version", std::string("forcebind-supervisor ") + FORCEBIND_VERSION);
  app.add_option("--config", options->config_path, "configuration (TOML); default /etc/forcebind/supervisor.toml");
  app.add_option("--socket", options->socket_path, "where companions and commands connect");
  app.add_option("--bpf-dir", options->bpf_dir, "directory in a bpffs where the state is kept");
  app.add_option("--backend", options->backend, "auto, hook-d, hook-b or reuseport")
      ->transform(CLI::CheckedTransformer(backends).description(""));
  app.add_flag("--unload", options->unload, "remove everything from the kernel, and exit");
  app.add_flag("-v,--verbose", options->verbose, "say more");
  // The library reports by exceptions; they end here.
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsageError;
  }
  if (options->socket_path.empty()) {
    std::cerr << "forcebind-supervisor: --socket: XDG_RUNTIME_DIR is not set, so a path must be given\n";
    return kUsageError;
  }
  return std::nullopt;
}

}  // namespace forcebind
