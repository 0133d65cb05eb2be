// SPDX-License-Identifier: Apache-2.0
// memory: what a process occupies, from /proc/PID/smaps_rollup (proc(5)).
#ifndef FORCEBIND_BENCH_MEMORY_H_
#define FORCEBIND_BENCH_MEMORY_H_

#include <sys/types.h>

#include "absl/status/statusor.h"

namespace forcebind::bench {

struct Memory {
  double rss_mib = 0;  // every page that is in memory
  double pss_mib = 0;  // with shared pages divided among those who share them
};
absl::StatusOr<Memory> MemoryOf(pid_t pid);

}  // namespace forcebind::bench

#endif  // FORCEBIND_BENCH_MEMORY_H_
