// SPDX-License-Identifier: Apache-2.0
#include "notify/call_handler.h"

#include <errno.h>
#include <linux/capability.h>

#include "absl/strings/str_cat.h"
#include "notify/bind_private.h"
#include "notify/inet_sockaddr.h"
#include "sys/capabilities.h"
#include "sys/errno_status.h"
#include "sys/netns.h"
#include "sys/socket_info.h"
#include "sys/stand_in.h"

namespace forcebind {
namespace {

constexpr size_t kMaxKnownSockets = 1024;
constexpr int kTriesForAPort = 16;  // somebody else may take it in between

}  // namespace

CallHandler::Outcome CallHandler::Handle(const Notification& notification) {
  Subject subject;
  const int error = Gather(notification, &subject);
  if (subject.call.kind == CallKind::kConnect && (error != 0 || !subject.loopback)) return LeaveToKernel(subject);
  if (!device_.IsAlive(notification.id)) return {ENOENT, Verdict::kGone};
  if (error == EPERM || error == EACCES || error == ENOTSUP) {
    return Refuse(
        subject, EPERM,
        absl::StrCat("cannot look into thread ", notification.tid, " (", ErrnoName(error),
                     "): it has made itself undumpable, or Yama forbids it; run forcebind with CAP_SYS_PTRACE"));
  }
  if (error != 0) return {error, Verdict::kFailed};
  switch (subject.call.kind) {
    case CallKind::kBind:
      return Bind(subject);
    case CallKind::kListen:
      return Listen(subject);
    case CallKind::kSocket:
    case CallKind::kSocketPair:
      return MakeSocket(subject);
    case CallKind::kRing:
      return MakeRing(subject);
    case CallKind::kConnect:
      return Connect(subject);
  }
  return {ENOSYS, Verdict::kFailed};
}

// In the kernel's order (net/socket.c, __sys_bind): the descriptor, then the address.
int CallHandler::Gather(const Notification& notification, Subject* subject) {
  subject->id = notification.id;
  subject->tid = notification.tid;
  if (notification.tid <= 0) return EPERM;
  const auto read = [&](uint64_t address, void* buffer, size_t size) {
    return ReadTargetMemory(notification.tid, address, buffer, size);
  };
  if (const int error = DecodeCall(notification, read, &subject->call)) return error;
  switch (subject->call.kind) {
    case CallKind::kSocket:
    case CallKind::kSocketPair:
      return CompareNamespace(notification.tid, "net", &subject->in_own_netns);
    case CallKind::kRing:
      if (!enclosed_) return ENOSYS;
      return read(subject->call.address, &subject->ring, sizeof(subject->ring));
    case CallKind::kConnect:
      return GatherConnect(read, subject);
    case CallKind::kListen:
      return GatherSocket(subject);
    case CallKind::kBind:
      break;
  }
  if (const int error = GatherSocket(subject)) return error;
  const int length = subject->call.address_length;
  if (length < 0 || static_cast<size_t>(length) > sizeof(sockaddr_storage)) return EINVAL;
  subject->address.size = static_cast<socklen_t>(length);
  return read(subject->call.address, &subject->address.storage, static_cast<size_t>(length));
}

int CallHandler::GatherSocket(Subject* subject) {
  if (const int error = descriptors_.Fetch(subject->tid, subject->call.fd, &subject->socket)) return error;
  subject->domain = SocketDomain(subject->socket.get());
  if (subject->domain < 0) return -subject->domain;
  if (subject->domain == AF_INET || subject->domain == AF_INET6) subject->cookie = SocketCookie(subject->socket.get());
  return 0;
}

int CallHandler::Identify(const Subject& subject, TaskIdentity* identity) {
  if (const int error = ReadTaskIdentity(subject.tid, identity)) return error;
  return device_.IsAlive(subject.id) ? 0 : ESRCH;
}

int CallHandler::CallAsTask(const Subject& subject, const TaskIdentity& identity, absl::FunctionRef<int()> call) {
  return CallAs(
      subject.tid, identity, [&] { return device_.IsAlive(subject.id); }, call);
}

CallHandler::Outcome CallHandler::Refuse(const Subject& subject, int error, const std::string& reason) {
  if (!reason.empty() && log_.Wants(LogLevel::kWarning)) {
    const char* const kNames[] = {"bind", "listen", "socket", "socketpair", "connect", "io_uring_setup"};
    log_.Write(LogLevel::kWarning, subject.tid,
               absl::StrCat(kNames[static_cast<int>(subject.call.kind)], ": ", ErrnoName(error), ": ", reason));
  }
  return {error, Verdict::kDenied};
}

SocketFacts CallHandler::FactsOf(const Subject& subject) const {
  const int fd = subject.socket.get();
  SocketFacts facts;
  facts.domain = subject.domain;
  if (const KnownSocket* known = Recall(subject)) {
    facts.type = known->type;
    facts.protocol = known->protocol;
    facts.foreign_netns = known->foreign_netns;
  } else {
    facts.type = IntOption(fd, SOL_SOCKET, SO_TYPE, 0);
    facts.protocol = IntOption(fd, SOL_SOCKET, SO_PROTOCOL, 0);
    facts.foreign_netns = SocketNetnsCookie(fd) != netns_cookie_;
  }
  if (subject.domain == AF_INET6) {
    facts.v6only = IntOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) != 0;
    facts.bound_ifindex = static_cast<uint32_t>(IntOption(fd, SOL_SOCKET, SO_BINDTOIFINDEX, 0));
    facts.bound = HasPort(fd, facts.v6only);
  }
  return facts;
}

