// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "absl/strings/str_cat.h"
#include "launcher/doctor_checks.h"
#include "sys/errno_status.h"

namespace forcebind {
namespace {

DoctorCheck Ok(const char* name, std::string meaning) {
  return {CheckGroup::kPublish, CheckLevel::kOk, name, std::move(meaning), ""};
}
DoctorCheck Warn(const char* name, std::string meaning, std::string advice) {
  return {CheckGroup::kPublish, CheckLevel::kWarn, name, std::move(meaning), std::move(advice)};
}
// What only a supervisor needs: one that answers has found what it needs, though this user may not.
DoctorCheck Missing(const DoctorFacts& facts, const char* name, std::string meaning, std::string advice) {
  if (facts.supervisor.answers) return Warn(name, meaning + ", but the supervisor that runs can do without", "");
  return {CheckGroup::kPublish, CheckLevel::kMissing, name, std::move(meaning), std::move(advice)};
}

DoctorCheck Supervisor(const DoctorFacts& facts) {
  const SupervisorFacts& supervisor = facts.supervisor;
  if (supervisor.answers) {
    return Ok("supervisor",
              absl::StrCat("answers: version ", supervisor.version.empty() ? "unknown" : supervisor.version,
                           ", backend ", supervisor.backend));
  }
  if (!supervisor.wanted) return Warn("supervisor", "not asked, as was wished", "");
  return Warn("supervisor", absl::StrCat("nothing new can be published: ", supervisor.trouble), "");
}

DoctorCheck Mptcp(const DoctorFacts& facts) {
  if (facts.mptcp != 0) return Ok("mptcp", "not there");
  return Ok("mptcp", "there, but services get EPROTONOSUPPORT for it, and fall back to TCP");
}

DoctorCheck Cgroup2(const DoctorFacts& facts) {
  if (!facts.cgroup2.empty()) return Ok("cgroup-v2", absl::StrCat("mounted on ", facts.cgroup2));
  return Missing(facts, "cgroup-v2", "not mounted: listeners of others cannot be tracked, nor ports guarded",
                 "mount -t cgroup2 cgroup2 /sys/fs/cgroup, or on any other directory");
}

// What it needs is what bpf-cgroup needs; which of it is missing, the supervisor says when it starts.
DoctorCheck CgroupWall(const DoctorFacts& facts) {
  if (facts.supervisor.cgroup_wall) return Ok("cgroup-wall", "the supervisor holds services in the kernel, too");
  if (facts.supervisor.answers) {
    return Warn("cgroup-wall", "the supervisor that runs cannot have it: services go without",
                "it says why when it starts");
  }
  if (facts.cgroup2.empty() || facts.bpf_cgroup != 0)
    return Warn("cgroup-wall", "not to be had here: see cgroup-v2 and bpf-cgroup", "");
  return Warn("cgroup-wall", "to be had here, with a supervisor", "start forcebind-supervisor");
}

DoctorCheck Bpffs(const DoctorFacts& facts) {
  if (facts.bpffs) return Ok("bpffs", "mounted on /sys/fs/bpf");
  return Warn("bpffs", "not mounted on /sys/fs/bpf, where published ports outlive a supervisor",
              "forcebind-supervisor mounts it by itself, or: mount -t bpf bpf /sys/fs/bpf");
}

DoctorCheck Bpf(const DoctorFacts& facts, const char* name, int error, const char* purpose) {
  if (error == 0) return Ok(name, absl::StrCat("programs load: ", purpose));
  if (error == EPERM || error == EACCES) {
    return Missing(facts, name, absl::StrCat("this user may not load programs (", ErrnoName(error), ")"),
                   "start forcebind-supervisor with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON, such as root has");
  }
  return Missing(facts, name, absl::StrCat("the kernel does not take such programs (", ErrnoName(error), ")"),
                 "use Linux 6.1 or newer with CONFIG_BPF_SYSCALL and CONFIG_CGROUP_BPF");
}

DoctorCheck Btf(const DoctorFacts& facts) {
  if (facts.btf == 0) return Ok("btf", "the kernel describes its types");
  return Missing(facts, "btf", absl::StrCat("/sys/kernel/btf/vmlinux: ", ErrnoName(facts.btf)),
                 "use a kernel with CONFIG_DEBUG_INFO_BTF, with sysfs mounted on /sys");
}

// Without either everything works: nothing is missing.
DoctorCheck HookD(const DoctorFacts& facts) {
  if (facts.hook_d) return Ok("hook-d", "the kernel looks for exact listeners first: nobody need be tracked");
  return Ok("hook-d", "not in this kernel (see kernel-patches/README.md): backend hook-b acts for it");
}

DoctorCheck HookF(const DoctorFacts& facts) {
  if (facts.hook_f) return Ok("hook-f", "a service can take what nobody else takes");
  return Ok("hook-f", "not in this kernel (see kernel-patches/README.md): stage F cannot be published on");
}

}  // namespace

std::vector<DoctorCheck> PublishChecks(const DoctorFacts& facts) {
  return {Supervisor(facts),
          Cgroup2(facts),
          CgroupWall(facts),
          Bpffs(facts),
          Bpf(facts, "bpf-sk-lookup", facts.bpf_lookup, "packets find published services"),
          Bpf(facts, "bpf-cgroup", facts.bpf_cgroup, "published ports are guarded"),
          Bpf(facts, "bpf-sockops", facts.bpf_sockops, "listeners of others are seen at once"),
          Btf(facts),
          HookD(facts),
          HookF(facts),
          Mptcp(facts)};
}

}  // namespace forcebind
