// SPDX-License-Identifier: Apache-2.0
// call_handler: does one bind() or listen() on the service's behalf.
//
// THEORY OF OPERATION
//   The service is stopped in the call; nothing in its memory may be trusted twice. (1) Take a duplicate of the very
//   socket (the open file description, not the number), and one copy of the address. (2) Ask whether the notification
//   still lives: only then did (1) come from the thread that asked. (3) Let core decide from the socket's own facts and
//   our copy. (4) Act on our duplicate with our copy. (5) Reply with the errno.
//
//   bind   AF_INET, AF_INET6: core/bind_policy. AF_UNIX paths and AF_NETLINK: as the task itself (sys/stand_in),
//          since the outcome depends on who calls. Other families, where the profile allows them: as requested, as
//          the task itself.
//   listen The last gate for TCP, and a check of the name alone is not one: after connect() and connect(AF_UNSPEC) a
//          socket's address may change between the check and the listen. So: refuse unless the state is CLOSE or
//          LISTEN; then try bind(private), which locks the address or fails because there is one; then check
//          the name, whatever its history (an accepted socket has the public address that it was accepted on, locked),
//          and that it was we who locked it (notify/pinned_sockets.h); then listen.
//   connect  The destination is looked at. One that is not the service's own loopback, and every call that cannot be
//          looked at, is left to the kernel (connect is no wall, docs/adr/0012-connect-is-continued.md). The rest is
//          started here without waiting, and waited for by the kernel (notify/connect_call).
//   socket, socketpair (i386; UDP without `egress`; notify/traced_syscalls.h): made here, as the task itself, and put
//          into its table.
//   io_uring_setup  Behind the `cgroup` wall: likewise, and limited for good to what no wall stops (notify/ring_call).
//
// TRUST    Everything read from the target is hostile, and so is what other threads do to the socket meanwhile.
// LIMITS   One call at a time; 128 bytes of the target's memory; a supervisor that does not answer costs its time
//          limit.
// THREADS  Thread-compatible.
// Tested by tests/behaviour/ and tests/unit/notify/.
#ifndef FORCEBIND_NOTIFY_CALL_HANDLER_H_
#define FORCEBIND_NOTIFY_CALL_HANDLER_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "core/bind_policy.h"
#include "core/connect_policy.h"
#include "core/service_policy.h"
#include "notify/call_counters.h"
#include "notify/call_decoder.h"
#include "notify/companion_memory.h"
#include "notify/notify_loop.h"
#include "notify/pinned_sockets.h"
#include "notify/publisher.h"
#include "notify/service_log.h"
#include "sys/io_uring.h"
#include "sys/seccomp_notify.h"
#include "sys/sockaddr.h"
#include "sys/target.h"

namespace forcebind {

class CallHandler {
 public:
  using Outcome = CallOutcome;

  // All borrowed, for the life of the handler. `netns_cookie`: of the namespace that the private addresses are in.
  // `deny_mptcp`: as for the filter. `enclosed`: the service is behind the `cgroup` wall.
  CallHandler(const ServicePolicy& policy, NotifyDevice& device, Publisher& publisher, ServiceLog& log,
              uint64_t netns_cookie, bool deny_mptcp, bool enclosed, PinLog& pins)
      : policy_(policy),
        device_(device),
        publisher_(publisher),
        log_(log),
        netns_cookie_(netns_cookie),
        deny_mptcp_(deny_mptcp),
        enclosed_(enclosed),
        pinned_(&pins) {}

  Outcome Handle(const Notification& notification);

  // In the companion that was in reserve: learns what the one that was killed knew.
  void Inherit() { pinned_.CatchUp(); }

 private:
  // One call in hand.
  struct Subject {
    uint64_t id = 0;
    pid_t tid = 0;
    Call call;
    UniqueFd socket;
    int domain = 0;
    uint64_t cookie = 0;        // AF_INET, AF_INET6
    SockAddr address;           // bind, connect: our copy
    io_uring_params ring = {};  // io_uring_setup: our copy
    bool in_own_netns = false;  // socket, socketpair: the thread
    // connect: the destination, if it may be the service's own loopback. Only then is there a socket.
    std::optional<Endpoint> loopback;
  };

