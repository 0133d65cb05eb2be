// SPDX-License-Identifier: Apache-2.0
// bind_call: CallHandler's half for bind().
#include <errno.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/random.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <variant>

#include "absl/strings/str_cat.h"
#include "core/overloaded.h"
#include "core/socket_kinds.h"
#include "core/wall_rules.h"
#include "notify/bind_private.h"
#include "notify/call_handler.h"
#include "notify/host_facts.h"
#include "notify/inet_sockaddr.h"
#include "sys/capabilities.h"
#include "sys/errno_status.h"
#include "sys/socket_info.h"
#include "sys/stand_in.h"

namespace forcebind {
namespace {

int ErrnoOf(int result) { return result == 0 ? 0 : errno; }

}  // namespace

CallHandler::Outcome CallHandler::Bind(const Subject& subject) {
  switch (subject.domain) {
    case AF_INET:
    case AF_INET6:
      return BindInet(subject);
    case AF_UNIX:
      return BindUnix(subject);
    case AF_NETLINK:
      return BindNetlink(subject);
    default:
      return MayHaveFamily(subject.domain) ? BindAsTask(subject) : RefuseFamily(subject);
  }
}

// It has come from outside, or by a ring from there.
CallHandler::Outcome CallHandler::RefuseKind(const Subject& subject, int error, const SocketFacts& facts) {
  return Refuse(subject, error,
                absl::StrCat("a socket of type ", facts.type, " and protocol ", facts.protocol, " cannot be forced"));
}

bool CallHandler::MayHaveFamily(int family) const {
  return std::find(policy_.families.begin(), policy_.families.end(), family) != policy_.families.end();
}

// It has come from outside, or was made of another by a socket option: TCP_ULP "smc" (net/smc/af_smc.c, until 2026).
CallHandler::Outcome CallHandler::RefuseFamily(const Subject& subject) {
  return Refuse(subject, EAFNOSUPPORT,
                absl::StrCat("the socket's family ", subject.domain, " is not among the profile's families"));
}

CallHandler::Outcome CallHandler::BindInet(const Subject& subject) {
  const SocketFacts facts = FactsOf(subject);
  if (const int error = CheckSocketKind(facts.type, facts.protocol, false)) return RefuseKind(subject, error, facts);
  if (!facts.bound) TakeBackFreebind(subject);
  const bool has_scope = subject.domain == AF_INET6 && subject.address.size >= sizeof(sockaddr_in6);
  const uint32_t scope_id = has_scope ? subject.address.v6()->sin6_scope_id : 0;
  KernelHostFacts host(subject.tid, subject.socket.get(), scope_id != 0 ? scope_id : facts.bound_ifindex);
  const auto* bytes = reinterpret_cast<const uint8_t*>(&subject.address.storage);
  BindVerdict verdict = DecideInetBind({bytes, subject.address.size}, facts, policy_, host);
  const Outcome outcome =
      std::visit(Overloaded{
                     [&](const AsRequested&) -> Outcome {
                       return {BindPort(subject, subject.address), Verdict::kAsRequested};
                     },
                     [&](const Rewrite& rewrite) -> Outcome { return BindRewritten(subject, facts, rewrite); },
                     [&](const Egress& egress) -> Outcome { return BindEgress(subject, facts, egress); },
                     [&](const Deny& deny) -> Outcome { return Refuse(subject, deny.error, deny.reason); },
                 },
                 verdict);
  // It may have lost the address that it had from the beginning.
  if (outcome.error != 0 && !facts.foreign_netns && !enclosed_) HoldPrivately(subject.socket.get());
  return outcome;
}

CallHandler::Outcome CallHandler::BindRewritten(const Subject& subject, const SocketFacts& facts,
                                                const Rewrite& rewrite) {
  const std::optional<Protocol> protocol = PortProtocol(facts);
  const bool udp = protocol == Protocol::kUdp;
  Announcement announcement{.protocol = protocol.value_or(Protocol::kTcp),
                            .requested = rewrite.requested,
                            .actual = rewrite.target,
                            .published = udp && rewrite.publication != nullptr,
                            .dual_stack = rewrite.dual_stack};
  std::string why;
  if (announcement.published) {
    if (const int error = publisher_.Claim(announcement, &why)) return Refuse(subject, error, why);
  }
  const int error = BindTarget(subject, facts, rewrite.target);
  if (error == 0) TellWall(subject, rewrite.requested.address);
  if (error != 0) {
    if (error == EADDRNOTAVAIL) {
      return Refuse(subject, error,
                    absl::StrCat("the private address ", rewrite.target.address.ToString(),
                                 " is not on this host: start forcebind-supervisor, or run: ip -6 route add local ",
                                 rewrite.target.address.ToString(), "/128 dev lo"));
    }
    return {error, Verdict::kFailed};
  }
  if (log_.Wants(LogLevel::kInfo)) {
    log_.Write(LogLevel::kInfo, subject.tid,
               absl::StrCat("bind ", rewrite.requested.ToString(), " -> ", rewrite.target.ToString()));
  }
  if (!udp) {
    Remember(subject, facts, rewrite.requested);
    return {0, Verdict::kRewritten};
  }
  if (rewrite.dual_stack || rewrite.target.address.IsUla()) LendFreebind(subject, facts, rewrite.requested);
  SockAddr name;
  if (LocalName(subject.socket.get(), &name) == 0) announcement.actual = ToEndpoint(name);
  if (const int refused = publisher_.Announce(announcement, subject.socket.get(), &why)) {
    return Refuse(subject, refused, why);
  }
  return {0, Verdict::kRewritten};
}

int CallHandler::BindTarget(const Subject& subject, const SocketFacts& facts, const Endpoint& target) {
  if (facts.type != SOCK_STREAM) return BindPort(subject, ToSockAddr(target));
  const bool port_later = target.address.IsUla() && target.port == 0 &&
                          IntOption(subject.socket.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 0) != 0;
  return port_later ? BindAndNote(subject, target) : PinAddress(subject, facts, target);
}

// Without the wall nobody is there to listen, and nothing is translated.
void CallHandler::TellWall(const Subject& subject, const IpAddress& requested) {
  if (!policy_.report_requested) return;
  const std::array<uint8_t, 16> bytes = requested.Mapped().bytes();
  setsockopt(subject.socket.get(), kWallOptionLevel, kRequestedOption, bytes.data(), bytes.size());
}

void CallHandler::LendFreebind(const Subject& subject, const SocketFacts& facts, const Endpoint& requested) {
  if (!AllowPrivateSource(subject.socket.get())) return;
  Remember(subject, facts, requested);
  if (subject.cookie != 0) known_[subject.cookie].lent_freebind = true;
}

// A socket that has no port yet (IP_BIND_ADDRESS_NO_PORT), or none any more (after connect(2) to AF_UNSPEC), may be
// bound again: it would seem to ask for any address that may come.
void CallHandler::TakeBackFreebind(const Subject& subject) {
  const auto found = known_.find(subject.cookie);
  if (found == known_.end() || !found->second.lent_freebind) return;
  ForbidPrivateSource(subject.socket.get());
  found->second.lent_freebind = false;
}

CallHandler::Outcome CallHandler::BindEgress(const Subject& subject, const SocketFacts& facts, const Egress& egress) {
  const int error = BindPort(subject, ToSockAddr(egress.requested));
  if (error != 0) return {error, Verdict::kFailed};
  SockAddr name;
  if (PortProtocol(facts) && LocalName(subject.socket.get(), &name) == 0) {
    std::string why;
    publisher_.Announce({.protocol = Protocol::kUdp,
                         .requested = egress.requested,
                         .actual = ToEndpoint(name),
                         .published = false,
                         .dual_stack = false,
                         .egress = true},
                        subject.socket.get(), &why);
  }
  return {0, Verdict::kEgress};
}

// A path is created with the task's rights, in its directory; an abstract name belongs to the network namespace,
// whoever binds it (unix(7)).
CallHandler::Outcome CallHandler::BindUnix(const Subject& subject) {
  if (!policy_.unix_sockets) return Refuse(subject, EACCES, "the profile says unix = \"deny\"");
  const auto* name = reinterpret_cast<const sockaddr_un*>(&subject.address.storage);
  const bool is_path = subject.address.size > offsetof(sockaddr_un, sun_path) && name->sun_path[0] != '\0';
  if (is_path) return BindAsTask(subject);
  return {ErrnoOf(bind(subject.socket.get(), subject.address.get(), subject.address.size)), Verdict::kAsRequested};
}

// Port id 0 asks the kernel to choose: the caller's process id, or a random negative number where that is taken
// (net/netlink/af_netlink.c, netlink_autobind). The caller would be us, so the choice is made here.
CallHandler::Outcome CallHandler::BindNetlink(const Subject& subject) {
  sockaddr_nl name = {};
  TaskIdentity identity;
  if (subject.address.size < sizeof(name)) return {EINVAL, Verdict::kFailed};
  memcpy(&name, &subject.address.storage, sizeof(name));
  SockAddr current;
  const bool bound = LocalName(subject.socket.get(), &current) == 0 &&
                     reinterpret_cast<const sockaddr_nl*>(&current.storage)->nl_pid != 0;
  if (name.nl_pid != 0 || name.nl_family != AF_NETLINK || bound) return BindAsTask(subject);
  if (const int error = Identify(subject, &identity)) return {error, Verdict::kFailed};
  const auto attempt = [&](uint32_t port_id) {
    name.nl_pid = port_id;
    const auto call = [&] {
      return ErrnoOf(bind(subject.socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)));
    };
    return HasOwnCredentials(identity) ? call() : CallAsTask(subject, identity, call);
  };
  int error = attempt(static_cast<uint32_t>(identity.tgid_inside));
  for (int tries = 0; error == EADDRINUSE && tries < 16; ++tries) {
    uint32_t random = 0;
    if (getrandom(&random, sizeof(random), 0) != sizeof(random)) break;
    error = attempt(0x80000000u | (random & 0x7fffefffu));
  }
  return {error, Verdict::kAsRequested};
}

CallHandler::Outcome CallHandler::BindAsTask(const Subject& subject) {
  TaskIdentity identity;
  if (const int error = Identify(subject, &identity)) return {error, Verdict::kFailed};
  const int error = CallAsTask(subject, identity, [&] {
    return ErrnoOf(bind(subject.socket.get(), subject.address.get(), subject.address.size));
  });
  return {error, Verdict::kAsRequested};
}

}  // namespace forcebind
