// SPDX-License-Identifier: Apache-2.0
// uring: making a socket by io_uring(7), and having it listen.
#ifndef FORCEBIND_TESTS_ESCAPE_URING_H_
#define FORCEBIND_TESTS_ESCAPE_URING_H_

#include <stdint.h>

#include "../../support/ring.h"

// Where a ring lies, for another process that has it.
struct RingPlan {
  struct io_uring_params parameters;
  uint64_t address;  // of a sockaddr_in 0.0.0.0:kPort in the memory of the ring's maker
};

// -1 if there is none to be had. `int80`: by the i386 call.
int MakeRing(struct Ring* ring, unsigned flags, int int80);
// `slot` < 0: the listener gets a descriptor of the process that runs the operations; else that place in the ring's own
// table. `address`: of a sockaddr_in, in the memory of that process, or 0: it listens without bind.
void PlaceByRing(struct Ring* ring, int slot, int type, uint64_t address);

#endif  // FORCEBIND_TESTS_ESCAPE_URING_H_
