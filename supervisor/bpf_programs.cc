// SPDX-License-Identifier: Apache-2.0
#include "supervisor/bpf_programs.h"

#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <utility>

#include "bpf/hook_b.skel.h"

namespace forcebind {
namespace {

// libbpf explains itself in print callbacks only: while a loader runs on this thread, its words are kept for the
// Status.
thread_local std::string* libbpf_words = nullptr;

int KeepWords(libbpf_print_level level, const char* format, va_list arguments) {
  if (libbpf_words == nullptr || level > LIBBPF_WARN) return 0;
  char line[4096];
  vsnprintf(line, sizeof(line), format, arguments);
  libbpf_words->append(line);
  return 0;
}

// The end of it: the verifier's verdict comes last.
std::string Tail(const std::string& words) {
  constexpr size_t kMost = 1500;
  return words.size() <= kMost ? words : absl::StrCat("…", words.substr(words.size() - kMost));
}

absl::Status CheckBtf() {
  if (access("/sys/kernel/btf/vmlinux", R_OK) == 0) return absl::OkStatus();
  return absl::UnavailableError(
      "/sys/kernel/btf/vmlinux is not there: the programs need a kernel with CONFIG_DEBUG_INFO_BTF");
}

absl::Status LoadError(int error, const std::string& words) {
  if (error == EPERM)
    return absl::PermissionDeniedError(
        "loading BPF programs: EPERM: it needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON (or CAP_SYS_ADMIN)");
  return absl::UnavailableError(
      absl::StrCat("loading BPF programs: ", ErrnoName(error), "; libbpf says: ", Tail(words)));
}

}  // namespace

struct BpfPrograms::Attachment {
  const char* program;
  bpf_attach_type type;
};

// One loading of the skeleton; what is worth keeping goes into a BpfPrograms.
class ProgramLoader {
 public:
  explicit ProgramLoader(const PinDir& pins) : pins_(pins) {
    libbpf_words = &words_;
    libbpf_set_print(KeepWords);
    skeleton_ = hook_b__open();
  }
  ~ProgramLoader() {
    if (skeleton_ != nullptr) hook_b__destroy(skeleton_);
    libbpf_words = nullptr;
  }

  absl::StatusOr<BpfPrograms> Load(uint64_t netns_cookie, uint32_t max_exact) {
    if (skeleton_ == nullptr) return LoadError(errno, words_);
    skeleton_->rodata->fb_netns_cookie = netns_cookie;
    bpf_map__set_max_entries(skeleton_->maps.exact, max_exact);
    bpf_map__set_max_entries(skeleton_->maps.records, max_exact);
    if (absl::Status status = ReuseMaps(); !status.ok()) return status;
    if (int error = hook_b__load(skeleton_); error != 0) return LoadError(-error, words_);
    return Keep();
  }

 private:
  absl::Status ReuseMaps() {
    int found = 0, missing = 0;
    std::string example;
    bpf_map* map;
    bpf_object__for_each_map(map, skeleton_->obj) {
      if (bpf_map__is_internal(map)) continue;
      absl::StatusOr<UniqueFd> pinned = pins_.Get(bpf_map__name(map));
      if (absl::IsNotFound(pinned.status())) {
        ++missing;
        example = bpf_map__name(map);
        continue;
      }
      if (!pinned.ok()) return pinned.status();
      if (absl::Status status = Reuse(map, pinned->get()); !status.ok()) return status;
      ++found;
    }
    if (found > 0 && missing > 0) return OtherVersion(absl::StrCat("has no map ", example));
    programs_.reused_maps_ = found > 0;
    return absl::OkStatus();
  }

  absl::Status Reuse(bpf_map* map, int pinned) {
    bpf_map_info info{};
    uint32_t size = sizeof(info);
    if (bpf_obj_get_info_by_fd(pinned, &info, &size) != 0) return ErrnoStatus(errno, "ask about a pinned map");
    if (info.type != bpf_map__type(map) || info.key_size != bpf_map__key_size(map) ||
        info.value_size != bpf_map__value_size(map) || info.map_flags != bpf_map__map_flags(map))
      return OtherVersion(absl::StrCat("has a map ", bpf_map__name(map), " of another shape"));
    if (int error = bpf_map__reuse_fd(map, pinned); error != 0) return ErrnoStatus(-error, "use a pinned map again");
    return absl::OkStatus();
  }

  absl::Status OtherVersion(const std::string& how) const {
    return absl::FailedPreconditionError(
        absl::StrCat("the state in ", pins_.path(), " is of another version (it ", how,
                     "); remove it with forcebind-supervisor --unload, which ends publishing until services restart"));
  }

