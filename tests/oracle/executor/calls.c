// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/net.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "executor.h"

struct Option {
  const char* text;
  int level, option;
};

static const struct Option kOptions[] = {{"reuseaddr", SOL_SOCKET, SO_REUSEADDR},
                                         {"reuseport", SOL_SOCKET, SO_REUSEPORT},
                                         {"broadcast", SOL_SOCKET, SO_BROADCAST},
                                         {"keepalive", SOL_SOCKET, SO_KEEPALIVE},
                                         {"linger", SOL_SOCKET, SO_LINGER},
                                         {"freebind", IPPROTO_IP, IP_FREEBIND},
                                         {"transparent", IPPROTO_IP, IP_TRANSPARENT},
                                         {"no_port_yet", IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT},
                                         {"v6only", IPPROTO_IPV6, IPV6_V6ONLY},
                                         {"error", SOL_SOCKET, SO_ERROR},
                                         {"acceptconn", SOL_SOCKET, SO_ACCEPTCONN},
                                         {"type", SOL_SOCKET, SO_TYPE},
                                         {"protocol", SOL_SOCKET, SO_PROTOCOL},
                                         {"ifindex", SOL_SOCKET, SO_BINDTOIFINDEX},
                                         {NULL, 0, 0}};

static const struct Option* FindOption(const char* text) {
  for (const struct Option* option = kOptions; option->text != NULL; ++option) {
    if (strcmp(option->text, text) == 0) return option;
  }
  fprintf(stderr, "executor: no option \"%s\"\n", text);
  exit(99);
}

static int Family(const char* word) {
  if (strcmp(word, "inet") == 0) return AF_INET;
  if (strcmp(word, "inet6") == 0) return AF_INET6;
  if (strcmp(word, "unix") == 0) return AF_UNIX;
  if (strcmp(word, "netlink") == 0) return AF_NETLINK;
  return (int)strtol(word, NULL, 0);
}

static int Type(const char* word) {
  int type = (int)strtol(word, NULL, 0);
  if (strncmp(word, "stream", 6) == 0) type = SOCK_STREAM;
  if (strncmp(word, "dgram", 5) == 0) type = SOCK_DGRAM;
  if (strncmp(word, "seqpacket", 9) == 0) type = SOCK_SEQPACKET;
  if (strstr(word, "+nonblock") != NULL) type |= SOCK_NONBLOCK;
  return type;
}

// ---- the doors

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

struct Numbers {
  long native;
  int compat, multiplexed;
};
static const struct Numbers kSocket = {SYS_socket, 359, SYS_SOCKET};
static const struct Numbers kBind = {SYS_bind, 361, SYS_BIND};
static const struct Numbers kListen = {SYS_listen, 363, SYS_LISTEN};

// The program is linked below 2 GiB, so that an i386 call can name what is static.
static long Invoke(enum Door door, const struct Numbers* numbers, long a, long b, long c) {
  static uint32_t words[3];
  if (door == kNative) return syscall(numbers->native, a, b, c);
  if (door == kInt80) return I386Call(numbers->compat, a, b, c);
  words[0] = (uint32_t)a, words[1] = (uint32_t)b, words[2] = (uint32_t)c;
  return I386Call(102, numbers->multiplexed, (long)words, 0);
}

long RawBind(enum Door door, int fd, const struct Address* address) {
  static _Alignas(8) unsigned char low[kAddressRoom];
  memcpy(low, address->data, sizeof(low));
  const void* pointer = address->pointer == address->data ? low : address->pointer;
  return Invoke(door, &kBind, fd, (long)pointer, address->length);
}

long RawListen(enum Door door, int fd, int backlog) { return Invoke(door, &kListen, fd, backlog, 0); }

// ---- the calls

int IntOption(int fd, int level, int option) {
  int value = 0;
  socklen_t length = sizeof(value);
  return getsockopt(fd, level, option, &value, &length) == 0 ? value : 0;
}

static void SetResult(struct Answer* answer, long value) {
  answer->value = value;
  answer->error = errno;
}

