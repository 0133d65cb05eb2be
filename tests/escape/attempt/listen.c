// SPDX-License-Identifier: Apache-2.0
// Ways to come to listen() with an address that is not what it looks like.
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "attempt.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static void ListenAndSay(int fd) { Note("listen: %s", listen(fd, kBacklog) == 0 ? "done" : strerror(errno)); }

static unsigned PortOf(int fd) {
  struct sockaddr_in6 name;
  socklen_t length = sizeof(name);
  getsockname(fd, (struct sockaddr*)&name, &length);
  return ntohs(name.sin6_port);
}

// An MPTCP socket has a name of its own, a copy of its first subflow's, and the subflow is what listens. After a
// connection to an own listener that was answered by plain TCP and reset, the copy still says the address of that
// connection, IPV6_V6ONLY of the two differs, and so a bind to an IPv4-mapped address fails with EINVAL, as one of a
// bound socket does.
void StaleMptcpName(char** arguments) {
  (void)arguments;
  const struct Connection made = ConnectTo(AF_INET6, IPPROTO_MPTCP, "::1");
  close(made.accepted);
  struct pollfd reset = {.fd = made.connected, .events = POLLIN};
  poll(&reset, 1, 5000);
  SetInt(made.connected, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  Disconnect(made.connected);
  BindTo6(made.connected, "::1", PortOf(made.listener));  // is taken
  ListenAndSay(made.connected);
}

// IPV6_ADDRFORM makes an IPv4 socket of it.
void ListenAfterAddrform(char** arguments) {
  (void)arguments;
  const int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET6, SOCK_STREAM, 0);
  struct sockaddr_in name;
  socklen_t length = sizeof(name);
  BindTo4(listener, "127.0.0.1", 0);
  listen(listener, kBacklog);
  getsockname(listener, (struct sockaddr*)&name, &length);
  struct sockaddr_in6 mapped = {.sin6_family = AF_INET6, .sin6_port = name.sin_port};
  mapped.sin6_addr.s6_addr[10] = mapped.sin6_addr.s6_addr[11] = 0xff;
  memcpy(&mapped.sin6_addr.s6_addr[12], &name.sin_addr, 4);
  Note("connect: %s", connect(fd, (struct sockaddr*)&mapped, sizeof(mapped)) == 0 ? "done" : strerror(errno));
  Note("IPV6_ADDRFORM: %d", SetInt(fd, IPPROTO_IPV6, IPV6_ADDRFORM, AF_INET));
  Disconnect(fd);
  ListenAndSay(fd);
}

// sendto() connects.
void ListenAfterFastOpen(char** arguments) {
  struct sockaddr_in name;
  socklen_t length = sizeof(name);
  const int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);
  (void)arguments;
  BindTo4(listener, "127.0.0.1", 0);
  listen(listener, kBacklog);
  getsockname(listener, (struct sockaddr*)&name, &length);
  const ssize_t sent = sendto(fd, "x", 1, MSG_FASTOPEN, (struct sockaddr*)&name, sizeof(name));
  Note("sendto: %s", sent == 1 ? "done" : strerror(errno));
  Disconnect(fd);
  SetInt(fd, IPPROTO_TCP, TCP_FASTOPEN, 5);
  ListenAndSay(fd);
}
