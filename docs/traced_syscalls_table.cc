// SPDX-License-Identifier: Apache-2.0
// traced_syscalls_table: prints docs/traced-syscalls.md from the one table in notify/traced_syscalls.h.
//
//   traced_syscalls_table            prints the page
//   traced_syscalls_table FILE       compares FILE with it: exit status 0 if they are equal, 1 if not
#include <stdio.h>
#include <string.h>

#include <fstream>
#include <iterator>
#include <string>

#include "notify/traced_syscalls.h"

namespace forcebind {
namespace {

constexpr char kHead[] =
    R"(<!-- Made from notify/traced_syscalls.h: `cmake --build build --target traced_syscalls_page` writes it anew. -->
# The system calls that forcebind does not let a service make by itself

The seccomp filter that `forcebind run` loads lets every other call through. A *stopped* call waits in the kernel until
the service's companion process has made it in the service's place; one that is only *looked at* goes on in the kernel
where it is not for the companion ([ADR 0012](adr/0012-connect-is-continued.md)). A call that *fails* never does anything.

| call | when | what becomes of it | why |
|---|---|---|---|
)";

constexpr char kTail[] =
    R"(
With the `cgroup` wall alone ([ADR 0010](adr/0010-cgroup-wall.md)) the kernel forces binds by itself.

On x86-64 the same rules hold for i386 calls (`int 0x80`), with one difference: there socket and socketpair are stopped,
and the companion applies the profile's `families`, since i386's `socketcall`, which stands for all of these, has its
arguments in memory, where a filter cannot look ([ADR 0006](adr/0006-socketcall-of-i386.md)). With the `cgroup` wall alone
they fail with EAFNOSUPPORT, since what the companion makes is not behind it. Calls of any other architecture, and x32
calls, fail with ENOSYS.
)";

const char* Text(Condition condition) {
  switch (condition) {
    case Condition::kAlways:
      return "always";
    case Condition::kUnlessForced:
      return "always, but with the `cgroup` wall alone";
    case Condition::kFamilyNotAllowed:
      return "the address family is not among the profile's `families`";
    case Condition::kOldPacketSocket:
      return "family AF_INET with type SOCK_PACKET, and `families` lacks \"packet\"";
    case Condition::kTypeNotAllowed:
      return "family AF_INET or AF_INET6, and the type is none of stream, datagram, raw and packet";
    case Condition::kProtocolNotAllowed:
      return "family AF_INET or AF_INET6, and a stream is neither TCP nor, for a service without a supervisor, MPTCP, "
             "or a "
             "datagram is none of UDP, UDP-Lite and ICMP";
    case Condition::kNoSuchKind:
      return "family AF_INET or AF_INET6, and the type is 11 or more, or the protocol 512 or more or negative";
    case Condition::kFromI386:
      return "in the i386 ABI, in place of the others";
    case Condition::kOwnLoopback:
      return "the profile does not say `loopback = \"host\"`";
    case Condition::kWithoutEgress:
      return "UDP or UDP-Lite, and the profile says `egress = false`";
    case Condition::kNewListener:
      return "the flags have SECCOMP_FILTER_FLAG_NEW_LISTENER";
  }
  return "?";
}

std::string Outcome(const TracedSyscall& traced) {
  if (traced.treatment == Treatment::kNotify) return "stopped";
  if (traced.treatment == Treatment::kLookAt) return "stopped, and looked at";
  return std::string("fails with ") + strerrorname_np(traced.error);
}

std::string Page() {
  std::string page = kHead;
  for (const TracedSyscall& traced : kTracedSyscalls) {
    page += std::string("| `") + traced.name + "` | " + Text(traced.condition) + " | " + Outcome(traced) + " | " +
            traced.why + " |\n";
  }
  return page + kTail;
}

int Compare(const char* path) {
  std::ifstream file(path);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (text == Page()) return 0;
  fprintf(stderr,
          "%s is not what notify/traced_syscalls.h says: cmake --build build --target traced_syscalls_page mends it\n",
          path);
  return 1;
}

}  // namespace
}  // namespace forcebind

int main(int argc, char** argv) {
  if (argc > 1) return forcebind::Compare(argv[1]);
  fputs(forcebind::Page().c_str(), stdout);
  return 0;
}
