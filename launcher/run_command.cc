// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include <memory>

#include "launcher/command.h"
#include "launcher/run.h"
#include "launcher/run_arguments.h"

namespace forcebind {

CommandFunction DeclareRun(CLI::App& parser) {
  auto arguments = std::make_shared<RunArguments>();
  DeclareRunArguments(parser, arguments.get());
  return [arguments, &parser] {
    absl::StatusOr<RunOptions> options = TakeRunOptions(parser, *arguments);
    if (options.ok()) return Run(*options);
    fprintf(stderr, "forcebind: %s\n", std::string(options.status().message()).c_str());
    return kOwnFailure;
  };
}

}  // namespace forcebind
