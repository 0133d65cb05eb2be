// SPDX-License-Identifier: Apache-2.0
// filter: the seccomp program of a service, from the table of traced system calls.
//
// Built with libseccomp and exported, since libseccomp 2.5.4 cannot load one with the flags that are wanted
// (sys/seccomp_notify). i386 calls on x86-64 meet rules of their own where the table says so; x32 and other
// architectures get ENOSYS for every call.
//
// Tested by tests/unit/launcher/filter_test.cc and tests/behaviour/.
#ifndef FORCEBIND_LAUNCHER_FILTER_H_
#define FORCEBIND_LAUNCHER_FILTER_H_

#include <linux/filter.h>

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace forcebind {

struct FilterOptions {
  absl::Span<const int> families;  // AF_* that socket() and socketpair() may be called with
  bool deny_mptcp = false;         // core/socket_kinds
  // Stop connect() for the companion to look at: the service's loopback is its own, and no wall in the kernel sees to
  // that.
  bool own_loopback = false;
  // Stop socket() for UDP sockets, which the companion gives the private address: the profile says `egress = false`,
  // and no wall in the kernel sees to that.
  bool private_datagrams = false;
  // The kernel forces binds by itself (the `cgroup` wall without `notify`): bind() is let through. Then i386 gets no
  // sockets: the companion would make them, and what it makes does not belong to the service's cgroup.
  bool kernel_binds = false;
};

absl::StatusOr<std::vector<sock_filter>> BuildFilter(const FilterOptions& options);

// The values below `limit`, a power of two, that are not in `allowed`, as few (value, mask) pairs: v matches if
// (v & mask) == value. Values from `limit` on are the caller's to refuse.
struct MaskedValue {
  unsigned value = 0;
  unsigned mask = 0;
};
std::vector<MaskedValue> Complement(absl::Span<const int> allowed, unsigned limit);

}  // namespace forcebind

#endif  // FORCEBIND_LAUNCHER_FILTER_H_
