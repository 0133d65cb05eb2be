// SPDX-License-Identifier: Apache-2.0
#include "tests/netns/supervisor_fixture.h"

#include <errno.h>
#include <grp.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/kernel_btf.h"

namespace forcebind {
namespace {

constexpr int kPatienceMs = 30000;

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// In a socket of `domain`: an IPv4 address goes into an IPv6 socket mapped.
SocketAddress ToSockaddr(const Endpoint& endpoint, int domain) {
  SocketAddress address;
  if (domain == AF_INET) {
    sockaddr_in in = {.sin_family = AF_INET,
                      .sin_port = htons(endpoint.port),
                      .sin_addr = {htonl(endpoint.address.v4())},
                      .sin_zero = {}};
    memcpy(&address.storage, &in, sizeof(in));
    address.size = sizeof(in);
  } else {
    sockaddr_in6 in = {.sin6_family = AF_INET6, .sin6_port = htons(endpoint.port)};
    memcpy(&in.sin6_addr, endpoint.address.Mapped().bytes().data(), 16);
    memcpy(&address.storage, &in, sizeof(in));
    address.size = sizeof(in);
  }
  return address;
}

}  // namespace

Endpoint E(const std::string& text) { return *Endpoint::Parse(text); }

int DomainOf(const Endpoint& endpoint) { return endpoint.address.is_v4() ? AF_INET : AF_INET6; }

UniqueFd Bound(int domain, int type, int protocol, const Endpoint& endpoint) {
  UniqueFd fd(socket(domain, type | SOCK_CLOEXEC, protocol));
  const int on = 1, off = 0;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (domain == AF_INET6) setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  // An address that only a route makes local is bound like this, as notify/ does it.
  if (domain == AF_INET6) setsockopt(fd.get(), IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on));
  const SocketAddress address = ToSockaddr(endpoint, domain);
  if (bind(fd.get(), address.get(), address.size) != 0) fd.reset();
  return fd;
}

UniqueFd ListenOn(const Endpoint& endpoint, int domain, int protocol) {
  UniqueFd fd = Bound(domain != 0 ? domain : DomainOf(endpoint), SOCK_STREAM, protocol, endpoint);
  if (fd.valid() && listen(fd.get(), 1024) != 0) fd.reset();
  return fd;
}

// 0, or why the connection failed.
int ConnectTo(const std::string& endpoint) {
  UniqueFd fd(socket(DomainOf(E(endpoint)), SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval limit = {.tv_sec = kPatienceMs / 1000, .tv_usec = 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  const SocketAddress address = ToSockaddr(E(endpoint), DomainOf(E(endpoint)));
  return connect(fd.get(), address.get(), address.size) == 0 ? 0 : errno;
}

bool HasWaiting(int listener) {
  pollfd ready = {.fd = listener, .events = POLLIN, .revents = 0};
  if (poll(&ready, 1, kPatienceMs) != 1) return false;
  return UniqueFd(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC)).valid();
}

wire::Hello HelloOf(const std::string& name, const std::vector<uint16_t>& ports) {
  wire::Hello hello;
  hello.name = name;
  hello.pid = 4711;
  hello.walls = {"notify"};
  for (uint16_t port : ports) {
    Publication publication;
    publication.port = port;
    hello.publish.push_back(publication);
  }
  return hello;
}

wire::Listener Published() {
  wire::Listener listener;
  listener.requested = E("0.0.0.0:80");
  listener.published = true;
  return listener;
}

bool KernelHasHookD() {
  const auto found = FindKernelEnumValue("bpf_attach_type", "BPF_SK_LOOKUP_WILDCARD");
  return found.ok() && found->has_value();
}

bool BecomeUser() {
  return setgroups(0, nullptr) == 0 && setresgid(kUser, kUser, kUser) == 0 && setresuid(kUser, kUser, kUser) == 0;
}

}  // namespace forcebind
