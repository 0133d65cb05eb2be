// SPDX-License-Identifier: Apache-2.0
// open_ways: the ways around a service's private address that are known and not closed, and which walls close them.
//
// One table, for whoever asks what is promised here (`forcebind doctor`) and for the corpus of escapes (tests/escape/),
// where each way has a case that gets out as long as it is open, and fails when it no longer does. docs/security.md
// tells more of each.
//
// Tested by tests/unit/core/open_ways_test.cc.
#ifndef FORCEBIND_CORE_OPEN_WAYS_H_
#define FORCEBIND_CORE_OPEN_WAYS_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "core/walls.h"

namespace forcebind {

enum class OpenWay : uint8_t {
  kUdpClient,
  kGivenSocket,
  kOutsideProcess,
  kOutsideRing,
  kOutsideRingUdp,
  kOutsideRingListen,
  kRawSocket,
  kKernelListener,
  kCompanion,
  kNotification,
  kKilledCompanion,
  kLeftCgroup,
  kLeftCgroupAsRoot,
};

struct OpenWayFacts {
  OpenWay way;
  const char* name;
  const char* what;
  bool takes_root;              // it is root's, or needs a capability
  std::vector<Wall> closed_by;  // each of them by itself
};

// In the order of OpenWay.
const std::vector<OpenWayFacts>& OpenWays();

const OpenWayFacts& FactsOf(OpenWay way);
bool IsOpen(const OpenWayFacts& way, absl::Span<const Wall> walls);

}  // namespace forcebind

#endif  // FORCEBIND_CORE_OPEN_WAYS_H_
