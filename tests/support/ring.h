// SPDX-License-Identifier: Apache-2.0
// ring: just enough of io_uring(7) to run one operation at a time.
#ifndef FORCEBIND_TESTS_SUPPORT_RING_H_
#define FORCEBIND_TESTS_SUPPORT_RING_H_

#include <linux/io_uring.h>

#ifdef __cplusplus
extern "C" {
#endif

// Newer than Debian 12's headers: Linux 6.11.
enum { kRingBind = 56, kRingListen = 57 };

struct Ring {
  int fd;
  struct io_uring_params parameters;
  char* queues;
  struct io_uring_sqe* entries;
};

// Maps a ring, whoever has made it with these parameters. 0, or -1 with errno.
int MapRing(struct Ring* ring, int fd, const struct io_uring_params* parameters);
// Runs an operation to its end. Its result; where the ring itself refuses, that errno, negative.
int RunOnRing(struct Ring* ring, const struct io_uring_sqe* operation);

#ifdef __cplusplus
}
#endif

#endif  // FORCEBIND_TESTS_SUPPORT_RING_H_
