// SPDX-License-Identifier: Apache-2.0
// host_facts: the kernel's answers for one bind request, each asked with a scratch socket of this process.
#ifndef FORCEBIND_NOTIFY_HOST_FACTS_H_
#define FORCEBIND_NOTIFY_HOST_FACTS_H_

#include <sys/types.h>

#include "core/bind_policy.h"

namespace forcebind {

class KernelHostFacts : public HostFacts {
 public:
  // `socket`: the service's socket, borrowed. `scope_id`: the interface that link-local addresses are of, by the
  // sockaddr_in6 or by SO_BINDTODEVICE.
  KernelHostFacts(pid_t tid, int socket, uint32_t scope_id) : tid_(tid), socket_(socket), scope_id_(scope_id) {}

  AddressKind Classify(const IpAddress& address) override;
  bool MayBindPort(uint16_t port) override;

 private:
  bool MayBindForeign(bool v4) const;

  pid_t tid_;
  int socket_;
  uint32_t scope_id_;
};

}  // namespace forcebind

#endif  // FORCEBIND_NOTIFY_HOST_FACTS_H_
