// SPDX-License-Identifier: Apache-2.0
#include "launcher/ready_filters.h"

#include <algorithm>

namespace forcebind {
namespace {

#ifdef FORCEBIND_READY_FILTERS
#include "launcher/ready_filters.inc"
#else
constexpr absl::Span<const ReadyFilter> kReadyFilters;
#endif

}  // namespace

absl::Span<const ReadyFilter> ReadyFilters() { return kReadyFilters; }

absl::StatusOr<std::vector<sock_filter>> FilterFor(const FilterOptions& options) {
  const std::optional<uint64_t> families = FamilyBits(options.families);
  const auto ready = ReadyFilters();
  const auto found = std::find_if(ready.begin(), ready.end(), [&](const ReadyFilter& filter) {
    return filter.families == families && filter.deny_mptcp == options.deny_mptcp &&
           filter.own_loopback == options.own_loopback;
  });
  if (found == ready.end() || options.kernel_binds || options.private_datagrams) return BuildFilter(options);
  return std::vector<sock_filter>(found->program.begin(), found->program.end());
}

}  // namespace forcebind
