// SPDX-License-Identifier: Apache-2.0
#include "sys/local_route.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/unique_fd.h"

namespace forcebind {
namespace {

// NLMSG_ALIGNTO-d as it stands: 16 + 12 + 4 + 16 bytes.
struct RouteQuestion {
  nlmsghdr header;
  rtmsg route;
  rtattr destination;
  std::array<uint8_t, 16> address;
};
static_assert(sizeof(RouteQuestion) == 48);

struct RouteAnswer {
  nlmsghdr header;
  rtmsg route;
  char attributes[4096];
};

RouteQuestion QuestionAbout(const std::array<uint8_t, 16>& address) {
  RouteQuestion question = {};
  question.header.nlmsg_len = sizeof(question);
  question.header.nlmsg_type = RTM_GETROUTE;
  question.header.nlmsg_flags = NLM_F_REQUEST;
  question.route.rtm_family = AF_INET6;
  question.route.rtm_dst_len = 128;
  question.destination.rta_len = RTA_LENGTH(address.size());
  question.destination.rta_type = RTA_DST;
  question.address = address;
  return question;
}

}  // namespace

// The kernel answers within the send(2): there is nothing to wait for.
bool IsLocalByRoute(const std::array<uint8_t, 16>& address) {
  UniqueFd socket_fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  const RouteQuestion question = QuestionAbout(address);
  if (!socket_fd.valid() || send(socket_fd.get(), &question, sizeof(question), 0) != sizeof(question)) return false;
  RouteAnswer answer = {};
  const ssize_t size = recv(socket_fd.get(), &answer, sizeof(answer), MSG_DONTWAIT);
  return size >= static_cast<ssize_t>(sizeof(answer.header) + sizeof(answer.route)) &&
         answer.header.nlmsg_type == RTM_NEWROUTE && answer.route.rtm_type == RTN_LOCAL;
}

}  // namespace forcebind
