// SPDX-License-Identifier: Apache-2.0
#include "sys/rtnetlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "absl/strings/str_cat.h"
#include "sys/errno_status.h"
#include "sys/mnl_socket.h"

namespace forcebind {
namespace {

int ChangeLocalRoute(uint16_t type, uint16_t flags, const std::array<uint8_t, 16>& address, int prefix_length) {
  alignas(nlmsghdr) char buffer[256];
  nlmsghdr* request = mnl_nlmsg_put_header(buffer);
  request->nlmsg_type = type;
  request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
  auto* route = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(rtmsg)));
  route->rtm_family = AF_INET6;
  route->rtm_dst_len = static_cast<unsigned char>(prefix_length);
  route->rtm_table = RT_TABLE_LOCAL;
  route->rtm_type = RTN_LOCAL;
  route->rtm_protocol = RTPROT_STATIC;
  route->rtm_scope = RT_SCOPE_UNIVERSE;
  mnl_attr_put(request, RTA_DST, address.size(), address.data());
  mnl_attr_put_u32(request, RTA_OIF, if_nametoindex("lo"));
  return NetlinkTransact(NETLINK_ROUTE, request, [](const nlmsghdr&) {});
}

std::string Text(const std::array<uint8_t, 16>& address) {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(AF_INET6, address.data(), text, sizeof(text));
  return text;
}

std::string Describe(const char* verb, const std::array<uint8_t, 16>& address, int prefix_length) {
  return absl::StrCat(verb, " route local ", Text(address), "/", prefix_length, " dev lo");
}

int ChangeLoopbackAddress(uint16_t type, uint16_t flags, const std::array<uint8_t, 16>& address) {
  alignas(nlmsghdr) char buffer[256];
  nlmsghdr* request = mnl_nlmsg_put_header(buffer);
  request->nlmsg_type = type;
  request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
  auto* place = static_cast<ifaddrmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(ifaddrmsg)));
  place->ifa_family = AF_INET6;
  place->ifa_prefixlen = 128;
  place->ifa_flags = IFA_F_NODAD;
  place->ifa_scope = RT_SCOPE_UNIVERSE;
  place->ifa_index = if_nametoindex("lo");
  const ifa_cacheinfo lifetimes = {.ifa_prefered = 0, .ifa_valid = UINT32_MAX};
  mnl_attr_put(request, IFA_LOCAL, address.size(), address.data());
  mnl_attr_put(request, IFA_CACHEINFO, sizeof(lifetimes), &lifetimes);
  return NetlinkTransact(NETLINK_ROUTE, request, [](const nlmsghdr&) {});
}

}  // namespace

absl::Status AddLocalRoute(const std::array<uint8_t, 16>& address, int prefix_length) {
  const int error = ChangeLocalRoute(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, address, prefix_length);
  return error == 0 || error == EEXIST ? absl::OkStatus() : ErrnoStatus(error, Describe("add", address, prefix_length));
}

absl::Status RemoveLocalRoute(const std::array<uint8_t, 16>& address, int prefix_length) {
  const int error = ChangeLocalRoute(RTM_DELROUTE, 0, address, prefix_length);
  return error == 0 || error == ESRCH ? absl::OkStatus()
                                      : ErrnoStatus(error, Describe("remove", address, prefix_length));
}

absl::Status AddLoopbackAddress(const std::array<uint8_t, 16>& address) {
  const int error = ChangeLoopbackAddress(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, address);
  return error == 0 ? absl::OkStatus() : ErrnoStatus(error, absl::StrCat("add ", Text(address), " to lo"));
}

absl::Status RemoveLoopbackAddress(const std::array<uint8_t, 16>& address) {
  const int error = ChangeLoopbackAddress(RTM_DELADDR, 0, address);
  return error == 0 || error == EADDRNOTAVAIL ? absl::OkStatus()
                                              : ErrnoStatus(error, absl::StrCat("take ", Text(address), " from lo"));
}

}  // namespace forcebind
