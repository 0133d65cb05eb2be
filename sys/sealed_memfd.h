// SPDX-License-Identifier: Apache-2.0
// sealed_memfd: a text as a descriptor that nobody can change any more. See memfd_create(2), F_ADD_SEALS in fcntl(2).
#ifndef FORCEBIND_SYS_SEALED_MEMFD_H_
#define FORCEBIND_SYS_SEALED_MEMFD_H_

#include <string>

#include "absl/status/statusor.h"
#include "sys/unique_fd.h"

namespace forcebind {

// `name` is seen in /proc/PID/fd.
absl::StatusOr<UniqueFd> SealedMemfd(const std::string& name, const std::string& text);

// The text of a memfd that a peer sent. INVALID_ARGUMENT where it is not sealed against writing and shrinking, or
// longer than `max_size` bytes.
absl::StatusOr<std::string> ReadSealedMemfd(int fd, size_t max_size);

}  // namespace forcebind

#endif  // FORCEBIND_SYS_SEALED_MEMFD_H_
