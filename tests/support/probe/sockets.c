// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/net.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "probe.h"

#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE 51  // Linux 6.3
#endif

struct Name {
  const char* text;
  int value, second;
};

static const struct Name kFamilies[] = {{"inet", AF_INET, 0},       {"inet6", AF_INET6, 0},   {"unix", AF_UNIX, 0},
                                        {"netlink", AF_NETLINK, 0}, {"packet", AF_PACKET, 0}, {NULL, 0, 0}};
static const struct Name kTypes[] = {{"stream", SOCK_STREAM, 0},
                                     {"dgram", SOCK_DGRAM, 0},
                                     {"raw", SOCK_RAW, 0},
                                     {"seqpacket", SOCK_SEQPACKET, 0},
                                     {"packet", SOCK_PACKET, 0},
                                     {"stream+nonblock", SOCK_STREAM | SOCK_NONBLOCK, 0},
                                     {NULL, 0, 0}};
static const struct Name kOptions[] = {{"reuseaddr", SOL_SOCKET, SO_REUSEADDR},
                                       {"reuseport", SOL_SOCKET, SO_REUSEPORT},
                                       {"broadcast", SOL_SOCKET, SO_BROADCAST},
                                       {"freebind", IPPROTO_IP, IP_FREEBIND},
                                       {"transparent", IPPROTO_IP, IP_TRANSPARENT},
                                       {"no_port_yet", IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT},
                                       {"v6only", IPPROTO_IPV6, IPV6_V6ONLY},
                                       {"freebind6", IPPROTO_IPV6, IPV6_FREEBIND},
                                       {"bindtoifindex", SOL_SOCKET, SO_BINDTOIFINDEX},
                                       {"local_port_range", IPPROTO_IP, IP_LOCAL_PORT_RANGE},
                                       {"fastopen", IPPROTO_TCP, TCP_FASTOPEN},
                                       {"repair", IPPROTO_TCP, TCP_REPAIR},
                                       {NULL, 0, 0}};

static const struct Name* Find(const struct Name* table, const char* text) {
  for (; table->text != NULL; ++table) {
    if (strcmp(table->text, text) == 0) return table;
  }
  return NULL;
}

static int ValueOf(const struct Name* table, const char* text) {
  const struct Name* found = Find(table, text);
  return found != NULL ? found->value : Number(text);
}

// A system call of the i386 table: directly from 32-bit code, by interrupt from 64-bit code.
static long I386Call(long number, long a, long b, long c) {
#ifdef __x86_64__
  long result;
  __asm__ volatile("int $0x80"
                   : "=a"(result)
                   : "0"(number), "b"(a), "c"(b), "d"(c)
                   : "memory", "r8", "r9", "r10", "r11");
  result = (int)result;
  if (result < 0 && result > -4096) {
    errno = (int)-result;
    return -1;
  }
  return result;
#else
  return syscall(number, a, b, c);
#endif
}

static long Multiplexed(int call, long a, long b, long c) {
  unsigned* arguments = LowMemory(3 * sizeof(unsigned));
  arguments[0] = (unsigned)a, arguments[1] = (unsigned)b, arguments[2] = (unsigned)c;
  return I386Call(102, call, (long)arguments, 0);
}

struct Numbers {
  long native;
  int compat, multiplexed;
};
static const struct Numbers kSocket = {SYS_socket, 359, SYS_SOCKET};
static const struct Numbers kBind = {SYS_bind, 361, SYS_BIND};
static const struct Numbers kListen = {SYS_listen, 363, SYS_LISTEN};
static const struct Numbers kConnect = {SYS_connect, 362, SYS_CONNECT};

static long Invoke(enum Via via, const struct Numbers* numbers, long a, long b, long c) {
  switch (via) {
    case kNative:
      return syscall(numbers->native, a, b, c);
    case kX32:
      return syscall(numbers->native | 0x40000000, a, b, c);
    case kInt80:
      return I386Call(numbers->compat, a, b, c);
    case kSocketcall:
      return Multiplexed(numbers->multiplexed, a, b, c);
  }
  return -1;
}

