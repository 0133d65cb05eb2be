// SPDX-License-Identifier: Apache-2.0
// verdict: which sockets of a host (tests/support/service_host.h) are elsewhere than on a service's private addresses,
// by the kernel's own words and never the service's.
//
//   every TCP listener and bound UDP socket of the network namespace, from sock_diag: whoever has it, in whatever way
//   every other socket that one of the run's processes has open: other families and protocols, other namespaces
//
// The processes of a run are those that have its mark in their environment.
#ifndef FORCEBIND_TESTS_ESCAPE_VERDICT_H_
#define FORCEBIND_TESTS_ESCAPE_VERDICT_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "tests/support/service_host.h"

namespace forcebind {

class MarkedRun {
 public:
  MarkedRun();
  ~MarkedRun();  // no process of the run is there any more
  MarkedRun(const MarkedRun&) = delete;
  MarkedRun& operator=(const MarkedRun&) = delete;

  // In the child, before it executes.
  void Mark() const;
  std::vector<pid_t> Processes() const;
  // "tcp 0.0.0.0:8080", "udp [::]:53", "packet", "raw 0.0.0.0", "tcp 0.0.0.0:8080 of another namespace"; in order.
  std::vector<std::string> Escaped(const ServiceHost& host) const;

 private:
  std::string mark_;
};

// Of sock_diag's: what of this host's list of sockets is not private.
std::vector<std::string> NotPrivate(std::vector<std::string> sockets);

}  // namespace forcebind

#endif  // FORCEBIND_TESTS_ESCAPE_VERDICT_H_
