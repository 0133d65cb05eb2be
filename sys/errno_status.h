// SPDX-License-Identifier: Apache-2.0
// errno_status: how a failed system call becomes an absl::Status for operators. Never used for what a service will see:
// a Status does not carry an errno faithfully, a service gets a plain errno value.
#ifndef FORCEBIND_SYS_ERRNO_STATUS_H_
#define FORCEBIND_SYS_ERRNO_STATUS_H_

#include <string>

#include "absl/status/status.h"

namespace forcebind {

// "EADDRINUSE" for EADDRINUSE, "errno 4711" for what has no name.
std::string ErrnoName(int error);

// `what` is what was being done and to what: "bind 127.0.0.1:80". The message is "bind 127.0.0.1:80: EADDRINUSE
// (Address already in use)", the code that of absl::ErrnoToStatus.
absl::Status ErrnoStatus(int error, const std::string& what);

}  // namespace forcebind

#endif  // FORCEBIND_SYS_ERRNO_STATUS_H_
