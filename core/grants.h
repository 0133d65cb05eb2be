// SPDX-License-Identifier: Apache-2.0
// grants: who may publish what. Root may publish anything; anybody else only what a grant says.
//
// Tested by tests/unit/core/grants_test.cc.
#ifndef FORCEBIND_CORE_GRANTS_H_
#define FORCEBIND_CORE_GRANTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "core/endpoint.h"
#include "core/service_policy.h"

namespace forcebind {

struct GrantedPorts {
  PortRange ports;
  std::vector<Prefix> on;  // empty = everywhere
};

struct Grant {
  std::optional<uint32_t> uid;
  std::optional<uint32_t> gid;
  std::optional<std::string> service;
  std::vector<GrantedPorts> publish;
};

// Who asks, as the kernel says (SO_PEERCRED, SO_PEERGROUPS).
struct Peer {
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::vector<uint32_t> groups;
};

// True if the peer is root, or one grant that matches the peer and the service's name covers the port and every prefix
// of the publication (a publication without prefixes asks for everywhere). A grant that names neither user nor group
// nor service matches nobody.
bool MayPublish(absl::Span<const Grant> grants, const Peer& peer, const std::string& service,
                const Publication& publication);

}  // namespace forcebind

#endif  // FORCEBIND_CORE_GRANTS_H_
