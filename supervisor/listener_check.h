// SPDX-License-Identifier: Apache-2.0
// listener_check: is the socket that a companion sent what it says? Everything is asked of the kernel.
//
// TRUST    The companion and its service are hostile: the descriptor may be a pipe, a socket of another
//          namespace, another service's socket, a socket that does not listen. Only what ReadSocket() found counts.
// Tested by tests/unit/supervisor/listener_check_test.cc.
#ifndef FORCEBIND_SUPERVISOR_LISTENER_CHECK_H_
#define FORCEBIND_SUPERVISOR_LISTENER_CHECK_H_

#include <cstdint>

#include "core/endpoint.h"
#include "core/service_policy.h"
#include "supervisor/address_book.h"
#include "wire/messages.h"

namespace forcebind {

// What the kernel says of a descriptor.
struct SocketReport {
  bool is_socket = false;
  int domain = 0;          // SO_DOMAIN
  int type = 0;            // SO_TYPE
  int protocol = 0;        // SO_PROTOCOL
  bool accepting = false;  // SO_ACCEPTCONN
  bool v6only = false;
  Endpoint local;  // getsockname(2), IPv4-mapped as it is
  uint64_t netns_cookie = 0;
  uint64_t cookie = 0;  // SO_COOKIE
};
SocketReport ReadSocket(int fd);

struct VerifiedListener {
  Protocol protocol = Protocol::kTcp;
  Endpoint bound;  // never IPv4-mapped
  bool serves_v4 = false;
  bool serves_v6 = false;
  bool mappable = false;  // a backend can hold it: not MPTCP, not UDP-Lite
  uint64_t cookie = 0;
  bool dual_stack() const { return serves_v4 && serves_v6; }
};

// Which errno a refused published socket's bind or listen fails with is documented in forcebind-supervisor(8):
// ENOTSOCK, EAFNOSUPPORT, EPROTONOSUPPORT, EACCES.
Refusal VerifyListener(const wire::Listener& said, const SocketReport& report, const PrivateAddresses& addresses,
                       uint64_t own_netns_cookie, VerifiedListener* verified);

// May a service with these addresses have such a socket at all? Whether it has is seen when the kernel lists it.
Refusal CheckOpened(const wire::OpenedSocket& said, const PrivateAddresses& addresses);

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_LISTENER_CHECK_H_
