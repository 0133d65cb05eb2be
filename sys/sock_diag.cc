// SPDX-License-Identifier: Apache-2.0
#include "sys/sock_diag.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "absl/strings/str_cat.h"
#include "sys/errno_status.h"
#include "sys/mnl_socket.h"

namespace forcebind {
namespace {

constexpr uint32_t kAllStates = ~0u;
constexpr uint32_t kConnectedStates = 1u << TCP_ESTABLISHED;

int ReadAttribute(const nlattr* attribute, void* found) {
  auto* socket = static_cast<DiagSocket*>(found);
  if (mnl_attr_get_type(attribute) == INET_DIAG_SKV6ONLY) socket->v6only = mnl_attr_get_u8(attribute) != 0;
  if (mnl_attr_get_type(attribute) == INET_DIAG_CGROUP_ID) socket->cgroup = mnl_attr_get_u64(attribute);
  return MNL_CB_OK;
}

DiagSocket Parse(const nlmsghdr& message, int protocol) {
  const auto* diag = static_cast<const inet_diag_msg*>(mnl_nlmsg_get_payload(&message));
  DiagSocket found{.family = diag->idiag_family, .protocol = protocol, .state = diag->idiag_state};
  const size_t size = diag->idiag_family == AF_INET ? 4 : 16;
  memcpy(found.address.data(), diag->id.idiag_src, size);
  memcpy(found.peer.data(), diag->id.idiag_dst, size);
  found.port = ntohs(diag->id.idiag_sport);
  found.peer_port = ntohs(diag->id.idiag_dport);
  found.ifindex = diag->id.idiag_if;
  found.cookie = uint64_t{diag->id.idiag_cookie[1]} << 32 | diag->id.idiag_cookie[0];
  found.inode = diag->idiag_inode;
  found.uid = diag->idiag_uid;
  mnl_attr_parse(&message, sizeof(inet_diag_msg), ReadAttribute, &found);
  return found;
}

int Dump(int family, int protocol, uint32_t states, std::vector<DiagSocket>* sockets) {
  alignas(nlmsghdr) char buffer[256];
  nlmsghdr* request = mnl_nlmsg_put_header(buffer);
  request->nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  auto* diag = static_cast<inet_diag_req_v2*>(mnl_nlmsg_put_extra_header(request, sizeof(inet_diag_req_v2)));
  diag->sdiag_family = static_cast<uint8_t>(family);
  diag->sdiag_protocol = static_cast<uint8_t>(protocol);
  diag->idiag_states = states;
  return NetlinkTransact(NETLINK_SOCK_DIAG, request, [&](const nlmsghdr& message) {
    if (message.nlmsg_type == SOCK_DIAG_BY_FAMILY && mnl_nlmsg_get_payload_len(&message) >= sizeof(inet_diag_msg)) {
      sockets->push_back(Parse(message, protocol));
    }
  });
}

absl::Status DumpBothFamilies(int protocol, uint32_t states, std::vector<DiagSocket>* sockets) {
  for (int family : {AF_INET, AF_INET6}) {
    if (const int error = Dump(family, protocol, states, sockets); error != 0) {
      return ErrnoStatus(error, absl::StrCat("list the sockets of ", protocol == IPPROTO_TCP ? "TCP" : "UDP"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<DiagSocket>> ListListeners() {
  std::vector<DiagSocket> sockets;
  absl::Status status = DumpBothFamilies(IPPROTO_TCP, 1u << TCP_LISTEN, &sockets);
  if (status.ok()) status = DumpBothFamilies(IPPROTO_UDP, kAllStates, &sockets);
  if (!status.ok()) return status;
  return sockets;
}

absl::StatusOr<std::vector<DiagSocket>> ListConnected(int protocol, uint16_t port) {
  std::vector<DiagSocket> sockets;
  absl::Status status = DumpBothFamilies(protocol, kConnectedStates, &sockets);
  if (!status.ok()) return status;
  if (port != 0) std::erase_if(sockets, [port](const DiagSocket& socket) { return socket.port != port; });
  return sockets;
}

}  // namespace forcebind
