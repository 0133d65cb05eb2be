// SPDX-License-Identifier: Apache-2.0
// forcebind: the command that people type. See forcebind(1).
#include <stdio.h>

#include <CLI/CLI.hpp>
#include <string>

#include "launcher/command.h"

namespace forcebind {
namespace {

constexpr Command kCommands[] = {
    {"run", "run a service on private addresses of its own", &DeclareRun},
    {"version", "print the version", &DeclareVersion},
};

int Main(int argc, char** argv) {
  CLI::App parser("Forces each service onto a private address of its own.", "forcebind");
  parser.require_subcommand(1);
  parser.fallthrough(false);
  CommandFunction chosen;
  for (const Command& command : kCommands) {
    // Only the command that was named is declared: `run` is in every service's way.
    if (argc > 1 && argv[1][0] != '-' && command.name != std::string(argv[1])) {
      parser.add_subcommand(command.name, command.summary);
      continue;
    }
    CLI::App* part = parser.add_subcommand(command.name, command.summary);
    part->callback([&chosen, run = command.declare(*part)] { chosen = run; });
  }
  try {
    parser.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int status = parser.exit(error);
    return status == 0 ? 0 : 125;
  }
  return chosen();
}

}  // namespace
}  // namespace forcebind

int main(int argc, char** argv) { return forcebind::Main(argc, argv); }
