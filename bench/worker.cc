// SPDX-License-Identifier: Apache-2.0
// worker: the program whose system calls are measured: plain, or under something that answers them.
//
//     forcebind-bench-worker OPERATION COUNT
//
// For every byte on standard input it makes COUNT measurements and writes them to standard output, one double each, in
// nanoseconds for one operation. Preparation and clean-up are not in the measurement.
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <vector>

#include "bench/clock.h"
#include "bench/connect_worker.h"
#include "sys/sockaddr.h"
#include "sys/unique_fd.h"

namespace forcebind::bench {
namespace {

constexpr uint16_t kPort = 20080;
constexpr uint8_t kWildcard[4] = {}, kLoopback[4] = {127, 0, 0, 1};
constexpr uint8_t kPublic[4] = {192, 0, 2, 8};  // of this host (tests/support/netns.h), where nobody listens
constexpr uint16_t kDiscardPort = 9;
// Operations that are shorter than the clock's own cost are made this often per measurement.
constexpr int kBatch = 200;

UniqueFd NewSocket() {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) Die("socket");
  return fd;
}

void BindTo(int fd, uint16_t port) {
  const SockAddr name = SockAddrV4(kWildcard, port);
  if (bind(fd, name.get(), name.size) != 0) Die("bind");
}

double Bind() {
  const UniqueFd fd = NewSocket();
  return Time([&] { BindTo(fd.get(), kPort); });
}

double Listen() {
  const UniqueFd fd = NewSocket();
  BindTo(fd.get(), kPort);
  return Time([&] {
    if (listen(fd.get(), 16) != 0) Die("listen");
  });
}

// Of a datagram socket, which only looks for a route.
double ConnectDatagrams() {
  const UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const SockAddr name = SockAddrV4(kPublic, kDiscardPort);
  return Time([&] {
    if (connect(fd.get(), name.get(), name.size) != 0) Die("connect");
  });
}

// There and back: a handshake that is refused.
double ConnectAway() {
  const UniqueFd fd = NewSocket();
  const SockAddr name = SockAddrV4(kPublic, kDiscardPort);
  return Time([&] {
    if (connect(fd.get(), name.get(), name.size) == 0 || errno != ECONNREFUSED) Die("connect");
  });
}

// On a port of the kernel's choice: the contestants' listeners are on one host.
int HomeListener() {
  UniqueFd fd = NewSocket();
  BindTo(fd.get(), 0);
  if (listen(fd.get(), 16) != 0) Die("listen");
  return fd.release();
}

SockAddr HomeOf(int listener) {
  SockAddr name;
  if (LocalName(listener, &name) != 0) Die("getsockname");
  return SockAddrV4(kLoopback, ntohs(name.v4()->sin_port));
}

// To this process itself.
double ConnectHome() {
  static const int listener = HomeListener();
  static const SockAddr name = HomeOf(listener);
  const UniqueFd fd = NewSocket();
  const linger reset = {.l_onoff = 1, .l_linger = 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  const double time = Time([&] {
    if (connect(fd.get(), name.get(), name.size) != 0) Die("connect");
  });
  const UniqueFd accepted(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
  return time;
}

// A call that no rule is about.
double Getppid() {
  return Time([] {
           for (int i = 0; i < kBatch; ++i) syscall(SYS_getppid);
         }) /
         kBatch;
}

// A call whose arguments the filter looks at. Closing is part of it.
double Socket() {
  return Time([] {
           for (int i = 0; i < kBatch; ++i) NewSocket();
         }) /
         kBatch;
}

// An address of the host that nothing forces (tests/support/netns.h), and a port on which nobody is.
SockAddr Nobody() {
  constexpr uint8_t kPublic[4] = {192, 0, 2, 8};
  return SockAddrV4(kPublic, 9);
}

double Dial() {
  const UniqueFd fd = NewSocket();
  const SockAddr name = Nobody();
  return Time([&] {
    if (connect(fd.get(), name.get(), name.size) == 0 || errno != ECONNREFUSED) Die("connect");
  });
}

double SendTo() {
  static const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const SockAddr name = Nobody();
  return Time([&] {
    if (sendto(fd, "x", 1, 0, name.get(), name.size) != 1) Die("sendto");
  });
}

struct Operation {
  const char* name;
  double (*measure)();
};
constexpr Operation kOperations[] = {
    {"bind", &Bind},
    {"listen", &Listen},
    {"getppid", &Getppid},
    {"socket", &Socket},
    {"connect", &Connect},
    {"hold", &Hold},
    {"connect-datagrams", &ConnectDatagrams},
    {"connect-away", &ConnectAway},
    {"connect-home", &ConnectHome},
    {"dial", &Dial},
    {"sendto", &SendTo},
};

void Serve(const Operation& operation, size_t count) {
  std::vector<double> samples(count);
  char go;
  while (read(STDIN_FILENO, &go, 1) == 1) {
    for (double& sample : samples) sample = operation.measure();
    const size_t size = count * sizeof(double);
    if (fwrite(samples.data(), 1, size, stdout) != size || fflush(stdout) != 0) Die("write");
  }
}

}  // namespace
}  // namespace forcebind::bench

int main(int argc, char** argv) {
  using namespace forcebind::bench;
  if (argc == 3) {
    for (const Operation& operation : kOperations) {
      if (strcmp(operation.name, argv[1]) != 0) continue;
      Serve(operation, strtoul(argv[2], nullptr, 10));
      return 0;
    }
  }
  fprintf(stderr, "usage: forcebind-bench-worker OPERATION COUNT\n");
  return 125;
}
