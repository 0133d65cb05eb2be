// SPDX-License-Identifier: Apache-2.0
// monotonic_clock: the time by CLOCK_MONOTONIC, which is the same in all processes (clock_gettime(2)).
#ifndef FORCEBIND_SYS_MONOTONIC_CLOCK_H_
#define FORCEBIND_SYS_MONOTONIC_CLOCK_H_

#include <time.h>

#include <cstdint>

namespace forcebind {

inline int64_t NowNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

inline int64_t NowMs() { return NowNs() / 1'000'000; }

}  // namespace forcebind

#endif  // FORCEBIND_SYS_MONOTONIC_CLOCK_H_
