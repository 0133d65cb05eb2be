// SPDX-License-Identifier: Apache-2.0
// netns: which network namespace a socket, or this process, is in.
#ifndef FORCEBIND_SYS_NETNS_H_
#define FORCEBIND_SYS_NETNS_H_

#include <cstdint>

#include "absl/status/statusor.h"

namespace forcebind {

// SO_NETNS_COOKIE (Linux 5.14): a number that no other namespace has had since boot.
// Returns 0, with errno set, where the kernel cannot say.
uint64_t SocketNetnsCookie(int socket);
absl::StatusOr<uint64_t> OwnNetnsCookie();

}  // namespace forcebind

#endif  // FORCEBIND_SYS_NETNS_H_
