// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/players.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <array>

#include "absl/strings/str_cat.h"
#include "sys/errno_status.h"

namespace forcebind {
namespace {

int SetOption(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof(value)) == 0 ? 0 : errno;
}

int SocketType(Protocol protocol) { return protocol == Protocol::kTcp ? SOCK_STREAM : SOCK_DGRAM; }

UniqueFd NewSocket(Family family, Protocol protocol) {
  return UniqueFd(
      socket(family == Family::kIpv4 ? AF_INET : AF_INET6, SocketType(protocol) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

// Takes what has come for the player, so that the next client finds it empty-handed.
void Take(Player& player) {
  if (player.spec().protocol == Protocol::kTcp) {
    UniqueFd connection(accept4(player.fd(), nullptr, nullptr, SOCK_CLOEXEC));
  } else {
    char buffer[16];
    (void)!recv(player.fd(), buffer, sizeof(buffer), MSG_DONTWAIT);
  }
}

int PendingError(int fd) {
  int error = 0;
  socklen_t size = sizeof(error);
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

std::string NameOfFailure(int error) { return error == ECONNREFUSED ? kRefused : ErrnoName(error); }

// Connects; an empty text if it did (UDP always does).
std::string Connect(int client, const Endpoint& dialled) {
  socklen_t size;
  const sockaddr_storage address = SockaddrOf(dialled, &size);
  if (connect(client, reinterpret_cast<const sockaddr*>(&address), size) == 0) return "";
  if (errno != EINPROGRESS) return NameOfFailure(errno);
  pollfd wait{client, POLLOUT, 0};
  if (poll(&wait, 1, kPatienceMs) != 1) return "nobody";
  const int error = PendingError(client);
  return error == 0 ? "" : NameOfFailure(error);
}

std::string WhoIsReady(int client, Protocol protocol, const std::vector<Player*>& players) {
  std::vector<pollfd> waits;
  for (Player* player : players) waits.push_back({player->fd(), POLLIN, 0});
  // An ICMP error reaches the UDP client as POLLERR.
  waits.push_back({protocol == Protocol::kUdp ? client : -1, POLLIN, 0});
  if (poll(waits.data(), waits.size(), kPatienceMs) <= 0) return "nobody";
  for (size_t i = 0; i < players.size(); ++i) {
    if ((waits[i].revents & POLLIN) == 0) continue;
    Take(*players[i]);
    return players[i]->name();
  }
  return NameOfFailure(PendingError(client));
}

std::string Dial(UniqueFd client, Protocol protocol, const Endpoint& dialled, const std::vector<Player*>& players) {
  if (!client.valid()) return "no client socket";
  if (std::string failure = Connect(client.get(), dialled); !failure.empty()) return failure;
  if (protocol == Protocol::kUdp && send(client.get(), "ping", 4, 0) != 4) return NameOfFailure(errno);
  return WhoIsReady(client.get(), protocol, players);
}

}  // namespace

IpAddress Ip(const char* text) {
  absl::StatusOr<IpAddress> address = IpAddress::Parse(text);
  if (!address.ok()) {
    fprintf(stderr, "%s\n", address.status().ToString().c_str());
    abort();
  }
  return *address;
}

sockaddr_storage SockaddrOf(const Endpoint& endpoint, socklen_t* size) {
  sockaddr_storage storage{};
  if (endpoint.address.is_v4()) {
    auto* in = reinterpret_cast<sockaddr_in*>(&storage);
    in->sin_family = AF_INET;
    in->sin_port = htons(endpoint.port);
    in->sin_addr.s_addr = htonl(endpoint.address.v4());
    *size = sizeof(*in);
  } else {
    auto* in6 = reinterpret_cast<sockaddr_in6*>(&storage);
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(endpoint.port);
    memcpy(&in6->sin6_addr, endpoint.address.bytes().data(), 16);
    *size = sizeof(*in6);
  }
  return storage;
}

Endpoint EndpointOf(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(&address);
    return {IpAddress::V4(ntohl(in->sin_addr.s_addr)), ntohs(in->sin_port)};
  }
  const auto* in6 = reinterpret_cast<const sockaddr_in6*>(&address);
  std::array<uint8_t, 16> bytes;
  memcpy(bytes.data(), &in6->sin6_addr, bytes.size());
  return {IpAddress::V6(bytes), ntohs(in6->sin6_port)};
}

Player::Player(std::string name, SocketSpec spec) : name_(std::move(name)), spec_(std::move(spec)) {}

int Player::Open() {
  Endpoint at = spec_.at;
  if (spec_.dual_stack) at.address = at.address.Mapped();
  fd_.reset(socket(at.address.is_v4() ? AF_INET : AF_INET6, SocketType(spec_.protocol) | SOCK_CLOEXEC | SOCK_NONBLOCK,
                   spec_.mptcp ? IPPROTO_MPTCP : 0));
  if (!fd_.valid()) return errno;
  if (!at.address.is_v4())
    if (int error = SetOption(fd_.get(), IPPROTO_IPV6, IPV6_V6ONLY, spec_.dual_stack ? 0 : 1); error != 0) return error;
  // As every TCP server does: connections that are over do not hold the port.
  if (spec_.protocol == Protocol::kTcp)
    if (int error = SetOption(fd_.get(), SOL_SOCKET, SO_REUSEADDR, 1); error != 0) return error;
  if (spec_.reuse_port)
    if (int error = SetOption(fd_.get(), SOL_SOCKET, SO_REUSEPORT, 1); error != 0) return error;
  if (spec_.late_port)
    if (int error = SetOption(fd_.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1); error != 0) return error;
  if (!spec_.device.empty() &&
      setsockopt(fd_.get(), SOL_SOCKET, SO_BINDTODEVICE, spec_.device.data(), spec_.device.size()) != 0)
    return errno;
  socklen_t size;
  const sockaddr_storage address = SockaddrOf(at, &size);
  if (bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) return errno;
  if (spec_.protocol == Protocol::kTcp) return ListenAgain();
  // To itself, by the discard port: only the port that comes with it counts.
  const sockaddr_storage discard = SockaddrOf({at.address, 9}, &size);
  if (spec_.late_port && sendto(fd_.get(), "", 0, 0, reinterpret_cast<const sockaddr*>(&discard), size) < 0)
    return errno;
  return 0;
}

int Player::Shutdown() { return shutdown(fd_.get(), SHUT_RD) == 0 ? 0 : errno; }

int Player::ListenAgain() { return listen(fd_.get(), 16) == 0 ? 0 : errno; }

std::string WhoAnswers(const TestNetwork& network, Protocol protocol, const Endpoint& dialled,
                       const std::vector<Player*>& players) {
  UniqueFd client = network.OnClient([&] { return NewSocket(dialled.address.family(), protocol); });
  return Dial(std::move(client), protocol, dialled, players);
}

std::string WhoAnswersLocally(Protocol protocol, const Endpoint& dialled, const std::vector<Player*>& players) {
  return Dial(NewSocket(dialled.address.family(), protocol), protocol, dialled, players);
}

UniqueFd UdpClient(const TestNetwork& network, Family family) {
  return network.OnClient([&] { return NewSocket(family, Protocol::kUdp); });
}

std::string WhoHears(int client, const Endpoint& dialled, const std::vector<Player*>& players) {
  socklen_t size;
  const sockaddr_storage address = SockaddrOf(dialled, &size);
  if (sendto(client, "ping", 4, 0, reinterpret_cast<const sockaddr*>(&address), size) != 4) return ErrnoName(errno);
  return WhoIsReady(client, Protocol::kUdp, players);
}

UniqueFd NewNetns() {
  EnteredNetns stays(UniqueFd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)).get());
  if (unshare(CLONE_NEWNET) != 0) return UniqueFd();
  return UniqueFd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
}

int BindTo(int fd, const Endpoint& endpoint) {
  socklen_t size;
  const sockaddr_storage address = SockaddrOf(endpoint, &size);
  return bind(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0 ? 0 : errno;
}

int ConnectTo(int fd, const Endpoint& endpoint) {
  socklen_t size;
  const sockaddr_storage address = SockaddrOf(endpoint, &size);
  return connect(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0 ? 0 : errno;
}

}  // namespace forcebind
