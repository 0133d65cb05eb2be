// SPDX-License-Identifier: Apache-2.0
#include "sys/socket_lookup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "sys/unique_fd.h"

namespace forcebind {
namespace {

struct Question {
  nlmsghdr header;
  inet_diag_req_v2 about;
};
static_assert(sizeof(Question) == NLMSG_LENGTH(sizeof(inet_diag_req_v2)));

struct Answer {
  nlmsghdr header;
  union {
    inet_diag_msg socket;
    nlmsgerr failure;
  };
  char attributes[4096];
};

Question QuestionAbout(int family, int protocol, const uint8_t* address, uint16_t port) {
  Question question = {};
  question.header.nlmsg_len = sizeof(question);
  question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.header.nlmsg_flags = NLM_F_REQUEST;
  question.about.sdiag_family = static_cast<uint8_t>(family);
  question.about.sdiag_protocol = static_cast<uint8_t>(protocol);
  question.about.idiag_states = ~0u;
  inet_diag_sockid& id = question.about.id;
  id.idiag_cookie[0] = id.idiag_cookie[1] = static_cast<uint32_t>(INET_DIAG_NOCOOKIE);
  // UDP takes the two the other way round, "for historical reasons" (net/ipv4/udp_diag.c, udp_dump_one).
  const bool udp = protocol != IPPROTO_TCP;
  memcpy(udp ? id.idiag_dst : id.idiag_src, address, family == AF_INET ? 4 : 16);
  (udp ? id.idiag_dport : id.idiag_sport) = htons(port);
  return question;
}

// The local address as the question has it: an IPv4-mapped one is an IPv4 one.
bool IsOn(const inet_diag_msg& socket, int family, const uint8_t* address) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(socket.id.idiag_src);
  if (family == AF_INET6) return socket.idiag_family == AF_INET6 && memcmp(bytes, address, 16) == 0;
  if (socket.idiag_family == AF_INET) return memcmp(bytes, address, 4) == 0;
  static constexpr uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return memcmp(bytes, kMapped, sizeof(kMapped)) == 0 && memcmp(bytes + sizeof(kMapped), address, 4) == 0;
}

bool IsV6Only(const Answer& answer) {
  int left = static_cast<int>(answer.header.nlmsg_len - NLMSG_LENGTH(sizeof(inet_diag_msg)));
  const auto* attribute = reinterpret_cast<const rtattr*>(answer.attributes);
  for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
    if (attribute->rta_type == INET_DIAG_SKV6ONLY) return *static_cast<const uint8_t*>(RTA_DATA(attribute)) != 0;
  }
  return false;
}

// The kernel answers within the send(2): there is nothing to wait for.
bool Ask(const Question& question, Answer* answer) {
  UniqueFd socket_fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!socket_fd.valid() || send(socket_fd.get(), &question, sizeof(question), 0) != sizeof(question)) return false;
  const ssize_t size = recv(socket_fd.get(), answer, sizeof(*answer), MSG_DONTWAIT);
  return size >= static_cast<ssize_t>(NLMSG_LENGTH(sizeof(nlmsgerr))) &&
         answer->header.nlmsg_len <= static_cast<size_t>(size);
}

bool HasSocket(const Answer& answer) {
  return answer.header.nlmsg_type == SOCK_DIAG_BY_FAMILY &&
         answer.header.nlmsg_len >= NLMSG_LENGTH(sizeof(inet_diag_msg));
}

}  // namespace

bool FindBoundSocket(int family, int protocol, const uint8_t* address, uint16_t port, FoundSocket* found) {
  Answer answer = {};
  if (!Ask(QuestionAbout(family, protocol, address, port), &answer) || !HasSocket(answer)) return false;
  const uint8_t state = protocol == IPPROTO_TCP ? TCP_LISTEN : TCP_CLOSE;
  if (answer.socket.idiag_state != state || !IsOn(answer.socket, family, address)) return false;
  found->family = answer.socket.idiag_family;
  found->v6only = IsV6Only(answer);
  return true;
}

namespace {

bool IsMissing(const Question& question) {
  Answer answer = {};
  return Ask(question, &answer) && answer.header.nlmsg_type == NLMSG_ERROR && answer.failure.error == -ENOENT;
}

// ENOENT is also what the kernel says where it has no INET_DIAG: then it does not know of this listener either.
bool KnowsOfListeners() {
  sockaddr_in name = {};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(name);
  const UniqueFd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  auto* address = reinterpret_cast<sockaddr*>(&name);
  if (!listener.valid() || bind(listener.get(), address, size) != 0 || listen(listener.get(), 0) != 0) return false;
  if (getsockname(listener.get(), address, &size) != 0) return false;
  const auto* bytes = reinterpret_cast<const uint8_t*>(&name.sin_addr);
  return !IsMissing(QuestionAbout(AF_INET, IPPROTO_TCP, bytes, ntohs(name.sin_port)));
}

}  // namespace

bool NobodyListens(int family, const uint8_t* address, uint16_t port, uint32_t ifindex) {
  Question question = QuestionAbout(family, IPPROTO_TCP, address, port);
  question.about.id.idiag_if = ifindex;
  return IsMissing(question) && KnowsOfListeners();
}

}  // namespace forcebind
