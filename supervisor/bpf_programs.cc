// SPDX-License-Identifier: Apache-2.0
#include "supervisor/bpf_programs.h"

#include <bpf/libbpf.h>
#include <fcntl.h>

#include <algorithm>
#include <utility>

#include "bpf/hook_b.skel.h"
#include "bpf/hook_d.skel.h"
#include "supervisor/libbpf_words.h"
#include "sys/kernel_btf.h"

namespace forcebind {
namespace {

// False if the kernel refuses a program that does nothing for this attach type: a name alone is no hook.
bool LoadsFor(uint32_t type) {
  const bpf_insn pass[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = SK_PASS}, {.code = BPF_JMP | BPF_EXIT}};
  bpf_prog_load_opts options{};
  options.sz = sizeof(options);
  options.expected_attach_type = static_cast<bpf_attach_type>(type);
  const UniqueFd program(bpf_prog_load(BPF_PROG_TYPE_SK_LOOKUP, "fb_probe", "GPL", pass, std::size(pass), &options));
  return program.valid() || errno != EINVAL;
}

// One of the two objects of bpf/, opened.
struct OpenedObject {
  std::unique_ptr<void, void (*)(void*)> skeleton{nullptr, [](void*) {}};
  bpf_object* object = nullptr;
  __u64* netns_cookie = nullptr;
};

template <auto kOpen, auto kDestroy>
OpenedObject Open() {
  auto* skeleton = kOpen();
  if (skeleton == nullptr) return {};
  auto destroy = [](void* opened) { kDestroy(static_cast<decltype(kOpen())>(opened)); };
  return {{skeleton, destroy}, skeleton->obj, &skeleton->rodata->fb_netns_cookie};
}

OpenedObject OpenFor(Hook hook) {
  return hook == Hook::kB ? Open<hook_b__open, hook_b__destroy>() : Open<hook_d__open, hook_d__destroy>();
}

bool IsTracking(const std::string& map) { return map == "exact" || map == "records"; }
bool IsOfOneHook(const std::string& map) { return IsTracking(map) || map == "fallback_routes"; }

}  // namespace

absl::StatusOr<uint32_t> FindHook(Hook hook) {
  if (hook == Hook::kB) return BPF_SK_LOOKUP;
  if (absl::Status status = CheckBtf(); !status.ok()) return status;
  const char* name = hook == Hook::kD ? "BPF_SK_LOOKUP_WILDCARD" : "BPF_SK_LOOKUP_FALLBACK";
  absl::StatusOr<std::optional<uint32_t>> type = FindKernelEnumValue("bpf_attach_type", name);
  if (!type.ok()) return type.status();
  if (type->has_value() && LoadsFor(**type)) return **type;
  return absl::FailedPreconditionError(
      absl::StrCat("this kernel has no hook ", hook == Hook::kD ? "D" : "F", " (see kernel-patches/README.md)"));
}

struct BpfPrograms::Attachment {
  const char* program;
  bpf_attach_type type;
};

// One loading of an object; what is worth keeping goes into a BpfPrograms.
class ProgramLoader {
 public:
  ProgramLoader(Hook hook, const PinDir& pins) : pins_(pins), opened_(OpenFor(hook)) {}

  absl::StatusOr<BpfPrograms> Load(Hook hook, uint64_t netns_cookie, uint32_t max_exact) {
    if (opened_.object == nullptr) return words_.LoadError(errno);
    *opened_.netns_cookie = netns_cookie;
    if (absl::Status status = PlaceAt(hook, "fb_lookup"); !status.ok()) return status;
    if (hook == Hook::kD && absl::IsFailedPrecondition(PlaceAt(Hook::kF, "fb_fallback")))
      bpf_program__set_autoload(Program("fb_fallback"), false);
    if (absl::Status status = PrepareMaps(max_exact); !status.ok()) return status;
    if (int error = bpf_object__load(opened_.object); error != 0) return words_.LoadError(-error);
    return Keep();
  }

 private:
  bpf_program* Program(const char* name) { return bpf_object__find_program_by_name(opened_.object, name); }

