// SPDX-License-Identifier: Apache-2.0
#include "launcher/run_arguments.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "absl/strings/str_cat.h"

namespace forcebind {

void DeclareRunArguments(CLI::App& parser, RunArguments* arguments) {
  RunOptions& options = arguments->options;
  parser.add_option("--profile", options.profile, "profile: a name or a path")->type_name("NAME|PATH");
  parser.add_option("--name", options.name, "the service's name (default: the profile's, or the command's)");
  parser.add_option("--address", options.addresses, "private address, in 127.0.0.0/8 or fd00::/8 (one per family)")
      ->type_name("ADDR")
      ->allow_extra_args(false);
  parser.add_option("--publish", options.publish, "answer on this port of all public addresses, e.g. tcp/80")
      ->type_name("PROTO/PORT")
      ->allow_extra_args(false);
  parser.add_option("--wall", options.walls, "hold the service by this wall: notify, landlock, cgroup (default: all)")
      ->type_name("NAME")
      ->allow_extra_args(false);
  parser.add_option("--require-wall", options.required_wall, "do not start the service without this wall")
      ->type_name("NAME");
  parser.add_option("--supervisor", options.supervisor, "the supervisor's socket, or \"none\"")->type_name("PATH|none");
  parser.add_flag("-v,--verbose", arguments->verbose, "say what becomes of each call");
  parser.add_flag("-q,--quiet", arguments->quiet, "do not log refusals and warnings");
  // As with nice(1) and env(1): the first word that is no option begins the command.
  parser.prefix_command();
}

absl::StatusOr<RunOptions> TakeRunOptions(const CLI::App& parser, const RunArguments& arguments) {
  RunOptions options = arguments.options;
  options.command = parser.remaining();
  const std::string first = options.command.empty() ? "" : options.command.front();
  if (first == "--") {
    options.command.erase(options.command.begin());
  } else if (first.size() > 1 && first[0] == '-') {  // the parser takes what it does not know for the command
    return absl::InvalidArgumentError(
        absl::StrCat("run: there is no option ", first, " (a command that begins with a hyphen comes after \"--\")"));
  }
  if (options.command.empty()) {
    return absl::InvalidArgumentError("run: which command? usage: forcebind run [OPTIONS] [--] COMMAND [ARG...]");
  }
  options.log_level = arguments.verbose ? LogLevel::kInfo : arguments.quiet ? LogLevel::kError : LogLevel::kWarning;
  return options;
}

absl::StatusOr<RunOptions> ParseRunWords(std::vector<std::string> words) {
  CLI::App parser;
  RunArguments arguments;
  DeclareRunArguments(parser, &arguments);
  std::reverse(words.begin(), words.end());  // as CLI11 wants them
  try {
    parser.parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(error.what());
  }
  return TakeRunOptions(parser, arguments);
}

}  // namespace forcebind
