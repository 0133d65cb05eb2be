// SPDX-License-Identifier: Apache-2.0
// listen_call: CallHandler's half for listen().
#include <errno.h>
#include <netinet/tcp.h>

#include "absl/strings/str_cat.h"
#include "core/socket_kinds.h"
#include "notify/bind_private.h"
#include "notify/call_handler.h"
#include "notify/inet_sockaddr.h"
#include "sys/socket_info.h"
#include "sys/socket_lookup.h"
#include "sys/stand_in.h"

namespace forcebind {
namespace {

int ListenOn(int socket, int backlog) { return listen(socket, backlog) == 0 ? 0 : errno; }

// Ends a listener that may not be: net/ipv4/af_inet.c, inet_shutdown. It keeps its address and can listen again.
void Unlisten(int socket) { shutdown(socket, SHUT_RD); }

}  // namespace

CallHandler::Outcome CallHandler::Listen(const Subject& subject) {
  if (subject.domain == AF_INET || subject.domain == AF_INET6) return ListenInet(subject);
  return subject.domain == AF_UNIX || MayHaveFamily(subject.domain) ? ListenAsTask(subject) : RefuseFamily(subject);
}

// Clients of a listener in AF_UNIX see who called listen() (SO_PEERCRED).
CallHandler::Outcome CallHandler::ListenAsTask(const Subject& subject) {
  TaskIdentity identity;
  if (const int error = Identify(subject, &identity)) return {error, Verdict::kFailed};
  const auto call = [&] { return ListenOn(subject.socket.get(), subject.call.backlog); };
  const int error = HasOwnCredentials(identity) ? call() : CallWithEffectiveIds(identity, call);
  return {error, Verdict::kListened};
}

int CallHandler::PinPrivateAddress(const Subject& subject, const SocketFacts& facts, SockAddr* name) {
  const std::optional<Endpoint> target = ImplicitListenTarget(facts, policy_.addresses);
  if (target) {
    // EINVAL: it has an address already; or not, see pinned_sockets.h.
    const int error = PinAddress(subject, facts, *target);
    if (error == 0) TellWall(subject, Requested(subject).address);
    if (error != 0 && error != EINVAL) return error;
  }
  return LocalName(subject.socket.get(), name);
}

// What the socket was asked to be bound to, as far as it is known.
Endpoint CallHandler::Requested(const Subject& subject) const {
  if (const KnownSocket* known = Recall(subject)) return known->requested;
  return {subject.domain == AF_INET ? IpAddress() : IpAddress::V6({}), 0};
}

bool CallHandler::KernelBinds() const { return !policy_.walls.Allows(Wall::kNotify); }

// A listener's address changes no more, so this look is the last one that is needed. Before listen(2) it may change
// with the `cgroup` wall alone, where nobody here sees the bind. And an IPv4-mapped one may not be what getsockname()
// says: a connection to IPv6, by way of a routing header, puts 127.0.0.6 in the place of its IPv4 address
// (net/ipv6/tcp_ipv6.c, tcp_v6_connect).
bool CallHandler::ListensPrivately(int fd, const SocketFacts& facts) const {
  SockAddr name;
  if (LocalName(fd, &name) != 0) return false;
  const Endpoint actual = ToEndpoint(name);
  if (!policy_.addresses.Contains(actual.address)) return false;
  if (!actual.address.IsV4Mapped()) return true;
  return !NobodyListens(AF_INET, actual.address.Unmapped().bytes().data(), actual.port, facts.bound_ifindex);
}

CallHandler::Outcome CallHandler::ListenInet(const Subject& subject) {
  const int fd = subject.socket.get();
  const SocketFacts facts = FactsOf(subject);
  if (const int error = CheckSocketKind(facts.type, facts.protocol, false)) return RefuseKind(subject, error, facts);
  if (facts.type == SOCK_DGRAM || facts.type == SOCK_RAW) {
    return {ListenOn(fd, subject.call.backlog), Verdict::kFailed};  // EOPNOTSUPP
  }
  if (facts.foreign_netns) {
    return Refuse(subject, EADDRNOTAVAIL, "the socket belongs to another network namespace than forcebind");
  }
  const std::optional<Protocol> protocol = PortProtocol(facts);
  const int state = protocol ? TcpState(fd) : TCP_CLOSE;
  if (state != TCP_CLOSE && state != TCP_LISTEN) return {state < 0 ? -state : EINVAL, Verdict::kFailed};

  SockAddr name;
  if (state == TCP_CLOSE) {
    if (const int error = PinPrivateAddress(subject, facts, &name)) return {error, Verdict::kFailed};
  } else if (const int error = LocalName(fd, &name)) {
    return {error, Verdict::kFailed};
  }
  const Endpoint actual = ToEndpoint(name);
  if (!policy_.addresses.Contains(actual.address)) {
    return Refuse(subject, EACCES,
                  absl::StrCat("the socket's address ", actual.ToString(), " is not this service's private one"));
  }
  if (state == TCP_CLOSE && !KernelBinds() && !pinned_.Contains(subject.cookie)) {
    return Refuse(
        subject, EACCES,
        absl::StrCat("the socket's address ", actual.ToString(), " was not given to it here, and may change"));
  }

  const bool dual_stack = actual.address.IsV4Mapped() && !facts.v6only;
  const Publication* publication = protocol ? policy_.FindPublication(*protocol, actual.port) : nullptr;
  const Announcement announcement{.protocol = Protocol::kTcp,
                                  .requested = Requested(subject),
                                  .actual = actual,
                                  .published = publication != nullptr,
                                  .dual_stack = dual_stack};
  std::string why;
  if (announcement.published) {
    if (const int error = publisher_.Claim(announcement, &why)) return Refuse(subject, error, why);
  }
  if (const int error = ListenOn(fd, subject.call.backlog)) return {error, Verdict::kFailed};
  if (!ListensPrivately(fd, facts)) {
    Unlisten(fd);
    return Refuse(subject, EACCES,
                  "the socket has another address than it says, or has lost it while it began to listen");
  }
  if (const int error = publisher_.Announce(announcement, fd, &why)) {
    if (state == TCP_CLOSE) Unlisten(fd);
    return Refuse(subject, error, why);
  }
  return {0, Verdict::kListened};
}

}  // namespace forcebind
