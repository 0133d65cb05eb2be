// SPDX-License-Identifier: Apache-2.0
// run_arguments: the command line of `forcebind run`, apart from running it.
// Tested by tests/behaviour/process_test.cc and tests/fuzz/command_line_fuzz.cc.
#ifndef FORCEBIND_LAUNCHER_RUN_ARGUMENTS_H_
#define FORCEBIND_LAUNCHER_RUN_ARGUMENTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "launcher/run.h"

namespace CLI {
class App;
}

namespace forcebind {

// Where the parser puts what it finds.
struct RunArguments {
  RunOptions options;
  bool verbose = false, quiet = false;
};

// Adds the options of `run`. `arguments` must outlive the parsing.
void DeclareRunArguments(CLI::App& parser, RunArguments* arguments);

// After the parsing. INVALID_ARGUMENT: no command is left.
absl::StatusOr<RunOptions> TakeRunOptions(const CLI::App& parser, const RunArguments& arguments);

// Both, for the words after `forcebind run`. INVALID_ARGUMENT also where the parser refuses them, or is asked for help.
absl::StatusOr<RunOptions> ParseRunWords(std::vector<std::string> words);

}  // namespace forcebind

#endif  // FORCEBIND_LAUNCHER_RUN_ARGUMENTS_H_
