// SPDX-License-Identifier: Apache-2.0
// capabilities: this thread's capability sets (capabilities(7)), as 64-bit masks.
//
// CAP_NET_BIND_SERVICE belongs to the service that asks for a port, not to the one who binds for it: it is laid down at
// the start and taken up for one call at a time, when the service has it itself. So the kernel's own check answers for
// everybody else, whatever net.ipv4.ip_unprivileged_port_start says.
#ifndef FORCEBIND_SYS_CAPABILITIES_H_
#define FORCEBIND_SYS_CAPABILITIES_H_

#include <cstdint>

namespace forcebind {

struct Capabilities {
  uint64_t effective = 0;
  uint64_t permitted = 0;
  uint64_t inheritable = 0;
  bool HasEffective(int capability) const { return (effective >> capability & 1) != 0; }
};

// An errno value.
int GetCapabilities(Capabilities* sets);
// Sets the effective set to `effective`, as far as it is permitted; the others stay.
int SetEffectiveCapabilities(uint64_t effective);

// Has one more capability effective while it lives, if it is permitted.
class RaisedCapability {
 public:
  explicit RaisedCapability(int capability);
  ~RaisedCapability();
  RaisedCapability(const RaisedCapability&) = delete;
  RaisedCapability& operator=(const RaisedCapability&) = delete;

 private:
  uint64_t before_ = 0;
  bool raised_ = false;
};

}  // namespace forcebind

#endif  // FORCEBIND_SYS_CAPABILITIES_H_
