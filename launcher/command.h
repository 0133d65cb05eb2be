// SPDX-License-Identifier: Apache-2.0
// command: the table of `forcebind`'s commands. Each one adds its options to its own part of the parser, and runs when
// it was the one that was named.
#ifndef FORCEBIND_LAUNCHER_COMMAND_H_
#define FORCEBIND_LAUNCHER_COMMAND_H_

#include <functional>

namespace CLI {
class App;
}

namespace forcebind {

// Returns the exit status.
using CommandFunction = std::function<int()>;

struct Command {
  const char* name;
  const char* summary;
  // Adds the options, and returns what is to be run with them. Whatever the options are stored in lives in the
  // function.
  CommandFunction (*declare)(CLI::App& parser);
};

CommandFunction DeclareAudit(CLI::App& parser);
CommandFunction DeclareDoctor(CLI::App& parser);
CommandFunction DeclareExplain(CLI::App& parser);
CommandFunction DeclareHosts(CLI::App& parser);
CommandFunction DeclareProfile(CLI::App& parser);
CommandFunction DeclareRun(CLI::App& parser);
CommandFunction DeclareStatus(CLI::App& parser);
CommandFunction DeclareVersion(CLI::App& parser);

}  // namespace forcebind

#endif  // FORCEBIND_LAUNCHER_COMMAND_H_
