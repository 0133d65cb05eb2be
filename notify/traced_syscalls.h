// SPDX-License-Identifier: Apache-2.0
// traced_syscalls: the one table of the system calls that forcebind does not let a service make by itself. The filter
// (launcher/filter), the decoder (notify/call_decoder) and the documentation (docs/traced-syscalls.md) all derive from
// it.
#ifndef FORCEBIND_NOTIFY_TRACED_SYSCALLS_H_
#define FORCEBIND_NOTIFY_TRACED_SYSCALLS_H_

#include <errno.h>

namespace forcebind {

enum class CallKind { kBind, kListen, kSocket, kSocketPair, kConnect, kRing };

enum class Treatment {
  kNotify,  // stopped, and done on the service's behalf
  kLookAt,  // stopped and looked at; what it is not for is let go on
  kFail,    // fails with `error`
};

// When a rule applies. Only arguments that are plain numbers can be looked at: memory may change under the filter's
// eyes.
enum class Condition {
  kAlways,
  kUnlessForced,        // unless the service has the `cgroup` wall alone, where the kernel forces binds
  kFamilyNotAllowed,    // socket(), socketpair(): the address family is not among the profile's `families`
  kOldPacketSocket,     // socket(): AF_INET with SOCK_PACKET, which makes a socket of AF_PACKET, unless that is allowed
  kTypeNotAllowed,      // socket(): AF_INET or AF_INET6, and none of the types of core/socket_kinds
  kProtocolNotAllowed,  // socket(): such a type, and none of its protocols
  kNoSuchKind,          // socket(): AF_INET or AF_INET6, and numbers beyond all types or protocols
  kFromI386,            // made in the i386 ABI, in place of those above; fails there with the `cgroup` wall alone
  kOwnLoopback,         // connect(): the profile gives the service a loopback of its own, and no wall does
  kWithoutEgress,       // socket(): UDP, UDP-Lite; the profile says `egress = false`, and no wall sees to that
  kNewListener,         // seccomp(): SECCOMP_FILTER_FLAG_NEW_LISTENER
};

struct TracedSyscall {
  const char* name;  // as in the kernel's tables
  Condition condition;
  Treatment treatment;
  int error;
  const char* why;
};

// i386's socketcall(2) meets the rules of the calls that it stands for. Its arguments lie in memory, where a filter
// cannot look, and Debian's C library for i386 makes every socket by it: so socket() and socketpair() are stopped
// there, the conditions are the companion's to check (notify/socket_call), and it makes the socket on the service's
// behalf.
inline constexpr TracedSyscall kTracedSyscalls[] = {
    {"bind", Condition::kUnlessForced, Treatment::kNotify, 0, "done on the private address"},
    {"listen", Condition::kAlways, Treatment::kNotify, 0,
     "an unbound socket would listen on the wildcard; a published one goes live here"},
    {"connect", Condition::kOwnLoopback, Treatment::kLookAt, 0,
     "127.0.0.1, ::1 and the wildcard are the private address; every other destination is left to the kernel"},
    {"socket", Condition::kFamilyNotAllowed, Treatment::kFail, EAFNOSUPPORT,
     "families that carry network traffic past bind() are for the profile to allow"},
    {"socketpair", Condition::kFamilyNotAllowed, Treatment::kFail, EAFNOSUPPORT, "as for socket"},
    {"socket", Condition::kOldPacketSocket, Treatment::kFail, EAFNOSUPPORT, "a packet socket under an older name"},
    {"socket", Condition::kTypeNotAllowed, Treatment::kFail, ESOCKTNOSUPPORT,
     "SCTP and DCCP have ports and addresses that nobody would look at"},
    {"socket", Condition::kProtocolNotAllowed, Treatment::kFail, EPROTONOSUPPORT,
     "likewise SMC and L2TP; an MPTCP listener cannot be published; programs fall back to TCP"},
    {"socket", Condition::kNoSuchKind, Treatment::kFail, EINVAL, "as the kernel says, should it ever have as many"},
    {"socket", Condition::kFromI386, Treatment::kNotify, 0, "as above, for arguments that a filter cannot see"},
    {"socketpair", Condition::kFromI386, Treatment::kNotify, 0, "as above, for arguments that a filter cannot see"},
    {"socket", Condition::kWithoutEgress, Treatment::kLookAt, 0,
     "a UDP socket has the private address from the beginning, without a port; every other is left to the kernel"},
    {"io_uring_setup", Condition::kAlways, Treatment::kNotify, 0,
     "its operations never meet a filter: ENOSYS, or behind the `cgroup` wall a ring that cannot do what is stopped"},
    {"seccomp", Condition::kNewListener, Treatment::kFail, EBUSY,
     "a second notifier would answer in this one's place; the kernel says the same while this one lives"},
};

}  // namespace forcebind

#endif  // FORCEBIND_NOTIFY_TRACED_SYSCALLS_H_
