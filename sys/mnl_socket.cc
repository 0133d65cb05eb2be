// SPDX-License-Identifier: Apache-2.0
#include "sys/mnl_socket.h"

#include <errno.h>

#include <memory>
#include <vector>

namespace forcebind {
namespace {

constexpr size_t kBufferSize = 64 * 1024;

int CallEach(const nlmsghdr* message, void* each) {
  (*static_cast<const std::function<void(const nlmsghdr&)>*>(each))(*message);
  return MNL_CB_OK;
}

}  // namespace

int NetlinkTransact(int bus, nlmsghdr* request, const std::function<void(const nlmsghdr&)>& each) {
  std::unique_ptr<mnl_socket, int (*)(mnl_socket*)> socket(mnl_socket_open2(bus, SOCK_CLOEXEC), mnl_socket_close);
  if (socket == nullptr || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) != 0) return errno;
  request->nlmsg_seq = 1;
  if (mnl_socket_sendto(socket.get(), request, request->nlmsg_len) < 0) return errno;
  const unsigned int port = mnl_socket_get_portid(socket.get());
  std::vector<char> buffer(kBufferSize);
  for (int more = MNL_CB_OK; more > MNL_CB_STOP;) {
    const ssize_t size = mnl_socket_recvfrom(socket.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno;
    more = mnl_cb_run(buffer.data(), static_cast<size_t>(size), request->nlmsg_seq, port, CallEach,
                      const_cast<std::function<void(const nlmsghdr&)>*>(&each));
    if (more == MNL_CB_ERROR) return errno;
  }
  return 0;
}

}  // namespace forcebind
