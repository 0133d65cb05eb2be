// SPDX-License-Identifier: Apache-2.0
// Other protocols, and sockets that the kernel makes for those who ask by netlink.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/mptcp.h>
#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attempt.h"

// vsock-place [inherited]: on a port of its own, since network namespaces share them, and tests run side by side.
void VsockPlace(char** arguments) {
  const unsigned port = arguments[0] != NULL ? kPort + 1 : kPort;
  const struct sockaddr_vm name = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = port};
  const int fd = arguments[0] != NULL ? (int)kInherited : socket(AF_VSOCK, SOCK_STREAM, 0);
  if (fd < 0) return Note("socket: %s", strerror(errno));
  if (bind(fd, (const struct sockaddr*)&name, sizeof(name)) != 0) Note("bind: %s", strerror(errno));
  listen(fd, kBacklog);
}

// The first address is the private one, and getsockname(2) knows no other.
void SctpAddresses(char** arguments) {
  enum { kBindxAdd = 100 };  // SCTP_SOCKOPT_BINDX_ADD of linux/sctp.h
  struct sockaddr_in more = Ipv4("192.0.2.7", kPort);
  const int fd = socket(AF_INET, SOCK_STREAM, kSctp);
  (void)arguments;
  if (fd < 0) return Note("socket: %s", strerror(errno));
  if (BindTo4(fd, "127.84.3.1", kPort) != 0) Note("bind: %s", strerror(errno));
  if (setsockopt(fd, kSctp, kBindxAdd, &more, sizeof(more)) != 0) Note("bindx: %s", strerror(errno));
  listen(fd, kBacklog);
}

// ---- generic netlink

struct Message {
  struct nlmsghdr head;
  struct genlmsghdr generic;
  char attributes[256];
};

static void* Append(struct Message* message, unsigned short type, const void* data, size_t size) {
  struct nlattr* attribute = (struct nlattr*)((char*)message + message->head.nlmsg_len);
  attribute->nla_type = type;
  attribute->nla_len = (unsigned short)(NLA_HDRLEN + size);
  if (size > 0) memcpy((char*)attribute + NLA_HDRLEN, data, size);
  message->head.nlmsg_len += (unsigned)NLA_ALIGN(attribute->nla_len);
  return attribute;
}

static struct Message Start(unsigned short type, unsigned char command, unsigned char version) {
  struct Message message = {
      .head = {.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN), .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
      .generic = {.cmd = command, .version = version}};
  return message;
}

static unsigned short FamilyId(int netlink, const char* name) {
  struct Message request = Start(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
  char answer[8192];
  Append(&request, CTRL_ATTR_FAMILY_NAME, name, strlen(name) + 1);
  if (send(netlink, &request, request.head.nlmsg_len, 0) < 0) return 0;
  const ssize_t size = recv(netlink, answer, sizeof(answer), 0);
  const ssize_t first = NLMSG_LENGTH(GENL_HDRLEN);
  for (ssize_t at = first; at + NLA_HDRLEN <= size;) {
    const struct nlattr* attribute = (struct nlattr*)(answer + at);
    if (attribute->nla_type == CTRL_ATTR_FAMILY_ID) return *(unsigned short*)(answer + at + NLA_HDRLEN);
    if (attribute->nla_len == 0) return 0;
    at += NLA_ALIGN(attribute->nla_len);
  }
  return 0;
}

// For an MPTCP endpoint with a port the kernel opens a listener of its own.
void MptcpEndpoint(char** arguments) {
  const int netlink = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
  const unsigned short family = AF_INET, port = kPort;
  const unsigned flags = MPTCP_PM_ADDR_FLAG_SIGNAL;
  const struct sockaddr_in name = Ipv4("192.0.2.7", kPort);
  char answer[8192];
  (void)arguments;
  const unsigned short id = FamilyId(netlink, MPTCP_PM_NAME);
  while (recv(netlink, answer, sizeof(answer), MSG_DONTWAIT) > 0) {
  }
  struct Message request = Start(id, MPTCP_PM_CMD_ADD_ADDR, MPTCP_PM_VER);
  struct nlattr* nested = Append(&request, MPTCP_PM_ATTR_ADDR | NLA_F_NESTED, NULL, 0);
  Append(&request, MPTCP_PM_ADDR_ATTR_FAMILY, &family, sizeof(family));
  Append(&request, MPTCP_PM_ADDR_ATTR_ADDR4, &name.sin_addr, sizeof(name.sin_addr));
  Append(&request, MPTCP_PM_ADDR_ATTR_PORT, &port, sizeof(port));
  Append(&request, MPTCP_PM_ADDR_ATTR_FLAGS, &flags, sizeof(flags));
  nested->nla_len = (unsigned short)((char*)&request + request.head.nlmsg_len - (char*)nested);
  if (send(netlink, &request, request.head.nlmsg_len, 0) < 0 || recv(netlink, answer, sizeof(answer), 0) < 0) return;
  Note("netlink: %s", strerror(-((struct nlmsgerr*)NLMSG_DATA((struct nlmsghdr*)answer))->error));
}