  absl::StatusOr<BpfPrograms> Keep() {
    bpf_map* map;
    bpf_object__for_each_map(map, skeleton_->obj) {
      if (!bpf_map__is_internal(map)) programs_.maps_[bpf_map__name(map)] = Copy(bpf_map__fd(map));
    }
    bpf_program* program;
    bpf_object__for_each_program(program, skeleton_->obj) {
      programs_.programs_[bpf_program__name(program)] = Copy(bpf_program__fd(program));
    }
    for (const auto& [name, fd] : programs_.maps_)
      if (!fd.valid()) return ErrnoStatus(errno, absl::StrCat("keep the map ", name));
    for (const auto& [name, fd] : programs_.programs_)
      if (!fd.valid()) return ErrnoStatus(errno, absl::StrCat("keep the program ", name));
    return std::move(programs_);
  }

  static UniqueFd Copy(int fd) { return UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, 3)); }

  const PinDir& pins_;
  std::string words_;
  hook_b* skeleton_ = nullptr;
  BpfPrograms programs_;
};

absl::StatusOr<BpfPrograms> BpfPrograms::Load(const PinDir& pins, uint64_t netns_cookie, uint32_t max_exact) {
  if (absl::Status status = CheckBtf(); !status.ok()) return status;
  return ProgramLoader(pins).Load(netns_cookie, max_exact);
}

absl::Status BpfPrograms::Attach(const Attachment& attachment, int cgroup, int netns) {
  const int fd = program(attachment.program);
  UniqueFd link;
  switch (attachment.type) {
    case BPF_TRACE_RAW_TP:
      link.reset(bpf_raw_tracepoint_open(nullptr, fd));
      break;
    case BPF_SK_LOOKUP:
      link.reset(bpf_link_create(fd, netns, attachment.type, nullptr));
      break;
    default:
      link.reset(bpf_link_create(fd, cgroup, attachment.type, nullptr));
  }
  if (!link.valid()) return ErrnoStatus(errno, absl::StrCat("attach the BPF program ", attachment.program));
  links_[attachment.program] = std::move(link);
  return absl::OkStatus();
}

absl::Status BpfPrograms::AttachTracking(int cgroup) {
  // What removes comes first: a listener that was added, but not seen closing, would be believed in for ever.
  constexpr Attachment kTracking[] = {
      {"fb_tcp_state", BPF_TRACE_RAW_TP},
      {"fb_udp_release", BPF_CGROUP_INET_SOCK_RELEASE},
      {"fb_udp_connect4", BPF_CGROUP_INET4_CONNECT},
      {"fb_udp_connect6", BPF_CGROUP_INET6_CONNECT},
      {"fb_tcp_listen", BPF_CGROUP_SOCK_OPS},
      {"fb_bound4", BPF_CGROUP_INET4_POST_BIND},
      {"fb_bound6", BPF_CGROUP_INET6_POST_BIND},
  };
  for (const Attachment& attachment : kTracking)
    if (absl::Status status = Attach(attachment, cgroup, -1); !status.ok()) return status;
  return absl::OkStatus();
}

absl::Status BpfPrograms::AttachDispatch(int cgroup, int netns) {
  constexpr Attachment kDispatch[] = {
      {"fb_reply4", BPF_CGROUP_UDP4_SENDMSG}, {"fb_reply6", BPF_CGROUP_UDP6_SENDMSG},
      {"fb_guard4", BPF_CGROUP_INET4_BIND},   {"fb_guard6", BPF_CGROUP_INET6_BIND},
      {"fb_lookup", BPF_SK_LOOKUP},
  };
  for (const Attachment& attachment : kDispatch)
    if (absl::Status status = Attach(attachment, cgroup, netns); !status.ok()) return status;
  return absl::OkStatus();
}

absl::Status BpfPrograms::PinTo(const std::string& directory) const {
  auto pin = [&](int fd, const std::string& name) {
    const std::string path = absl::StrCat(directory, "/", name);
    return bpf_obj_pin(fd, path.c_str()) == 0 ? absl::OkStatus() : ErrnoStatus(errno, absl::StrCat("pin ", path));
  };
  for (const auto& [name, fd] : maps_)
    if (absl::Status status = pin(fd.get(), name); !status.ok()) return status;
  for (const auto& [name, fd] : links_)
    if (absl::Status status = pin(fd.get(), absl::StrCat("link_", name)); !status.ok()) return status;
  return absl::OkStatus();
}

}  // namespace forcebind
