// SPDX-License-Identifier: Apache-2.0
// filter_generator: writes launcher/ready_filters.inc to standard output, while forcebind is built.
#include <stdio.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "config/profile_file.h"
#include "launcher/filter.h"
#include "launcher/ready_filters.h"

namespace forcebind {
namespace {

const char* Word(bool value) { return value ? "true" : "false"; }

bool WriteProgram(int number, const FilterOptions& options) {
  const absl::StatusOr<std::vector<sock_filter>> program = BuildFilter(options);
  if (!program.ok()) {
    fprintf(stderr, "filter_generator: %s\n", std::string(program.status().message()).c_str());
    return false;
  }
  printf("constexpr sock_filter kProgram%d[] = {\n", number);
  for (const sock_filter& one : *program) printf("    {0x%x, %u, %u, 0x%x},\n", one.code, one.jt, one.jf, one.k);
  printf("};\n");
  return true;
}

int Main() {
  const std::vector<int> all = DefaultPolicy("any").families;
  std::vector<int> without_unix = all;
  without_unix.erase(std::remove(without_unix.begin(), without_unix.end(), AF_UNIX), without_unix.end());
  std::string table;
  int number = 0;
  for (const std::vector<int>& families : {all, without_unix}) {
    for (const unsigned choice : {0u, 1u, 2u, 3u}) {
      const bool deny_mptcp = (choice & 1) != 0, own_loopback = (choice & 2) != 0;
      if (!WriteProgram(number, {.families = families, .deny_mptcp = deny_mptcp, .own_loopback = own_loopback}))
        return 1;
      table += "    {" + std::to_string(FamilyBits(families).value_or(0)) + "u, " + Word(deny_mptcp) + ", " +
               Word(own_loopback) + ", kProgram" + std::to_string(number++) + "},\n";
    }
  }
  printf("constexpr ReadyFilter kReadyFilters[] = {\n%s};\n", table.c_str());
  return fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace
}  // namespace forcebind

int main() { return forcebind::Main(); }
