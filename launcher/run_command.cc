// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <memory>

#include "launcher/command.h"
#include "launcher/run.h"

namespace forcebind {

CommandFunction DeclareRun(CLI::App& parser) {
  auto options = std::make_shared<RunOptions>();
  auto verbose = std::make_shared<bool>(false);
  auto quiet = std::make_shared<bool>(false);
  parser.add_option("--profile", options->profile, "profile: a name or a path")->type_name("NAME|PATH");
  parser.add_option("--name", options->name, "the service's name (default: the profile's, or the command's)");
  parser.add_option("--address", options->addresses, "private address, in 127.0.0.0/8 or fd00::/8 (one per family)")
      ->type_name("ADDR")
      ->allow_extra_args(false);
  parser.add_option("--publish", options->publish, "answer on this port of all public addresses, e.g. tcp/80")
      ->type_name("PROTO/PORT")
      ->allow_extra_args(false);
  parser.add_option("--supervisor", options->supervisor, "the supervisor's socket, or \"none\"")
      ->type_name("PATH|none");
  parser.add_flag("-v,--verbose", *verbose, "say what becomes of each call");
  parser.add_flag("-q,--quiet", *quiet, "say only what goes wrong");
  // As with nice(1) and env(1): the first word that is no option begins the command.
  parser.prefix_command();
  return [options, verbose, quiet, &parser] {
    options->command = parser.remaining();
    if (!options->command.empty() && options->command.front() == "--") {
      options->command.erase(options->command.begin());
    }
    if (options->command.empty()) {
      fprintf(stderr, "forcebind: run: which command? usage: forcebind run [OPTIONS] [--] COMMAND [ARG...]\n");
      return 125;
    }
    options->log_level = *verbose ? LogLevel::kInfo : *quiet ? LogLevel::kError : LogLevel::kWarning;
    return Run(*options);
  };
}

}  // namespace forcebind