static void Socket(const struct Line* line, struct Answer* answer) {
  const int family = ValueOf(kFamilies, Word(line, 1)), type = ValueOf(kTypes, Word(line, 2));
  const int protocol = Number(Word(line, 3));
  // The C library's own way, unless another is asked for.
  SetResult(answer, line->via == kNative ? socket(family, type, protocol)
                                         : Invoke(line->via, &kSocket, family, type, protocol));
}

static void Bind(const struct Line* line, struct Answer* answer) {
  const struct ProbeAddress address = ParseAddress(Word(line, 2), Word(line, 3));
  SetResult(answer, Invoke(line->via, &kBind, Number(Word(line, 1)), (long)address.data, address.length));
}

// rthdr FD HOP ADDRESS: by way of HOP to ADDRESS (RFC 8754), two IPv6 addresses. Without them: no header.
static void SetRoutingHeader(const struct Line* line, struct Answer* answer) {
  enum { kSegmentRouting = 4, kSegments = 2 };
  struct {
    uint8_t next, length, type, segments_left, last_entry, flags, tag[2];
    struct in6_addr segments[kSegments];
  } header = {.length = 2 * kSegments, .type = kSegmentRouting, .segments_left = kSegments - 1};
  header.last_entry = kSegments - 1;
  const int given = inet_pton(AF_INET6, Word(line, 2), &header.segments[1]) == 1 &&
                    inet_pton(AF_INET6, Word(line, 3), &header.segments[0]) == 1;
  SetResult(answer, setsockopt(Number(Word(line, 1)), IPPROTO_IPV6, IPV6_RTHDR, given ? &header : NULL,
                               given ? sizeof(header) : 0));
}

static void Listen(const struct Line* line, struct Answer* answer) {
  SetResult(answer, Invoke(line->via, &kListen, Number(Word(line, 1)), Number(Word(line, 2)), 0));
}

static void Connect(const struct Line* line, struct Answer* answer) {
  const struct ProbeAddress address = ParseAddress(Word(line, 2), Word(line, 3));
  SetResult(answer, Invoke(line->via, &kConnect, Number(Word(line, 1)), (long)address.data, address.length));
}

static void NameOrPeer(const struct Line* line, struct Answer* answer) {
  struct sockaddr_storage name;
  socklen_t length = sizeof(name);
  const int fd = Number(Word(line, 1));
  const int peer = strcmp(line->words[0], "getpeername") == 0;
  const int result =
      peer ? getpeername(fd, (struct sockaddr*)&name, &length) : getsockname(fd, (struct sockaddr*)&name, &length);
  SetResult(answer, result);
  if (result == 0) PrintAddress(&name, length, answer->text, sizeof(answer->text));
}

static void Option(const struct Line* line, struct Answer* answer) {
  const struct Name* option = Find(kOptions, Word(line, 2));
  if (option == NULL) abort();
  const int value = Number(Word(line, 3));
  SetResult(answer, setsockopt(Number(Word(line, 1)), option->value, option->second, &value, sizeof(value)));
}

static void PeerOf(const struct Line* line, struct Answer* answer) {
  struct ucred peer;
  socklen_t length = sizeof(peer);
  const int result = getsockopt(Number(Word(line, 1)), SOL_SOCKET, SO_PEERCRED, &peer, &length);
  SetResult(answer, result);
  if (result == 0) Say(answer, "uid %u gid %u", peer.uid, peer.gid);
}

static void SendTo(const struct Line* line, struct Answer* answer) {
  const struct ProbeAddress address = ParseAddress(Word(line, 2), "");
  SetResult(answer, sendto(Number(Word(line, 1)), "hello", 5, MSG_NOSIGNAL, address.data, (socklen_t)address.length));
}

