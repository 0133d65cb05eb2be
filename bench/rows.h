// SPDX-License-Identifier: Apache-2.0
// rows: the groups of rows of the table. Each measures its own contestants and adds what it found.
#ifndef FORCEBIND_BENCH_ROWS_H_
#define FORCEBIND_BENCH_ROWS_H_

#include "absl/status/status.h"
#include "bench/report.h"
#include "tests/support/netns.h"

namespace forcebind::bench {

struct Setting {
  int rounds = 0;
  const TestNetwork& network;  // the calling thread is in it
};

using RowGroup = absl::Status (*)(const Setting& setting, Report* report);

absl::Status BindRows(const Setting& setting, Report* report);
absl::Status ListenRows(const Setting& setting, Report* report);
absl::Status LetThroughRows(const Setting& setting, Report* report);
absl::Status ConnectCallRows(const Setting& setting, Report* report);
absl::Status StartRows(const Setting& setting, Report* report);
absl::Status ConnectRows(const Setting& setting, Report* report);
absl::Status LookupRows(const Setting& setting, Report* report);
absl::Status WallRows(const Setting& setting, Report* report);
absl::Status MemoryRows(const Setting& setting, Report* report);

}  // namespace forcebind::bench

#endif  // FORCEBIND_BENCH_ROWS_H_
