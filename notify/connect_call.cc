// SPDX-License-Identifier: Apache-2.0
// connect_call: CallHandler's part for connect().
//
// THEORY OF OPERATION
//   Most connects are not for us: the address is read, and the kernel goes on with the call. The same answer, CONTINUE,
//   is given to whatever cannot be looked at. It is not safe to enforce anything by (another thread may change the
//   address, or the descriptor's file, after we have looked), and nothing is: the worst that comes of it is a connect
//   that the service could have made anyway (docs/adr/0012-connect-is-continued.md).
//
//   A connect to the service's own loopback is started on our duplicate of its socket, and never waited for here:
//
//     UDP           connect(2) does not wait.
//     non-blocking  connect(2) does not wait; the service gets the kernel's own answer, EINPROGRESS.
//     blocking      the handshake is started without waiting, then the call is continued: connect(2) on a socket
//                   that is connecting ignores the address and waits (net/ipv4/af_inet.c, __inet_stream_connect,
//                   SS_CONNECTING), with the caller's own signals and time limit, and tells a failure that has come
//                   meanwhile.
//
//   A call that is interrupted and made again finds the socket connecting or connected, and is the kernel's.
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/time.h>

#include <variant>

#include "core/overloaded.h"
#include "notify/bind_private.h"
#include "notify/call_handler.h"
#include "notify/inet_sockaddr.h"
#include "sys/socket_info.h"
#include "sys/socket_lookup.h"

namespace forcebind {
namespace {

class KernelOwnSockets : public OwnSockets {
 public:
  // SO_PROTOCOL of the socket that is to be connected.
  explicit KernelOwnSockets(int protocol) : protocol_(protocol == IPPROTO_MPTCP ? IPPROTO_TCP : protocol) {}

  Presence Find(const Endpoint& endpoint) override {
    FoundSocket found;
    const int family = endpoint.address.is_v4() ? AF_INET : AF_INET6;
    const uint8_t* bytes = endpoint.address.bytes().data();
    if (!FindBoundSocket(family, protocol_, bytes, endpoint.port, &found)) return Presence::kNone;
    return found.family == family || found.v6only ? Presence::kOneFamily : Presence::kBothFamilies;
  }

 private:
  int protocol_;
};

// What connect() needs to know of a socket beyond what bind() does.
ConnectFacts WithSource(const SocketFacts& facts, int fd) {
  ConnectFacts result{.socket = facts, .source = facts.domain == AF_INET ? IpAddress() : IpAddress::V6({})};
  SockAddr name;
  if (LocalName(fd, &name) != 0) return result;
  const Endpoint local = ToEndpoint(name);
  result.source = local.address;
  result.socket.bound = local.port != 0 || !local.address.IsWildcard();
  return result;
}

int ConnectNow(int fd, const SockAddr& target) { return connect(fd, target.get(), target.size) == 0 ? 0 : errno; }

// The shortest time that there is, a tick of the kernel's clock. For where StartByFastOpen() is not to be had.
int StartWithinATick(int fd, const SockAddr& target) {
  timeval before = {}, tick = {.tv_sec = 0, .tv_usec = 1};
  socklen_t size = sizeof(before);
  if (getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &before, &size) != 0) return errno;
  if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tick, sizeof(tick)) != 0) return errno;
  const int error = ConnectNow(fd, target);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &before, sizeof(before));
  return error;
}

// A handshake that is started by sending nothing: MSG_DONTWAIT is for this call alone, while O_NONBLOCK would be seen
// by everybody who has the file (net/ipv4/tcp.c, tcp_sendmsg_fastopen). EOPNOTSUPP: net.ipv4.tcp_fastopen is off.
int StartByFastOpen(int fd, const SockAddr& target) {
  constexpr int kFlags = MSG_FASTOPEN | MSG_DONTWAIT | MSG_NOSIGNAL;
  return sendto(fd, nullptr, 0, kFlags, target.get(), target.size) >= 0 ? 0 : errno;
}

// EINPROGRESS: it has been started.
int StartConnect(int fd, int protocol, const SockAddr& target) {
  if (protocol == IPPROTO_TCP) {
    const int error = StartByFastOpen(fd, target);
    if (error != EOPNOTSUPP) return error;
  }
  return StartWithinATick(fd, target);
}

bool Blocks(int fd) { return (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0; }

}  // namespace

// The address before the descriptor, since most calls end there.
int CallHandler::GatherConnect(MemoryReader read, Subject* subject) {
  const int length = subject->call.address_length;
  if (length < 0 || static_cast<size_t>(length) > sizeof(sockaddr_storage)) return EINVAL;
  subject->address.size = static_cast<socklen_t>(length);
  if (const int error = read(subject->call.address, &subject->address.storage, static_cast<size_t>(length))) {
    return error;
  }
  const auto* bytes = reinterpret_cast<const uint8_t*>(&subject->address.storage);
  const std::optional<Endpoint> loopback = LoopbackDestination({bytes, subject->address.size});
  if (!loopback) return 0;
  if (const int error = GatherSocket(subject)) return error;
  subject->loopback = loopback;
  return 0;
}

CallHandler::Outcome CallHandler::LeaveToKernel(const Subject& subject) {
  if (device_.Continue(subject.id) != 0) return {ENOENT, Verdict::kGone};
  return {0, Verdict::kAsRequested, true};
}

CallHandler::Outcome CallHandler::Connect(const Subject& subject) {
  const int fd = subject.socket.get();
  if (subject.domain != AF_INET && subject.domain != AF_INET6) return LeaveToKernel(subject);
  const ConnectFacts facts = WithSource(FactsOf(subject), fd);
  // Connecting, connected or listening: the kernel says so, and waits where there is something to wait for.
  if (PortProtocol(facts.socket) == Protocol::kTcp && TcpState(fd) != TCP_CLOSE) return LeaveToKernel(subject);
  KernelOwnSockets own(facts.socket.protocol);
  return std::visit(
      Overloaded{
          [&](const PassThrough&) -> Outcome { return LeaveToKernel(subject); },
          [&](const Redirect& redirect) -> Outcome { return ConnectRedirected(subject, facts, redirect); },
          [&](const Deny& deny) -> Outcome { return Refuse(subject, deny.error, deny.reason); },
      },
      DecideConnect(*subject.loopback, facts, policy_, own));
}

CallHandler::Outcome CallHandler::ConnectRedirected(const Subject& subject, const ConnectFacts& facts,
                                                    const Redirect& redirect) {
  const int fd = subject.socket.get();
  const SockAddr target = ToSockAddr(redirect.target);
  // So that the peer can tell who calls. The port is chosen by connect(), which can share one among many peers. Where
  // it fails the kernel chooses the address, too.
  if (redirect.source) WithPortLater(fd, [&] { return BindAndNote(subject, {*redirect.source, 0}); });
  const bool waits = facts.socket.type == SOCK_STREAM && Blocks(fd);
  const int error = waits ? StartConnect(fd, facts.socket.protocol, target) : ConnectNow(fd, target);
  // EALREADY: another thread has been faster.
  if (waits && (error == EINPROGRESS || error == EALREADY)) return LeaveToKernel(subject);
  return {error, error == 0 || error == EINPROGRESS ? Verdict::kRewritten : Verdict::kFailed};
}

}  // namespace forcebind
