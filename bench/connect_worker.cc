// SPDX-License-Identifier: Apache-2.0
#include "bench/connect_worker.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "bench/clock.h"
#include "sys/sockaddr.h"
#include "sys/unique_fd.h"

namespace forcebind::bench {
namespace {

SockAddr AddressFrom(const char* variable) {
  const char* value = getenv(variable);
  const std::string text = value != nullptr ? value : "";
  const size_t colon = text.find(':');
  in_addr address;
  if (colon == std::string::npos || inet_pton(AF_INET, text.substr(0, colon).c_str(), &address) != 1) Die(variable);
  return SockAddrV4(reinterpret_cast<const uint8_t*>(&address),
                    static_cast<uint16_t>(strtoul(text.c_str() + colon + 1, nullptr, 10)));
}

UniqueFd NewListener() {
  const SockAddr name = AddressFrom("FORCEBIND_BENCH_LISTEN");
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid() || bind(fd.get(), name.get(), name.size) != 0) Die("bind");
  if (listen(fd.get(), 64) != 0) Die("listen");
  return fd;
}

void BecomeClient() {
  UniqueFd netns(open(getenv("FORCEBIND_BENCH_CLIENT"), O_RDONLY | O_CLOEXEC));
  if (!netns.valid() || setns(netns.get(), CLONE_NEWNET) != 0) Die("enter the client's network namespace");
}

void Converse(int listener, const SockAddr& server) {
  UniqueFd client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  // A reset at the end, so that no port is held in TIME_WAIT.
  const linger reset = {.l_onoff = 1, .l_linger = 0};
  if (setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) != 0) Die("setsockopt");
  if (connect(client.get(), server.get(), server.size) != 0) Die("connect");
  UniqueFd accepted(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
  char byte = 'x';
  if (!accepted.valid() || send(accepted.get(), &byte, 1, MSG_NOSIGNAL) != 1) Die("accept");
  if (recv(client.get(), &byte, 1, 0) != 1) Die("recv");
}

// The first call opens it.
int Listener() {
  static const int listener = NewListener().release();
  return listener;
}

}  // namespace

double Hold() {
  Listener();
  return 0;
}

double Connect() {
  const int listener = Listener();
  static const SockAddr server = AddressFrom("FORCEBIND_BENCH_DIAL");
  static const bool moved = (BecomeClient(), true);
  static_cast<void>(moved);
  return Time([&] { Converse(listener, server); });
}

}  // namespace forcebind::bench