// A call that would wait is not made; it is answered like one that may not wait.
static int WouldWait(int fd, short events, struct Answer* answer) {
  struct pollfd ready = {.fd = fd, .events = events};
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || (flags & O_NONBLOCK) != 0) return 0;
  int count;
  while ((count = poll(&ready, 1, 0)) < 0 && errno == EINTR) {
  }
  if (count != 0) return 0;
  answer->value = -1;
  answer->error = EAGAIN;
  return 1;
}

static void Socket(const struct Line* line, struct Answer* answer) {
  const struct timeval limit = {0, 50000};
  const int type = Type(Word(line, 2));
  const long fd = Invoke(line->door, &kSocket, Family(Word(line, 1)), type, strtol(Word(line, 3), NULL, 0));
  SetResult(answer, fd);
  // Of a connect that waits.
  if (fd >= 0 && (type & SOCK_NONBLOCK) == 0) setsockopt((int)fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

static void Bind(const struct Line* line, struct Answer* answer) {
  struct Address address;
  ParseAddress(Word(line, 2), Word(line, 3), &address);
  const int fd = Slot(Word(line, 1));
  SetResult(answer, is_reference ? ReferenceBind(line->door, fd, &address) : RawBind(line->door, fd, &address));
}

static void Listen(const struct Line* line, struct Answer* answer) {
  const int fd = Slot(Word(line, 1)), backlog = (int)strtol(Word(line, 2), NULL, 0);
  SetResult(answer, is_reference ? ReferenceListen(line->door, fd, backlog) : RawListen(line->door, fd, backlog));
}

// A UDP socket that is connected to no address of its family is refused, but bound before that, unless some cgroup of
// the host has a program for connect (net/ipv4/af_inet.c, inet_dgram_connect). Such calls are not made.
static int DependsOnOthers(int fd, const struct Address* address) {
  const int domain = IntOption(fd, SOL_SOCKET, SO_DOMAIN), family = ((const struct sockaddr*)address->data)->sa_family;
  if ((domain != AF_INET && domain != AF_INET6) || IntOption(fd, SOL_SOCKET, SO_TYPE) != SOCK_DGRAM) return 0;
  if (address->pointer != address->data || family == AF_UNSPEC) return 0;
  const size_t shortest = domain == AF_INET ? sizeof(struct sockaddr_in) : offsetof(struct sockaddr_in6, sin6_scope_id);
  return family != domain || address->length < (int)shortest;
}

static void Connect(const struct Line* line, struct Answer* answer) {
  struct Address address;
  const int fd = Slot(Word(line, 1));
  ParseAddress(Word(line, 2), Word(line, 3), &address);
  if (DependsOnOthers(fd, &address)) {
    errno = EINVAL;
    return SetResult(answer, -1);
  }
  SetResult(answer, connect(fd, address.pointer, (socklen_t)address.length));
}

static void Accept(const struct Line* line, struct Answer* answer) {
  struct sockaddr_storage name;
  socklen_t length = sizeof(name);
  const int fd = Slot(Word(line, 1));
  if (WouldWait(fd, POLLIN, answer)) return;
  SetResult(answer, accept(fd, (struct sockaddr*)&name, &length));
  if (answer->value >= 0) PrintAddress(&name, length, SOCK_STREAM, answer->text, sizeof(answer->text));
}

static void NameOrPeer(const struct Line* line, struct Answer* answer) {
  struct sockaddr_storage name;
  socklen_t length = sizeof(name);
  const int fd = Slot(Word(line, 1));
  const int peer = strcmp(line->words[0], "getpeername") == 0;
  SetResult(answer, peer ? getpeername(fd, (struct sockaddr*)&name, &length)
                         : getsockname(fd, (struct sockaddr*)&name, &length));
  if (answer->value != 0) return;
  PrintAddress(&name, length, IntOption(fd, SOL_SOCKET, SO_TYPE), answer->text, sizeof(answer->text));
}

static void SetOption(const struct Line* line, struct Answer* answer) {
  const struct Option* option = FindOption(Word(line, 2));
  const int value = (int)strtol(Word(line, 3), NULL, 0), fd = Slot(Word(line, 1));
  const struct linger linger = {value, 0};
  const int is_linger = option->level == SOL_SOCKET && option->option == SO_LINGER;
  SetResult(answer, is_linger ? setsockopt(fd, option->level, option->option, &linger, sizeof(linger))
                              : setsockopt(fd, option->level, option->option, &value, sizeof(value)));
}

static void GetOption(const struct Line* line, struct Answer* answer) {
  const struct Option* option = FindOption(Word(line, 2));
  int value = 0;
  socklen_t length = sizeof(value);
  SetResult(answer, getsockopt(Slot(Word(line, 1)), option->level, option->option, &value, &length));
  if (answer->value == 0) snprintf(answer->text, sizeof(answer->text), "%d", value);
}

// FIN_WAIT1 becomes FIN_WAIT2 with the peer's acknowledgement, which may be put off by a timer: they are one here.
static void State(const struct Line* line, struct Answer* answer) {
  struct tcp_info info = {0};
  socklen_t length = sizeof(info);
  SetResult(answer, getsockopt(Slot(Word(line, 1)), IPPROTO_TCP, TCP_INFO, &info, &length));
  const int state = info.tcpi_state == TCP_FIN_WAIT2 ? TCP_FIN_WAIT1 : info.tcpi_state;
  if (answer->value == 0) snprintf(answer->text, sizeof(answer->text), "state %d", state);
}

static void SendTo(const struct Line* line, struct Answer* answer) {
  struct Address address = {.pointer = NULL, .length = 0};
  const int fd = Slot(Word(line, 1));
  if (line->count > 2) ParseAddress(Word(line, 2), Word(line, 3), &address);
  if (WouldWait(fd, POLLOUT, answer)) return;
  SetResult(answer, sendto(fd, "hello", 5, MSG_NOSIGNAL, address.pointer, (socklen_t)address.length));
}

static void Receive(const struct Line* line, struct Answer* answer) {
  struct sockaddr_storage from = {0};
  socklen_t length = sizeof(from);
  char bytes[64];
  const int fd = Slot(Word(line, 1));
  SetResult(answer, recvfrom(fd, bytes, sizeof(bytes), MSG_DONTWAIT, (struct sockaddr*)&from, &length));
  if (answer->value < 0 || length == 0) return;
  PrintAddress(&from, length, IntOption(fd, SOL_SOCKET, SO_TYPE), answer->text, sizeof(answer->text));
}

static void Close(const struct Line* line, struct Answer* answer) { SetResult(answer, close(Slot(Word(line, 1)))); }
static void Dup(const struct Line* line, struct Answer* answer) { SetResult(answer, dup(Slot(Word(line, 1)))); }
static void Dup2(const struct Line* line, struct Answer* answer) {
  SetResult(answer, dup2(Slot(Word(line, 1)), Slot(Word(line, 2))));
}
static void Shutdown(const struct Line* line, struct Answer* answer) {
  SetResult(answer, shutdown(Slot(Word(line, 1)), atoi(Word(line, 2))));
}
static void Unlink(const struct Line* line, struct Answer* answer) { SetResult(answer, unlink(Word(line, 1))); }

void MakeCall(const struct Line* line, struct Answer* answer) {
  static const struct {
    const char* call;
    void (*run)(const struct Line*, struct Answer*);
  } kCalls[] = {{"socket", Socket},
                {"bind", Bind},
                {"listen", Listen},
                {"connect", Connect},
                {"accept", Accept},
                {"getsockname", NameOrPeer},
                {"getpeername", NameOrPeer},
                {"setsockopt", SetOption},
                {"getsockopt", GetOption},
                {"state", State},
                {"sendto", SendTo},
                {"recv", Receive},
                {"close", Close},
                {"dup", Dup},
                {"dup2", Dup2},
                {"shutdown", Shutdown},
                {"unlink", Unlink}};
  for (size_t i = 0; i < sizeof(kCalls) / sizeof(kCalls[0]); ++i) {
    if (strcmp(line->words[0], kCalls[i].call) == 0) return kCalls[i].run(line, answer);
  }
  fprintf(stderr, "executor: no call \"%s\"\n", line->words[0]);
  exit(99);
}
