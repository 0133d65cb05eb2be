// SPDX-License-Identifier: Apache-2.0
// hosts_text: lines for hosts(5), by which services find each other: "127.84.3.1 nginx nginx.forcebind".
//
// TRUST    What is printed goes into /etc/hosts: a name that is no service's, or an address that is not in the private
//          range, is an error, whoever says so.
// Tested by tests/unit/launcher/hosts_text_test.cc.
#ifndef FORCEBIND_LAUNCHER_HOSTS_TEXT_H_
#define FORCEBIND_LAUNCHER_HOSTS_TEXT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace forcebind {

struct HostEntry {
  std::string name;
  std::vector<std::string> addresses;
};

// Sorted; an entry that is there twice is printed once. "localhost" keeps its own meaning, and is printed as
// "localhost.forcebind" only.
absl::StatusOr<std::string> FormatHosts(const std::vector<HostEntry>& entries);

}  // namespace forcebind

#endif  // FORCEBIND_LAUNCHER_HOSTS_TEXT_H_
