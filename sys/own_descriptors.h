// SPDX-License-Identifier: Apache-2.0
// own_descriptors: which descriptors this process has open, and what they are (proc(5), /proc/PID/fd).
#ifndef FORCEBIND_SYS_OWN_DESCRIPTORS_H_
#define FORCEBIND_SYS_OWN_DESCRIPTORS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace forcebind {

struct OwnDescriptor {
  int fd = -1;
  bool close_on_exec = false;
  std::string link;  // "socket:[4711]", "anon_inode:[io_uring]", a path
};

// The one that was used to look is not among them.
absl::StatusOr<std::vector<OwnDescriptor>> ListOwnDescriptors();

}  // namespace forcebind

#endif  // FORCEBIND_SYS_OWN_DESCRIPTORS_H_
