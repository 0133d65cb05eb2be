// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <linux/capability.h>

#include "absl/strings/str_cat.h"
#include "launcher/doctor_checks.h"
#include "sys/errno_status.h"

namespace forcebind {
namespace {

DoctorCheck Ok(const char* name, std::string meaning) {
  return {CheckGroup::kRun, CheckLevel::kOk, name, std::move(meaning), ""};
}
DoctorCheck Warn(const char* name, std::string meaning, std::string advice) {
  return {CheckGroup::kRun, CheckLevel::kWarn, name, std::move(meaning), std::move(advice)};
}
DoctorCheck Missing(const char* name, std::string meaning, std::string advice) {
  return {CheckGroup::kRun, CheckLevel::kMissing, name, std::move(meaning), std::move(advice)};
}

constexpr char kSeccompAdvice[] =
    "use Linux 5.14 or newer with CONFIG_SECCOMP_FILTER, outside of sandboxes that deny seccomp(2)";

// Why an attempt of the child's failed.
std::string Why(int error) { return error == ECHILD ? "the probe was killed" : ErrnoName(error); }

bool Has(const DoctorFacts& facts, int capability) { return (facts.capabilities >> capability & 1) != 0; }

DoctorCheck SeccompNotify(const DoctorFacts& facts) {
  const int error = facts.child.notify_sizes;
  if (error == 0) return Ok("seccomp-notify", "calls of services can be stopped and answered");
  return Missing("seccomp-notify", absl::StrCat("the kernel does not let calls be answered: ", Why(error)),
                 kSeccompAdvice);
}

DoctorCheck SeccompListener(const DoctorFacts& facts) {
  switch (facts.child.new_listener) {
    case 0:
      return Ok("seccomp-listener", "a filter with a listener loads");
    case EBUSY:
      return Missing("seccomp-listener", "another seccomp notifier watches this process, and the kernel allows one",
                     "start forcebind outside of that container, sandbox or other forcebind");
    case ECHILD:
      return Missing("seccomp-listener", "the probe was killed", "leave the sandbox that kills callers of seccomp(2)");
    default:
      return Missing("seccomp-listener",
                     absl::StrCat("no filter with a listener loads: ", ErrnoName(facts.child.new_listener)),
                     kSeccompAdvice);
  }
}

// What could not be tried since no filter with a listener loads.
DoctorCheck NotTried(const char* name) { return Warn(name, "could not be tried, see seccomp-listener", ""); }

DoctorCheck WaitKillable(const DoctorFacts& facts) {
  if (facts.child.new_listener != 0) return NotTried("wait-killable");
  if (facts.child.wait_killable == 0) return Ok("wait-killable", "signals do not interrupt a bind that is under way");
  return Warn("wait-killable", "a signal may interrupt a bind that is under way", "Linux 5.19 or newer mends it");
}

DoctorCheck SyncWakeUp(const DoctorFacts& facts) {
  if (facts.child.new_listener != 0) return NotTried("sync-wake-up");
  if (facts.child.sync_wake_up == 0) return Ok("sync-wake-up", "calls are answered within microseconds");
  return Warn("sync-wake-up", "an answer takes some 50 microseconds rather than 5", "Linux 6.6 or newer mends it");
}

// What to do when one process may not look into another.
std::string PtraceAdvice(const DoctorFacts& facts, int error) {
  if (error == ENOSYS) return "use Linux 5.14 or newer";
  if (facts.yama_scope > 0) return "set kernel.yama.ptrace_scope to 0, or give forcebind CAP_SYS_PTRACE";
  return "give forcebind CAP_SYS_PTRACE, outside of sandboxes that deny it";
}

// Then forcebind stays on as the parent of services (launcher/parent_mode.h), and may look into them.
bool AncestorsMay(const DoctorFacts& facts, int error) { return error == EPERM && facts.yama_scope == 1; }

DoctorCheck PidfdGetfd(const DoctorFacts& facts) {
  const int error = facts.child.pidfd_getfd;
  if (error == 0) return Ok("pidfd-getfd", "the sockets of services can be reached");
  if (AncestorsMay(facts, error)) return Ok("pidfd-getfd", "the sockets of services can be reached by their parent");
  return Missing("pidfd-getfd", absl::StrCat("the sockets of services cannot be reached: ", Why(error)),
                 PtraceAdvice(facts, error));
}

DoctorCheck ReadMemory(const DoctorFacts& facts) {
  const int error = facts.child.read_memory;
  if (error == 0) return Ok("read-memory", "the addresses that services ask for can be read");
  if (AncestorsMay(facts, error))
    return Ok("read-memory", "the addresses that services ask for can be read by their parent");
  return Missing("read-memory", absl::StrCat("the addresses that services ask for cannot be read: ", Why(error)),
                 PtraceAdvice(facts, error));
}

DoctorCheck PidfdThread(const DoctorFacts& facts) {
  if (facts.child.pidfd_thread == 0) return Ok("pidfd-thread", "threads with their own descriptor table are served");
  return Warn("pidfd-thread", "binds of threads with their own descriptor table are refused",
              "Linux 6.9 or newer mends it");
}

DoctorCheck NetnsCookie(const DoctorFacts& facts) {
  if (facts.netns_cookie == 0) return Ok("netns-cookie", "sockets of other network namespaces are told apart");
  return Missing(
      "netns-cookie",
      absl::StrCat("sockets of other network namespaces cannot be told apart: ", ErrnoName(facts.netns_cookie)),
      "use Linux 5.14 or newer");
}

DoctorCheck Yama(const DoctorFacts& facts) {
  if (facts.yama_scope < 0) return Ok("yama", "not there: nothing but user ids limits who looks into whom");
  const std::string scope = absl::StrCat("ptrace_scope is ", facts.yama_scope);
  if (facts.yama_scope == 0) return Ok("yama", scope);
  if (facts.child.pidfd_getfd == 0) return Ok("yama", absl::StrCat(scope, ", which CAP_SYS_PTRACE overrides"));
  if (facts.yama_scope == 1) {
    return Ok("yama", absl::StrCat(scope, ": forcebind stays on as the parent of services"));
  }
  return Warn("yama", absl::StrCat(scope, ": forcebind may not look into services, and runs none"),
              facts.yama_scope == 3 ? "scope 3 stays until the next boot: remove it from sysctl.d"
                                    : "set kernel.yama.ptrace_scope to 1, or give forcebind CAP_SYS_PTRACE");
}

DoctorCheck NoNewPrivs(const DoctorFacts& facts) {
  if (Has(facts, CAP_SYS_ADMIN)) return Ok("no-new-privs", "not needed: set-user-ID programs work inside services");
  return Warn("no-new-privs", "without CAP_SYS_ADMIN, set-user-ID programs gain nothing inside services",
              "run forcebind as root where a service needs one");
}

DoctorCheck CapSysPtrace(const DoctorFacts& facts) {
  if (Has(facts, CAP_SYS_PTRACE)) return Ok("cap-sys-ptrace", "services that change their user are served");
  return Warn("cap-sys-ptrace", "binds of services that change their user, or hide from debuggers, are refused",
              "run forcebind as root for those");
}

DoctorCheck LowPorts(const DoctorFacts& facts) {
  if (Has(facts, CAP_NET_BIND_SERVICE)) return Ok("low-ports", "CAP_NET_BIND_SERVICE: services may bind any port");
  const int first = facts.unprivileged_ports;
  if (first <= 1) return Ok("low-ports", "services may bind any port");
  return Warn("low-ports", absl::StrCat("services get EACCES for ports below ", first, ", as without forcebind"),
              "give them CAP_NET_BIND_SERVICE, or lower net.ipv4.ip_unprivileged_port_start");
}

constexpr int kAbiWithTcp = 4;

DoctorCheck Landlock(const DoctorFacts& facts) {
  if (facts.landlock_abi >= kAbiWithTcp) {
    return Ok("landlock", "a second wall: a service cannot bind TCP ports by any other way than forcebind's");
  }
  return Warn("landlock",
              absl::StrCat(facts.landlock_abi == 0 ? "not there" : absl::StrCat("ABI ", facts.landlock_abi),
                           ": no second wall stands behind seccomp"),
              "Linux 6.7 or newer with \"landlock\" among the security modules (lsm=) has it");
}

DoctorCheck Ipv6(const DoctorFacts& facts) {
  if (facts.ipv6_socket != 0) {
    return Warn("ipv6", absl::StrCat("no IPv6 sockets (", ErrnoName(facts.ipv6_socket), "): services have IPv4 only"),
                "boot without ipv6.disable=1 where services need it");
  }
  if (facts.ipv6_bind != 0) {
    return Warn("ipv6", absl::StrCat("::1 cannot be bound (", ErrnoName(facts.ipv6_bind), "): services have IPv4 only"),
                "bring lo up, and set net.ipv6.conf.all.disable_ipv6 and net.ipv6.conf.lo.disable_ipv6 to 0");
  }
  return Ok("ipv6", "IPv6 sockets can be made and bound");
}

DoctorCheck Ula(const DoctorFacts& facts) {
  if (!facts.ula && facts.supervisor.answers) return Ok("ula", "the supervisor that runs assigns the addresses");
  if (!facts.ula) {
    return Warn("ula", "this host has chosen no ULA prefix: services get no private IPv6 address",
                "start forcebind-supervisor once, which chooses it");
  }
  const std::string prefix = facts.ula->ToString();
  if (facts.ula_local) return Ok("ula", absl::StrCat(prefix, " is local"));
  return Warn("ula", absl::StrCat(prefix, " is not local: binds of private IPv6 addresses get EADDRNOTAVAIL"),
              absl::StrCat("start forcebind-supervisor, or: ip -6 route add local ", prefix, " dev lo"));
}

DoctorCheck IoUring(const DoctorFacts& facts) {
  const bool there = facts.io_uring != ENOSYS && facts.io_uring != EPERM;
  return Ok("io-uring", there
                            ? "there; behind the wall cgroup services have rings that make no sockets and do not listen"
                            : absl::StrCat("not there for this user (", ErrnoName(facts.io_uring), ")"));
}

}  // namespace

std::vector<Wall> WallsHere(const DoctorFacts& facts) {
  std::vector<Wall> walls = {Wall::kNotify};
  if (facts.landlock_abi >= kAbiWithTcp) walls.push_back(Wall::kLandlock);
  if (facts.supervisor.cgroup_wall) walls.push_back(Wall::kCgroup);
  return walls;
}

std::vector<DoctorCheck> RunChecks(const DoctorFacts& facts) {
  std::vector<DoctorCheck> checks = {
      SeccompNotify(facts), SeccompListener(facts), WaitKillable(facts), SyncWakeUp(facts), PidfdGetfd(facts),
      PidfdThread(facts),   ReadMemory(facts),      NetnsCookie(facts),  Yama(facts),       NoNewPrivs(facts),
      CapSysPtrace(facts),  LowPorts(facts),        Landlock(facts),     Ipv6(facts),       Ula(facts),
      IoUring(facts)};
  if (facts.supervisor.named && !facts.supervisor.answers) {
    checks.push_back(Missing("named-supervisor", "does not answer, and forcebind run insists on one that was named",
                             "start it, or name another one, or \"none\""));
  }
  return checks;
}

}  // namespace forcebind
