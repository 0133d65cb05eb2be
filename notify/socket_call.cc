// SPDX-License-Identifier: Apache-2.0
// socket_call: CallHandler's part for socket() and socketpair() of the i386 ABI, whose arguments a filter cannot see,
// and for UDP sockets of a service that may not reach the outside: they have the private address from the beginning,
// without a port, so that a send without bind comes from there, and its port hears nobody else.
//
// The socket is made as the task itself, since it belongs to the user who makes it and some need a capability, and then
// put into the task's table. Of a socketpair SO_PEERCRED names another process id, and the task's user and group.
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "core/socket_kinds.h"
#include "notify/bind_private.h"
#include "notify/call_handler.h"
#include "notify/inet_sockaddr.h"
#include "sys/socket_info.h"
#include "sys/stand_in.h"
#include "sys/unix_channel.h"

namespace forcebind {
namespace {

constexpr int kTypeMask = 0xf;  // SOCK_TYPE_MASK: the rest is flags

struct Pair {
  UniqueFd first, second;
};

// `second` stays invalid for socket().
int Make(const Call& call, Pair* made) {
  int fds[2] = {-1, -1};
  if (call.kind == CallKind::kSocket) {
    fds[0] = socket(call.family, call.type | SOCK_CLOEXEC, call.protocol);
  } else if (socketpair(call.family, call.type | SOCK_CLOEXEC, call.protocol, fds) != 0) {
    return errno;
  }
  if (fds[0] < 0) return errno;
  made->first.reset(fds[0]);
  made->second.reset(fds[1]);
  return 0;
}

// One packet for each descriptor.
int Send(int channel, const Pair& made) {
  const uint8_t byte = 0;
  for (const UniqueFd* fd : {&made.first, &made.second}) {
    if (!fd->valid()) continue;
    if (const int error = SendPacket(channel, {&byte, 1}, fd->get())) return error;
  }
  return 0;
}

int Receive(int channel, const Call& call, Pair* made) {
  Packet packet;
  if (const int error = ReceivePacket(channel, 1, &packet)) return error;
  made->first = std::move(packet.fd);
  if (call.kind == CallKind::kSocket) return 0;
  const int error = ReceivePacket(channel, 1, &packet);
  made->second = std::move(packet.fd);
  return error;
}

// `as_task` runs a call as the task that is to have the socket.
int MakeAs(absl::FunctionRef<int(absl::FunctionRef<int()>)> as_task, const Call& call, Pair* made) {
  int channel[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) != 0) return errno;
  const UniqueFd here(channel[0]), there(channel[1]);
  const int error = as_task([&] {
    const int failed = Make(call, made);
    return failed != 0 ? failed : Send(there.get(), *made);
  });
  return error != 0 ? error : Receive(here.get(), call, made);
}

// The numbers go where the task wants them. That place is tried first, since a descriptor cannot be taken back.
int GivePair(NotifyDevice& device, uint64_t id, pid_t tid, const Call& call, const Pair& made) {
  const bool close_on_exec = (call.type & SOCK_CLOEXEC) != 0;
  int32_t numbers[2] = {-1, -1};
  const auto write = [&] {
    return WriteTargetMemory(tid, call.address, numbers, sizeof(numbers), [&] { return device.IsAlive(id); });
  };
  if (const int error = write()) return error;
  if (const int error = device.AddFd(id, made.first.get(), close_on_exec, &numbers[0])) return error;
  if (const int error = device.AddFd(id, made.second.get(), close_on_exec, &numbers[1])) return error;
  return write();
}

}  // namespace

// What the filter asks of the other ABI (launcher/filter).
int CallHandler::CheckKind(const Call& call) const {
  const bool old_packet =
      call.kind == CallKind::kSocket && call.family == AF_INET && (call.type & kTypeMask) == SOCK_PACKET;
  const int family = old_packet ? AF_PACKET : call.family;
  if (!MayHaveFamily(family)) return EAFNOSUPPORT;
  const bool inet = call.kind == CallKind::kSocket && (family == AF_INET || family == AF_INET6);
  return inet ? CheckSocketKind(call.type & kTypeMask, call.protocol, deny_mptcp_) : 0;
}

int CallHandler::HoldPrivately(int fd) const {
  if (policy_.egress) return 0;
  SocketFacts facts = {.domain = SocketDomain(fd), .type = IntOption(fd, SOL_SOCKET, SO_TYPE, 0)};
  facts.protocol = IntOption(fd, SOL_SOCKET, SO_PROTOCOL, 0);
  if ((facts.domain != AF_INET && facts.domain != AF_INET6) || PortProtocol(facts) != Protocol::kUdp) return 0;
  facts.v6only = facts.domain == AF_INET6 && IntOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) != 0;
  const std::optional<Endpoint> target = ImplicitListenTarget(facts, policy_.addresses);
  if (!target) return EAFNOSUPPORT;
  return WithPortLater(fd, [&] { return BindPrivate(fd, ToSockAddr(*target)); });
}

CallHandler::Outcome CallHandler::MakeSocket(const Subject& subject) {
  const Call& call = subject.call;
  if (const int error = CheckKind(call)) return Refuse(subject, error, "");
  // What lies in registers stays as it was looked at. A socket that is made here is not behind the `cgroup` wall.
  if (call.native && (enclosed_ || !subject.in_own_netns)) return LeaveToKernel(subject);
  if (!subject.in_own_netns) {
    return Refuse(subject, EAFNOSUPPORT,
                  "32-bit programs get no sockets in another network namespace than forcebind's");
  }
  Pair made;
  TaskIdentity identity;
  if (const int error = Identify(subject, &identity)) return {error, Verdict::kFailed};
  const auto as_task = [&](absl::FunctionRef<int()> make) { return CallAsTask(subject, identity, make); };
  const int failed = HasOwnCredentials(identity) ? Make(call, &made) : MakeAs(as_task, call, &made);
  if (failed != 0) return {failed, Verdict::kFailed};
  if (const int error = HoldPrivately(made.first.get())) {
    return Refuse(subject, error,
                  "a UDP socket gets no private address, without which `egress = false` leaves it none");
  }
  if (call.kind == CallKind::kSocketPair) {
    return {GivePair(device_, subject.id, subject.tid, call, made), Verdict::kAsRequested};
  }
  const int error = device_.ReplyWithFd(subject.id, made.first.get(), (call.type & SOCK_CLOEXEC) != 0);
  if (error == ENOENT) return {ENOENT, Verdict::kGone};
  return {error, Verdict::kAsRequested, error == 0};
}

}  // namespace forcebind
