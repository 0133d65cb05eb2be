// SPDX-License-Identifier: Apache-2.0
// service_host: a host of its own (tests/support/netns.h) with the programs that a behaviour test starts, where every
// user can execute them, and directories for the files that they make. What is below /mnt is this host's alone:
//
//   /mnt/bin    forcebind, probe, probe_static, probe_32
//   /mnt/open   writable for everybody
//   /mnt/closed writable for root only
#ifndef FORCEBIND_TESTS_SUPPORT_SERVICE_HOST_H_
#define FORCEBIND_TESTS_SUPPORT_SERVICE_HOST_H_

#include <memory>
#include <string>
#include <vector>

#include "tests/support/netns.h"

namespace forcebind {

class ServiceHost {
 public:
  // `more_programs` are built where the probe is. Aborts where it cannot be made.
  explicit ServiceHost(const std::vector<std::string>& more_programs = {});

  // Every listening TCP socket and bound UDP socket of this host, as the kernel has it: "tcp 127.84.3.1:8080",
  // "udp [::]:53 v6only"; in order.
  std::vector<std::string> Listeners() const;

  const TestNetwork& network() const { return *network_; }

 private:
  std::unique_ptr<TestNetwork> network_;
};

inline constexpr char kForcebind[] = "/mnt/bin/forcebind";
inline constexpr char kProbe[] = "/mnt/bin/probe";

// The private addresses of the service that PrivateRun() starts.
inline constexpr char kPrivateV4[] = "127.84.3.1";
inline constexpr char kPrivateV6[] = "fd5e:1f2a:90c1::1";

// The words in front of a command that is to run under forcebind on these addresses, with the supervisor of that
// socket.
std::vector<std::string> PrivateRun(const std::vector<std::string>& more_options = {},
                                    const std::string& supervisor = "none");

std::vector<std::string> Join(std::vector<std::string> front, const std::vector<std::string>& back);

// Makes the process an ordinary user: 65534, that group, no other groups.
void BecomeOrdinaryUser();

}  // namespace forcebind

#endif  // FORCEBIND_TESTS_SUPPORT_SERVICE_HOST_H_