  absl::Status PlaceAt(Hook hook, const char* program) {
    absl::StatusOr<uint32_t> type = FindHook(hook);
    if (!type.ok()) return type.status();
    bpf_program__set_expected_attach_type(Program(program), static_cast<bpf_attach_type>(*type));
    programs_.lookups_[program] = *type;
    return absl::OkStatus();
  }

  // How many maps of a kind are pinned, and an example of those that are not.
  struct Pinned {
    int found = 0;
    std::string missing;
    bool is_part() const { return found > 0 && !missing.empty(); }
  };

  absl::Status PrepareMaps(uint32_t max_exact) {
    Pinned shared, own;
    bpf_map* map;
    bpf_object__for_each_map(map, opened_.object) {
      if (bpf_map__is_internal(map)) continue;
      const std::string name = bpf_map__name(map);
      if (IsTracking(name)) bpf_map__set_max_entries(map, max_exact);
      Pinned& kind = IsOfOneHook(name) ? own : shared;
      absl::StatusOr<UniqueFd> pinned = pins_.Get(name);
      if (absl::IsNotFound(pinned.status())) {
        kind.missing = name;
        continue;
      }
      if (!pinned.ok()) return pinned.status();
      if (absl::Status status = Reuse(map, pinned->get()); !status.ok()) return status;
      ++kind.found;
    }
    for (const Pinned& kind : {shared, own})
      if (kind.is_part()) return OtherVersion(absl::StrCat("has no map ", kind.missing));
    programs_.reused_maps_ = shared.found > 0;
    programs_.reused_own_maps_ = own.found > 0;
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
    bpf_object__for_each_map(map, opened_.object) {
      if (!bpf_map__is_internal(map)) programs_.maps_[bpf_map__name(map)] = Copy(bpf_map__fd(map));
    }
    bpf_program* program;
    bpf_object__for_each_program(program, opened_.object) {
      if (bpf_program__autoload(program))
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
  LibbpfWords words_;
  OpenedObject opened_;
  BpfPrograms programs_;
};

absl::StatusOr<BpfPrograms> BpfPrograms::Load(Hook hook, const PinDir& pins, uint64_t netns_cookie,
                                              uint32_t max_exact) {
  if (absl::Status status = CheckBtf(); !status.ok()) return status;
  return ProgramLoader(hook, pins).Load(hook, netns_cookie, max_exact);
}

absl::Status BpfPrograms::Attach(const std::string& name, uint32_t type, int target) {
  const int fd = program(name);
  UniqueFd link(type == BPF_TRACE_RAW_TP ? bpf_raw_tracepoint_open(nullptr, fd)
                                         : bpf_link_create(fd, target, static_cast<bpf_attach_type>(type), nullptr));
  if (!link.valid()) return ErrnoStatus(errno, absl::StrCat("attach the BPF program ", name));
  links_[name] = std::move(link);
  return absl::OkStatus();
}

// What the object does not have is not attached: hook D tracks nobody.
absl::Status BpfPrograms::AttachAll(absl::Span<const Attachment> attachments, int cgroup) {
  for (const Attachment& attachment : attachments) {
    if (!programs_.contains(attachment.program)) continue;
    if (absl::Status status = Attach(attachment.program, attachment.type, cgroup); !status.ok()) return status;
  }
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
  return AttachAll(kTracking, cgroup);
}

absl::Status BpfPrograms::AttachDispatch(int cgroup, int netns) {
  constexpr Attachment kDispatch[] = {
      {"fb_reply_release", BPF_CGROUP_INET_SOCK_RELEASE},
      {"fb_reply4", BPF_CGROUP_UDP4_SENDMSG},
      {"fb_reply6", BPF_CGROUP_UDP6_SENDMSG},
      {"fb_guard4", BPF_CGROUP_INET4_BIND},
      {"fb_guard6", BPF_CGROUP_INET6_BIND},
  };
  if (absl::Status status = AttachAll(kDispatch, cgroup); !status.ok()) return status;
  for (const auto& [program, type] : lookups_)
    if (absl::Status status = Attach(program, type, netns); !status.ok()) return status;
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
