// SPDX-License-Identifier: Apache-2.0
// comparison: one script of the probe (tests/support/probe/probe.h), run natively on a fresh host and under forcebind
// on another one. What came back must be the same but for addresses: where the native run says an address that
// forcebind replaces, the forced one says the private address. The kernel's own list of sockets, at the end of the
// script, is part of what is compared.
#ifndef FORCEBIND_TESTS_BEHAVIOUR_COMPARISON_H_
#define FORCEBIND_TESTS_BEHAVIOUR_COMPARISON_H_

#include <map>
#include <string>
#include <vector>

namespace forcebind {

using Script = std::vector<std::string>;

struct Setting {
  std::string program = "probe";     // or probe_static, probe_32
  bool ordinary_user = false;        // the whole run, forcebind included
  std::string profile;               // TOML, or none
  std::vector<std::string> options;  // of `forcebind run`
  // Sockets that somebody else on the host has, before the script begins: "tcp 127.0.0.1:5432", "udp [::1]:53". They
  // are not among the "kernel: " lines.
  std::vector<std::string> strangers;
  // Native address -> the one under forcebind, besides those of DefaultAddresses().
  std::map<std::string, std::string> addresses;
};

// Wildcards, loopback and the host's addresses -> the private address of that family.
std::map<std::string, std::string> DefaultAddresses();

// What the script printed; then "kernel: " lines, one for each socket that the kernel lists at its end.
std::string RunNatively(const Script& script, const Setting& setting = {});
std::string RunForced(const Script& script, const Setting& setting = {});

// The native run's text as it has to be under forcebind.
std::string Expected(const std::string& native, const Setting& setting);

// Runs both, and compares. Returns the forced run's text.
std::string ExpectSame(const Script& script, const Setting& setting = {});

}  // namespace forcebind

#endif  // FORCEBIND_TESTS_BEHAVIOUR_COMPARISON_H_