static void ReceiveFrom(const struct Line* line, struct Answer* answer) {
  struct sockaddr_storage from = {0};
  socklen_t length = sizeof(from);
  char bytes[64], text[200];
  const struct timeval limit = {10, 0};
  const int fd = Number(Word(line, 1));
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  const ssize_t size = recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr*)&from, &length);
  SetResult(answer, size);
  if (size < 0 || length == 0) return;
  PrintAddress(&from, length, text, sizeof(text));
  Say(answer, "%.*s from %s", (int)size, bytes, text);
}

static void TcpStateOf(const struct Line* line, struct Answer* answer) {
  struct tcp_info info;
  socklen_t length = sizeof(info);
  const int result = getsockopt(Number(Word(line, 1)), IPPROTO_TCP, TCP_INFO, &info, &length);
  SetResult(answer, result == 0 ? info.tcpi_state : result);
}

// Waits until a connection is there, or has failed.
static void Await(const struct Line* line, struct Answer* answer) {
  struct pollfd fd = {.fd = Number(Word(line, 1)), .events = POLLOUT, .revents = 0};
  SetResult(answer, poll(&fd, 1, 10000));
}

static void Descriptor(const struct Line* line, struct Answer* answer) {
  const char* call = line->words[0];
  const int fd = Number(Word(line, 1)), other = Number(Word(line, 2));
  if (strcmp(call, "close") == 0) SetResult(answer, close(fd));
  if (strcmp(call, "dup") == 0) SetResult(answer, dup(fd));
  if (strcmp(call, "dup2") == 0) SetResult(answer, dup2(fd, other));
  if (strcmp(call, "open") == 0) SetResult(answer, open(Word(line, 1), O_RDONLY));
  if (strcmp(call, "opath") == 0) SetResult(answer, open(Word(line, 1), O_PATH));
  if (strcmp(call, "shutdown") == 0) SetResult(answer, shutdown(fd, SHUT_RDWR));
  if (strcmp(call, "accept") == 0) SetResult(answer, accept(fd, NULL, NULL));
}

// receive FD: a descriptor that comes over a Unix socket.
static void Receive(const struct Line* line, struct Answer* answer) {
  char byte, control[CMSG_SPACE(sizeof(int))];
  struct iovec data = {&byte, 1};
  struct msghdr message = {
      .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
  int received = -1;
  SetResult(answer, recvmsg(Number(Word(line, 1)), &message, 0));
  if (answer->value < 0) return;
  const struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header != NULL && header->cmsg_type == SCM_RIGHTS) memcpy(&received, CMSG_DATA(header), sizeof(received));
  answer->value = received;
}

static void SocketPair(const struct Line* line, struct Answer* answer) {
  int pair[2];
  SetResult(answer, socketpair(ValueOf(kFamilies, Word(line, 1)), ValueOf(kTypes, Word(line, 2)), 0, pair));
}

int SocketCall(const struct Line* line, struct Answer* answer) {
  static const struct {
    const char* call;
    void (*run)(const struct Line*, struct Answer*);
  } kCalls[] = {{"socket", Socket},
                {"bind", Bind},
                {"listen", Listen},
                {"connect", Connect},
                {"getsockname", NameOrPeer},
                {"getpeername", NameOrPeer},
                {"rthdr", SetRoutingHeader},
                {"setsockopt", Option},
                {"peercred", PeerOf},
                {"sendto", SendTo},
                {"recvfrom", ReceiveFrom},
                {"tcpstate", TcpStateOf},
                {"await", Await},
                {"close", Descriptor},
                {"dup", Descriptor},
                {"dup2", Descriptor},
                {"open", Descriptor},
                {"opath", Descriptor},
                {"shutdown", Descriptor},
                {"accept", Descriptor},
                {"socketpair", SocketPair},
                {"receive", Receive}};
  for (size_t i = 0; i < sizeof(kCalls) / sizeof(kCalls[0]); ++i) {
    if (strcmp(line->words[0], kCalls[i].call) == 0) {
      kCalls[i].run(line, answer);
      return 1;
    }
  }
  return 0;
}
