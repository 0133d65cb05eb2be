// SPDX-License-Identifier: Apache-2.0
// clock: what an operation costs, in nanoseconds of CLOCK_MONOTONIC.
#ifndef FORCEBIND_BENCH_CLOCK_H_
#define FORCEBIND_BENCH_CLOCK_H_

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

namespace forcebind::bench {

inline double Now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

template <typename Body>
double Time(Body&& body) {
  const double start = Now();
  body();
  return Now() - start;
}

// A worker has nobody to tell but its standard error.
[[noreturn]] inline void Die(const char* what) {
  perror(what);
  exit(1);
}

}  // namespace forcebind::bench

#endif  // FORCEBIND_BENCH_CLOCK_H_