int CallHandler::BindPort(const Subject& subject, const SockAddr& name) {
  const int error = BindPrivate(subject.socket.get(), name);
  if (error != EACCES) return error;
  TaskIdentity identity;
  if (Identify(subject, &identity) != 0) return error;
  if ((identity.effective_caps >> CAP_NET_BIND_SERVICE & 1) == 0) return error;
  RaisedCapability right(CAP_NET_BIND_SERVICE);
  return BindPrivate(subject.socket.get(), name);
}

// A bind that fails may have taken the address away, but for EINVAL, which is said of a bound socket before anything is
// changed. Whoever is killed in between has pinned nothing.
int CallHandler::BindAndNote(const Subject& subject, const Endpoint& target) {
  const bool was_pinned = pinned_.Contains(subject.cookie);
  if (was_pinned) pinned_.Remove(subject.cookie);
  const int error = BindPort(subject, ToSockAddr(target));
  const bool stays = !target.address.IsUla() || target.port != 0;
  if ((error == 0 && stays) || (was_pinned && error == EINVAL)) pinned_.Add(subject.cookie);
  return error;
}

int CallHandler::PinAddress(const Subject& subject, const SocketFacts& facts, const Endpoint& target) {
  if (!target.address.IsUla() || target.port != 0 || facts.bound) return BindAndNote(subject, target);
  const SockAddr any_port = ToSockAddr(target);
  for (int tries = 0; tries < kTriesForAPort; ++tries) {
    SockAddr chosen = any_port;
    if (const int error = ChoosePort(subject.socket.get(), &chosen)) return error;
    const int error = BindAndNote(subject, ToEndpoint(chosen));
    if (error != EADDRINUSE) return error;
  }
  return EADDRINUSE;
}

void CallHandler::Remember(const Subject& subject, const SocketFacts& facts, const Endpoint& requested) {
  if (subject.cookie == 0) return;
  if (known_.size() >= kMaxKnownSockets) known_.clear();
  known_[subject.cookie] = {facts.type, facts.protocol, facts.foreign_netns, requested, false};
}

const CallHandler::KnownSocket* CallHandler::Recall(const Subject& subject) const {
  const auto found = known_.find(subject.cookie);
  return found != known_.end() ? &found->second : nullptr;
}

}  // namespace forcebind