  // What bind() learned of a TCP socket and never changes, kept for listen(): each fact costs a system call. By socket
  // cookie, which no other socket ever has.
  struct KnownSocket {
    int type = 0;
    int protocol = 0;
    bool foreign_netns = false;
    Endpoint requested;          // for display
    bool lent_freebind = false;  // IPV6_FREEBIND is our doing (AllowPrivateSource)
  };

  int Gather(const Notification& notification, Subject* subject);
  int GatherSocket(Subject* subject);
  int GatherConnect(MemoryReader read, Subject* subject);
  // Who the caller is; ESRCH if it may be somebody else already.
  int Identify(const Subject& subject, TaskIdentity* identity);
  // sys/stand_in's CallAs().
  int CallAsTask(const Subject& subject, const TaskIdentity& identity, absl::FunctionRef<int()> call);
  Outcome Bind(const Subject& subject);
  Outcome BindInet(const Subject& subject);
  Outcome BindRewritten(const Subject& subject, const SocketFacts& facts, const Rewrite& rewrite);
  int BindTarget(const Subject& subject, const SocketFacts& facts, const Endpoint& target);
  void LendFreebind(const Subject& subject, const SocketFacts& facts, const Endpoint& requested);
  void TakeBackFreebind(const Subject& subject);
  Outcome BindEgress(const Subject& subject, const SocketFacts& facts, const Egress& egress);
  Outcome BindUnix(const Subject& subject);
  Outcome BindNetlink(const Subject& subject);
  Outcome BindAsTask(const Subject& subject);
  Outcome MakeSocket(const Subject& subject);
  // Without `egress`: gives a UDP socket that has no port the private address. An errno value.
  int HoldPrivately(int fd) const;
  Outcome MakeRing(const Subject& subject);
  int CheckKind(const Call& call) const;
  bool MayHaveFamily(int family) const;
  Outcome RefuseFamily(const Subject& subject);
  Outcome RefuseKind(const Subject& subject, int error, const SocketFacts& facts);
  Outcome Listen(const Subject& subject);
  Outcome ListenInet(const Subject& subject);
  Outcome ListenAsTask(const Subject& subject);

  Outcome Connect(const Subject& subject);
  Outcome ConnectRedirected(const Subject& subject, const ConnectFacts& facts, const Redirect& redirect);
  Outcome LeaveToKernel(const Subject& subject);

  // Tries to give the socket a private address which nothing can change any more, unless it has one.
  int PinPrivateAddress(const Subject& subject, const SocketFacts& facts, SockAddr* name);
  // Binds a stream socket so that nothing can change its address (notify/pinned_sockets.h).
  int PinAddress(const Subject& subject, const SocketFacts& facts, const Endpoint& target);
  // Binds it to `target`, and notes whether anything can.
  int BindAndNote(const Subject& subject, const Endpoint& target);
  SocketFacts FactsOf(const Subject& subject) const;
  // bind() with the service's right to privileged ports, and no other.
  int BindPort(const Subject& subject, const SockAddr& name);
  Outcome Refuse(const Subject& subject, int error, const std::string& reason);
  void Remember(const Subject& subject, const SocketFacts& facts, const Endpoint& requested);
  const KnownSocket* Recall(const Subject& subject) const;
  Endpoint Requested(const Subject& subject) const;
  // For `report`: what the socket's bind asked for.
  void TellWall(const Subject& subject, const IpAddress& requested);
  bool KernelBinds() const;  // FilterOptions::kernel_binds
  bool ListensPrivately(int fd, const SocketFacts& facts) const;

  const ServicePolicy& policy_;
  NotifyDevice& device_;
  Publisher& publisher_;
  ServiceLog& log_;
  const uint64_t netns_cookie_;
  const bool deny_mptcp_, enclosed_;
  DescriptorSource descriptors_;
  PinnedSockets pinned_;
  // Emptied when it is full.
  absl::flat_hash_map<uint64_t, KnownSocket> known_;
};

}  // namespace forcebind

#endif  // FORCEBIND_NOTIFY_CALL_HANDLER_H_
