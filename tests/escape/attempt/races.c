// SPDX-License-Identifier: Apache-2.0
// Races: one thread is in the call, another one changes what it is about.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/net.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attempt.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static void Spin(int count) {
  for (volatile int i = 0; i < count; ++i) {
  }
}

// ---- the address's bytes

static struct sockaddr_in shared_name;

static void SwapAddress(void) {
  *(volatile in_addr_t*)&shared_name.sin_addr.s_addr = htonl(0x7f540301);
  RivalStep(400);
  *(volatile in_addr_t*)&shared_name.sin_addr.s_addr = htonl(INADDR_ANY);
  RivalStep(400);
}

static int AddressRound(void) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (RaceBind(fd, (struct sockaddr*)&shared_name, sizeof(shared_name)) == 0 && listen(fd, kBacklog) == 0) return fd;
  close(fd);
  return -1;
}

void RaceAddress(char** arguments) {
  (void)arguments;
  shared_name = Ipv4("127.84.3.1", 0);
  StartRival(SwapAddress);
  Race(AddressRound);
  EndRival();
}

// ---- the descriptor's number: an AF_UNIX socket, whose binds are harmless, or a TCP socket

static _Atomic int number, unix_socket, tcp_socket;

static void SwapDescriptor(void) {
  dup2(unix_socket, number);
  RivalStep(400);
  dup2(tcp_socket, number);
  RivalStep(400);
}

static int DescriptorRound(void) {
  static const struct sockaddr_in kWildcard = {.sin_family = AF_INET};
  tcp_socket = socket(AF_INET, SOCK_STREAM, 0);
  StartRival(SwapDescriptor);
  int bound = -1;
  for (int i = 0; i < 4 && bound != 0; ++i)
    bound = RaceBind(number, (const struct sockaddr*)&kWildcard, sizeof(kWildcard));
  EndRival();
  const int fd = tcp_socket;
  if (bound == 0 && listen(fd, kBacklog) == 0) return fd;
  close(fd);
  return -1;
}

void RaceDescriptor(char** arguments) {
  (void)arguments;
  unix_socket = socket(AF_UNIX, SOCK_STREAM, 0);
  number = dup(unix_socket);
  Race(DescriptorRound);
}

// ---- connect and disconnect around listen

static struct sockaddr_storage peer;
static socklen_t peer_length;
static int racing_family, racing_protocol, flips_v6only;
static _Atomic int racing;

static void ConnectAndDisconnect(void) {
  const int fd = racing;
  connect(fd, (struct sockaddr*)&peer, peer_length);
  RivalStep(2000);
  if (flips_v6only) SetInt(fd, IPPROTO_IPV6, IPV6_V6ONLY, rand() % 2);
  Disconnect(fd);
  RivalStep(500);
}

static int DisconnectRound(void) {
  const int fd = socket(racing_family, SOCK_STREAM | SOCK_NONBLOCK, racing_protocol);
  int result = -1;
  racing = fd;
  StartRival(ConnectAndDisconnect);
  for (int i = 0; i < 50 && result != 0; ++i) result = RaceListen(fd);
  EndRival();
  return fd;
}

// A listener of our own, on the private address if we have one, whose queue is full: connections to it stay SYN_SENT.
static void ConnectToOwnListener(void) {
  const int listener = socket(AF_INET6, SOCK_STREAM, 0);
  SetInt(listener, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  BindTo6(listener, "::1", kPort);
  listen(listener, 0);
  peer_length = sizeof(peer);
  getsockname(listener, (struct sockaddr*)&peer, &peer_length);
  for (int i = 0; i < 4; ++i) {
    connect(socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0), (struct sockaddr*)&peer, peer_length);
  }
  racing_family = AF_INET6;
}

void RaceDisconnect(char** arguments) {
  const struct sockaddr_in nobody = Ipv4("192.0.2.200", kPort);
  (void)arguments;
  memcpy(&peer, &nobody, sizeof(nobody));
  peer_length = sizeof(nobody);
  racing_family = AF_INET;
  Race(DisconnectRound);
}

void RaceDisconnectUla(char** arguments) {
  (void)arguments;
  ConnectToOwnListener();
  Race(DisconnectRound);
}

