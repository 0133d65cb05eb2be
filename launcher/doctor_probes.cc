// SPDX-License-Identifier: Apache-2.0
#include "launcher/doctor_probes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/landlock.h>
#include <linux/magic.h>
#include <mntent.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "launcher/service_setup.h"
#include "launcher/status_document.h"
#include "launcher/supervisor_question.h"
#include "sys/capabilities.h"
#include "sys/kernel_btf.h"
#include "sys/local_route.h"
#include "sys/netns.h"
#include "sys/small_file.h"
#include "sys/unique_fd.h"

namespace forcebind {
namespace {

constexpr size_t kMaxNumberFile = 64;

int NumberIn(const char* path, int fallback) {
  absl::StatusOr<std::string> text = ReadSmallFile(path, kMaxNumberFile);
  int number = 0;
  return text.ok() && absl::SimpleAtoi(absl::StripAsciiWhitespace(*text), &number) ? number : fallback;
}

int TrySocket(int family, int type, int protocol) {
  UniqueFd probe(socket(family, type | SOCK_CLOEXEC, protocol));
  return probe.valid() ? 0 : errno;
}

int TryIpv6Bind() {
  UniqueFd probe(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!probe.valid()) return errno;
  sockaddr_in6 name = {.sin6_family = AF_INET6};
  name.sin6_addr = in6addr_loopback;
  return bind(probe.get(), reinterpret_cast<sockaddr*>(&name), sizeof(name)) == 0 ? 0 : errno;
}

bool IsLocal(const Prefix& ula) {
  std::array<uint8_t, 16> address = ula.base.bytes();
  address.back() |= 1;
  return IsLocalByRoute(address);
}

// `return 1`, which every kind of program that is tried here may say.
int TryBpf(bpf_prog_type type, bpf_attach_type attach_type) {
  bpf_insn program[2] = {};
  program[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
  program[0].imm = 1;
  program[1].code = BPF_JMP | BPF_EXIT;
  constexpr char kLicense[] = "GPL";
  bpf_attr attributes;
  memset(&attributes, 0, sizeof(attributes));
  attributes.prog_type = type;
  attributes.expected_attach_type = attach_type;
  attributes.insns = reinterpret_cast<uint64_t>(program);
  attributes.insn_cnt = 2;
  attributes.license = reinterpret_cast<uint64_t>(kLicense);
  UniqueFd loaded(static_cast<int>(syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof(attributes))));
  return loaded.valid() ? 0 : errno;
}

bool IsAttachType(const char* name) {
  const auto found = FindKernelEnumValue("bpf_attach_type", name);
  return found.ok() && found->has_value();
}

std::string FindCgroup2() {
  FILE* mounts = setmntent("/proc/self/mounts", "re");
  std::string path;
  while (const mntent* entry = mounts != nullptr && path.empty() ? getmntent(mounts) : nullptr) {
    if (strcmp(entry->mnt_type, "cgroup2") == 0) path = entry->mnt_dir;
  }
  if (mounts != nullptr) endmntent(mounts);
  return path;
}

bool IsBpffs(const char* path) {
  struct statfs info;
  return statfs(path, &info) == 0 && info.f_type == BPF_FS_MAGIC;
}

int LandlockAbi() {
  const long abi = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return abi < 0 ? 0 : static_cast<int>(abi);
}

SupervisorFacts AskAfterSupervisor(const std::optional<std::string>& option) {
  SupervisorFacts facts;
  absl::StatusOr<std::string> text = AskForDocument(option, wire::StatusRequest{});
  absl::StatusOr<StatusDocument> status = text.ok() ? ParseStatus(*text) : text.status();
  facts.answers = status.ok();
  facts.wanted = text.ok() || !absl::IsInvalidArgument(text.status());
  const SupervisorPath path = FindSupervisor(option);
  facts.named = path.explicit_ && !path.path.empty();
  if (status.ok()) {
    facts.version = status->version;
    facts.backend = status->backend;
    facts.cgroup_wall = std::count(status->walls.begin(), status->walls.end(), "cgroup") != 0;
  } else {
    facts.trouble = std::string(status.status().message());
  }
  return facts;
}

void GatherRunFacts(DoctorFacts* facts) {
  facts->child = ProbeInChild();
  UniqueFd probe(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  facts->netns_cookie = SocketNetnsCookie(probe.get()) != 0 ? 0 : errno;
  facts->yama_scope = NumberIn("/proc/sys/kernel/yama/ptrace_scope", -1);
  Capabilities own;
  if (GetCapabilities(&own) == 0) facts->capabilities = own.effective;
  facts->unprivileged_ports = NumberIn("/proc/sys/net/ipv4/ip_unprivileged_port_start", IPPORT_RESERVED);
  facts->landlock_abi = LandlockAbi();
  facts->ipv6_socket = TrySocket(AF_INET6, SOCK_DGRAM, 0);
  facts->ipv6_bind = TryIpv6Bind();
  facts->ula = HostUlaPrefix();
  facts->ula_local = facts->ula.has_value() && IsLocal(*facts->ula);
  facts->io_uring = syscall(SYS_io_uring_setup, 0, nullptr) < 0 ? errno : 0;
}

void GatherPublishingFacts(DoctorFacts* facts) {
  facts->mptcp = TrySocket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
  facts->cgroup2 = FindCgroup2();
  facts->bpffs = IsBpffs("/sys/fs/bpf");
  facts->bpf_lookup = TryBpf(BPF_PROG_TYPE_SK_LOOKUP, BPF_SK_LOOKUP);
  facts->bpf_cgroup = TryBpf(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_BIND);
  facts->bpf_sockops = TryBpf(BPF_PROG_TYPE_SOCK_OPS, BPF_CGROUP_SOCK_OPS);
  UniqueFd btf(open("/sys/kernel/btf/vmlinux", O_RDONLY | O_CLOEXEC));
  facts->btf = btf.valid() ? 0 : errno;
  facts->hook_d = IsAttachType("BPF_SK_LOOKUP_WILDCARD");
  facts->hook_f = IsAttachType("BPF_SK_LOOKUP_FALLBACK");
}

}  // namespace

DoctorFacts GatherDoctorFacts(const std::optional<std::string>& supervisor) {
  DoctorFacts facts;
  GatherRunFacts(&facts);
  GatherPublishingFacts(&facts);
  facts.supervisor = AskAfterSupervisor(supervisor);
  return facts;
}

}  // namespace forcebind
