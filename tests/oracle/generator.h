// SPDX-License-Identifier: Apache-2.0
// generator: random sequences of socket calls, as tests/oracle/executor/executor.h reads them.
//
//   A sequence is a function of seed and index alone. It keeps a rough picture of what its sockets are, so that most
//   calls have something to do, and errs often enough on purpose.
//
//   What it leaves out, since two runs of one kernel would differ, or the design says that forcebind does:
//     traffic beside SO_REUSEPORT    which listener gets it depends on the ephemeral port that it comes from
//     traffic of MPTCP sockets       goes by a work queue, in its own time
//     calls that wait while signals  a signal interrupts what has a time limit
//       come
//     fork while signals come        a fork that is interrupted begins anew, and may never end
//     other families, raw sockets    the profile's `families`; raw sockets' bind checks less and in another order
//     SOCK_PACKET                    the same
//     a second bind of MPTCP sockets  it goes by another IPV6_V6ONLY than getsockopt says, until that is set
//     connecting to 127.0.0.1, ::1   the host's, not the service's own
//     asking for IP_FREEBIND         a UDP socket that is reached by the private IPv6 address keeps it
//     multicast on no interface      refused as multicast, where the kernel would look at the interface first
//     link-local addresses of MPTCP  the kernel remembers the interface of a bind that failed, and the reference cannot
//       and of ordinary users        put it back
//   and behind the `cgroup` wall
//     traffic                        leaves from the private address
//     MPTCP, IP_TRANSPARENT          refused
#ifndef FORCEBIND_TESTS_ORACLE_GENERATOR_H_
#define FORCEBIND_TESTS_ORACLE_GENERATOR_H_

#include <cstdint>
#include <string>
#include <vector>

namespace forcebind {

using Sequence = std::vector<std::string>;

struct GeneratorOptions {
  bool ordinary_user = false;
  bool in_cgroup = false;
};

Sequence GenerateSequence(uint64_t seed, uint64_t index, const GeneratorOptions& options);

}  // namespace forcebind

#endif  // FORCEBIND_TESTS_ORACLE_GENERATOR_H_
