// SPDX-License-Identifier: Apache-2.0
// forcebind-bench: what forcebind costs, beside the plain call and beside others. Prints one table; see
// bench/README.md.
//
// Everything happens in network and mount namespaces of its own (tests/support/netns.h). Needs root.
#include <signal.h>
#include <stdio.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "bench/report.h"
#include "bench/rows.h"

namespace forcebind::bench {
namespace {

struct Group {
  const char* name;
  RowGroup run;
};
constexpr Group kGroups[] = {
    {"bind", &BindRows},
    {"listen", &ListenRows},
    {"let-through", &LetThroughRows},
    {"connect-call", &ConnectCallRows},
    {"start", &StartRows},
    {"connect", &ConnectRows},
    {"lookup", &LookupRows},
    {"memory", &MemoryRows},
    {"wall", &WallRows},
};

struct Options {
  std::vector<std::string> rows;
  int rounds = 200;
  std::string json;
};

bool IsGroup(const std::string& name) {
  return std::any_of(std::begin(kGroups), std::end(kGroups), [&](const Group& group) { return name == group.name; });
}

std::string GroupNames() {
  std::string names;
  for (const Group& group : kGroups) names += std::string(names.empty() ? "" : ",") + group.name;
  return names;
}

int Fail(const std::string& what, const absl::Status& status) {
  fprintf(stderr, "forcebind-bench: %s: %s\n", what.c_str(), std::string(status.message()).c_str());
  return 1;
}

int Run(const Options& options) {
  signal(SIGPIPE, SIG_IGN);
  Report report;
  for (const Group& group : kGroups) {
    if (!options.rows.empty() && std::count(options.rows.begin(), options.rows.end(), group.name) == 0) continue;
    auto network = TestNetwork::Create();
    if (!network.ok()) return Fail("make a network (this needs root)", network.status());
    absl::Status status = group.run({.rounds = options.rounds, .network = **network}, &report);
    if (!status.ok()) return Fail(group.name, status);
  }
  fputs(report.ToTable().c_str(), stdout);
  if (options.json.empty()) return 0;
  std::ofstream file(options.json);
  file << report.ToJson() << std::flush;
  return file ? 0 : Fail(options.json, absl::UnavailableError("it cannot be written"));
}

int Main(int argc, char** argv) {
  CLI::App parser("Measures forcebind.", "forcebind-bench");
  Options options;
  parser.add_option("--rows", options.rows, "only these: " + GroupNames())
      ->delimiter(',')
      ->check(CLI::Validator(
          [](std::string& name) { return IsGroup(name) ? "" : "there are no rows \"" + name + "\""; }, "ROWS"));
  parser.add_option("--rounds", options.rounds, "rounds of each comparison")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  parser.add_option("--json", options.json, "write the figures to this file, too")->type_name("FILE");
  CLI11_PARSE(parser, argc, argv);
  return Run(options);
}

}  // namespace
}  // namespace forcebind::bench

int main(int argc, char** argv) { return forcebind::bench::Main(argc, argv); }
