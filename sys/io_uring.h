// SPDX-License-Identifier: Apache-2.0
// io_uring: a ring for another process, with fewer operations than the kernel has (io_uring_register(2),
// IORING_REGISTER_RESTRICTIONS).
//
// THEORY OF OPERATION
//   A ring's operations meet no seccomp filter. But who makes a ring can limit it before it runs, and that limit cannot
//   be taken off again, whoever has the ring. The operations that are allowed are listed; what a newer kernel adds is
//   not among them. One that is not allowed completes with -EACCES. So are registrations, from the moment when the ring
//   is enabled; before, other limits are refused (EBUSY), and nothing runs (EBADFD).
//
//   Requests run in the process that submits them, with its memory, descriptors and credentials, not in the one that
//   made the ring. What would be the maker's is refused: a polling thread (IORING_SETUP_SQPOLL), the workers of another
//   ring (IORING_SETUP_ATTACH_WQ), the memory that the rings lie in (IORING_SETUP_NO_MMAP).
//
// LIMITS   The memory of the ring itself counts for the cgroup of who makes it.
// Tested by tests/unit/sys/io_uring_test.cc and tests/netns/wall_run_test.cc.
#ifndef FORCEBIND_SYS_IO_URING_H_
#define FORCEBIND_SYS_IO_URING_H_

#include <linux/io_uring.h>

#include <cstdint>

#include "sys/unique_fd.h"

namespace forcebind {

// Makes a ring without the operations socket, listen and URING_CMD (which sets socket options, among other things), and
// without bind unless `may_bind`. `parameters`: as for io_uring_setup(2), and as that would answer. An errno value:
// io_uring_setup's; EINVAL for a flag that is not known here, or would concern this process; ENOSYS where the kernel
// cannot limit a ring like this (before Linux 6.1).
//
// IORING_SETUP_SINGLE_ISSUER and _DEFER_TASKRUN, which are promises that make a ring faster, would name this process
// for the one issuer. They are left out, unless _R_DISABLED leaves it to another process to enable the ring.
int MakeLimitedRing(uint32_t entries, bool may_bind, io_uring_params* parameters, UniqueFd* ring);

}  // namespace forcebind

#endif  // FORCEBIND_SYS_IO_URING_H_
