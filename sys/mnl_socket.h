// SPDX-License-Identifier: Apache-2.0
// mnl_socket: one request to the kernel over netlink, and all of its answer (libmnl).
#ifndef FORCEBIND_SYS_MNL_SOCKET_H_
#define FORCEBIND_SYS_MNL_SOCKET_H_

#include <libmnl/libmnl.h>

#include <functional>

namespace forcebind {

// Sends `request` to a new socket of `bus` (NETLINK_ROUTE, …), calls `each` for every message of the answer, and waits
// for its end or its acknowledgement. Returns an errno value.
int NetlinkTransact(int bus, nlmsghdr* request, const std::function<void(const nlmsghdr&)>& each);

}  // namespace forcebind

#endif  // FORCEBIND_SYS_MNL_SOCKET_H_
