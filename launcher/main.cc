// SPDX-License-Identifier: Apache-2.0
// forcebind: the command that people type. See forcebind(1).
#include <stdio.h>

#include <CLI/CLI.hpp>
#include <string>

#include "launcher/command.h"
#include "launcher/output.h"

namespace forcebind {
namespace {

// Nouns read, verbs write.
constexpr Command kCommands[] = {
    {"run", "run a service on private addresses of its own", &DeclareRun},
    {"status", "show services, their listeners and what is published", &DeclareStatus},
    {"explain", "say who would get a new connection, and why", &DeclareExplain},
    {"audit", "look for sockets of services that are elsewhere than they may be", &DeclareAudit},
    {"profile", "check, show or list profiles", &DeclareProfile},
    {"hosts", "print the services' addresses as lines for /etc/hosts", &DeclareHosts},
    {"doctor", "say what works here, what does not, and what to do", &DeclareDoctor},
    {"version", "print the version", &DeclareVersion},
};

void PrintUsage(FILE* out) {
  fprintf(out, "Usage: forcebind COMMAND [OPTIONS]\n\nCommands:\n");
  for (const Command& command : kCommands) fprintf(out, "  %-10s %s\n", command.name, command.summary);
  fprintf(out, "\n`forcebind COMMAND --help` says more, and so does forcebind(1).\n");
}

int RunCommand(const Command& command, int argc, char** argv) {
  CLI::App parser(command.summary, std::string("forcebind ") + command.name);
  const CommandFunction run = command.declare(parser);
  try {
    parser.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return parser.exit(error) == 0 ? 0 : kUsageError;
  }
  return run();
}

int Main(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "";
  for (const Command& command : kCommands) {
    if (name == command.name) return RunCommand(command, argc - 1, argv + 1);
  }
  if (name == "--version") return RunCommand(kCommands[std::size(kCommands) - 1], 1, argv);
  const bool asked = name == "--help" || name == "-h" || name == "help";
  if (!asked && !name.empty()) fprintf(stderr, "forcebind: there is no command \"%s\"\n", name.c_str());
  PrintUsage(asked ? stdout : stderr);
  return asked ? 0 : kUsageError;
}

}  // namespace
}  // namespace forcebind

int main(int argc, char** argv) { return forcebind::Main(argc, argv); }