void RaceV6only(char** arguments) {
  (void)arguments;
  ConnectToOwnListener();
  flips_v6only = 1;
  Race(DisconnectRound);
}

void RaceMptcpDisconnect(char** arguments) {
  (void)arguments;
  ConnectToOwnListener();
  racing_protocol = IPPROTO_MPTCP;
  Race(DisconnectRound);
}

// ---- a listener that is shut down, loses its address by a bind that fails, and listens again

static struct sockaddr_in taken_name;

static void ShutDownAndLoseAddress(void) {
  const int fd = racing;
  shutdown(fd, SHUT_RDWR);
  RivalStep(500);
  bind(fd, (struct sockaddr*)&taken_name, sizeof(taken_name));
  RivalStep(2000);
}

static int RelistenRound(void) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  BindTo4(fd, "127.84.3.1", 0);
  listen(fd, kBacklog);
  racing = fd;
  StartRival(ShutDownAndLoseAddress);
  for (int i = 0; i < 50 && !HasEscaped(fd); ++i) RaceListen(fd);
  EndRival();
  return fd;
}

void RaceRelisten(char** arguments) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  (void)arguments;
  taken_name = Ipv4("127.84.3.1", kPort);
  bind(listener, (struct sockaddr*)&taken_name, sizeof(taken_name));
  listen(listener, kBacklog);
  Race(RelistenRound);
}

// The companion is stopped and continued all the time, so that it stands still between any two of its steps.
void RaceStoppedCompanion(char** arguments) {
  const pid_t victim = AwaitVictim();
  const pid_t self = getpid();
  const pid_t disturber = fork();
  if (disturber == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (getppid() == self) {
      kill(victim, SIGSTOP);
      Spin(rand() % 20000);
      kill(victim, SIGCONT);
      Spin(rand() % 20000);
    }
    _exit(0);
  }
  RaceDisconnectUla(arguments);
  kill(disturber, SIGKILL);
  waitpid(disturber, NULL, 0);
  kill(victim, SIGCONT);
}

// ---- the arguments of socketcall(2), which lie in memory

static unsigned* call_arguments;
static struct sockaddr_in *private_name, *wildcard_name;

static void SwapArguments(void) {
  *(volatile unsigned*)&call_arguments[1] = (unsigned)(uintptr_t)private_name;
  RivalStep(400);
  *(volatile unsigned*)&call_arguments[1] = (unsigned)(uintptr_t)wildcard_name;
  RivalStep(400);
}

static int SocketcallRound(void) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  call_arguments[0] = (unsigned)fd;
  const int refused = options.naive && *(volatile unsigned*)&call_arguments[1] != (unsigned)(uintptr_t)private_name;
  if (options.naive) TakeTime();
  if (!refused && I386Call(102, SYS_BIND, (long)call_arguments, 0) == 0 && listen(fd, kBacklog) == 0) return fd;
  close(fd);
  return -1;
}

void RaceSocketcall(char** arguments) {
  (void)arguments;
  call_arguments = LowMemory(4096);
  private_name = LowMemory(4096);
  wildcard_name = LowMemory(4096);
  *private_name = Ipv4("127.84.3.1", 0);
  *wildcard_name = Ipv4("0.0.0.0", 0);
  call_arguments[1] = (unsigned)(uintptr_t)private_name;
  call_arguments[2] = sizeof(struct sockaddr_in);
  StartRival(SwapArguments);
  Race(SocketcallRound);
  EndRival();
}

// ---- who asked is killed before he has the answer

static char child_stack[65536] __attribute__((aligned(16)));

static int BindInChild(void* fd) { return BindTo4((int)(long)fd, "0.0.0.0", 0); }

static int DeathRound(void) {
  const long fd = socket(AF_INET, SOCK_STREAM, 0);
  const pid_t child =
      clone(BindInChild, child_stack + sizeof(child_stack), CLONE_VM | CLONE_FILES | SIGCHLD, (void*)fd);
  Spin(rand() % 20000);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  return listen((int)fd, kBacklog) == 0 ? (int)fd : (close((int)fd), -1);
}

void RaceDeath(char** arguments) {
  (void)arguments;
  Race(DeathRound);
}
