// SPDX-License-Identifier: Apache-2.0
// doctor_facts: what `forcebind doctor` has found by trying. An `int` is the errno of the attempt, 0 where it
// succeeded, unless it says otherwise.
#ifndef FORCEBIND_LAUNCHER_DOCTOR_FACTS_H_
#define FORCEBIND_LAUNCHER_DOCTOR_FACTS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "core/endpoint.h"

namespace forcebind {

// Tried in a child: a filter cannot be taken off again, and the child looks into its parent as a companion looks into
// its service. Plain data: it comes back through a pipe. ECHILD everywhere: the child did not live to tell.
struct ChildFacts {
  int notify_sizes = 0;   // SECCOMP_GET_NOTIF_SIZES
  int new_listener = 0;   // a filter with SECCOMP_FILTER_FLAG_NEW_LISTENER
  int wait_killable = 0;  // the same, with SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
  int sync_wake_up = 0;   // SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
  int pidfd_getfd = 0;    // pidfd_getfd(2) of the parent's
  int read_memory = 0;    // process_vm_readv(2) of the parent's
  int pidfd_thread = 0;   // pidfd_open(2) with PIDFD_THREAD (Linux 6.9)
};

struct SupervisorFacts {
  bool answers = false;
  bool wanted = true;        // false: --supervisor none
  bool named = false;        // by --supervisor or FORCEBIND_SUPERVISOR: `forcebind run` then insists on it
  std::string version;       // if it answers
  std::string backend;       // likewise
  std::string trouble;       // why not, otherwise
  bool cgroup_wall = false;  // it can put it behind services
};

struct DoctorFacts {
  // forcebind run
  ChildFacts child;
  int netns_cookie = 0;           // SO_NETNS_COOKIE
  int yama_scope = -1;            // kernel.yama.ptrace_scope; -1: no Yama
  uint64_t capabilities = 0;      // effective ones, 1 << CAP_…
  int unprivileged_ports = 1024;  // net.ipv4.ip_unprivileged_port_start
  int landlock_abi = 0;           // 0: none
  int ipv6_socket = 0;            // socket(AF_INET6)
  int ipv6_bind = 0;              // bind to ::1
  std::optional<Prefix> ula;      // the host's prefix, if one has been chosen
  bool ula_local = false;         // its addresses are this host's
  int io_uring = 0;               // io_uring_setup(2) with nonsense: ENOSYS and EPERM mean that there is none
  // publishing
  SupervisorFacts supervisor;
  int mptcp = 0;        // socket() with protocol 262
  std::string cgroup2;  // where it is mounted; empty: nowhere
  bool bpffs = false;   // /sys/fs/bpf is one
  int bpf_lookup = 0;   // BPF_PROG_LOAD of a program that does nothing, sk_lookup
  int bpf_cgroup = 0;   // likewise, cgroup/bind4
  int bpf_sockops = 0;  // likewise, sockops
  int btf = 0;          // reading /sys/kernel/btf/vmlinux
  bool hook_d = false;  // BPF_SK_LOOKUP_WILDCARD is named there
  bool hook_f = false;  // BPF_SK_LOOKUP_FALLBACK is
};

}  // namespace forcebind

#endif  // FORCEBIND_LAUNCHER_DOCTOR_FACTS_H_
