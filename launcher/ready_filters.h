// SPDX-License-Identifier: Apache-2.0
// ready_filters: the filters that most services need, made by BuildFilter() when forcebind is compiled. Libseccomp
// takes 0.2 ms for one, on its first use in a process: a tenth of a start.
//
// launcher/filter_generator writes them; where the compiling machine cannot run the programs that it makes (a
// cross-compiler), there are none.
//
// Tested by tests/unit/launcher/ready_filters_test.cc.
#ifndef FORCEBIND_LAUNCHER_READY_FILTERS_H_
#define FORCEBIND_LAUNCHER_READY_FILTERS_H_

#include <linux/filter.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "launcher/filter.h"

namespace forcebind {

struct ReadyFilter {
  uint64_t families = 0;  // bit n: family n is allowed
  bool deny_mptcp = false;
  bool own_loopback = false;
  absl::Span<const sock_filter> program;
};

// A family of 64 or more has no bit: nullopt.
inline std::optional<uint64_t> FamilyBits(absl::Span<const int> families) {
  uint64_t bits = 0;
  for (const int family : families) {
    if (family < 0 || family >= 64) return std::nullopt;
    bits |= uint64_t{1} << family;
  }
  return bits;
}

absl::Span<const ReadyFilter> ReadyFilters();

// A ready one, if there is one for these options, else BuildFilter()'s.
absl::StatusOr<std::vector<sock_filter>> FilterFor(const FilterOptions& options);

}  // namespace forcebind

#endif  // FORCEBIND_LAUNCHER_READY_FILTERS_H_
