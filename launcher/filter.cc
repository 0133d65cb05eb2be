// SPDX-License-Identifier: Apache-2.0
#include "launcher/filter.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "core/socket_kinds.h"
#include "notify/traced_syscalls.h"
#include "sys/errno_status.h"
#include "sys/unique_fd.h"

namespace forcebind {
namespace {

// Powers of two: above the families that the kernel knows, and above what its mask leaves of a type.
constexpr unsigned kFamilyLimit = 64, kTypes = 16;
constexpr uint64_t kIntMask = UINT32_MAX;  // of an int argument: the kernel ignores the upper half
constexpr uint64_t kSocketTypeMask = 0xf;  // SOCK_TYPE_MASK of include/linux/net.h: the rest is flags

using Context = std::unique_ptr<void, decltype(&seccomp_release)>;

// Every group of comparisons under which a rule holds; the rule is added once for each.
using Comparisons = std::vector<std::vector<scmp_arg_cmp>>;

bool Contains(absl::Span<const int> families, int family) {
  return std::find(families.begin(), families.end(), family) != families.end();
}

// Does the rule hold for this ABI?
bool Concerns(const TracedSyscall& traced, uint32_t arch, const FilterOptions& options) {
  switch (traced.condition) {
    case Condition::kUnlessForced:
      return !options.kernel_binds;
    case Condition::kFamilyNotAllowed:
    case Condition::kOldPacketSocket:
    case Condition::kTypeNotAllowed:
    case Condition::kProtocolNotAllowed:
    case Condition::kNoSuchKind:
    case Condition::kWithoutEgress:
      return arch != SCMP_ARCH_X86;
    case Condition::kFromI386:
      return arch == SCMP_ARCH_X86;
    case Condition::kAlways:
    case Condition::kOwnLoopback:
    case Condition::kNewListener:
      return true;
  }
  return true;
}

scmp_arg_cmp Compare(unsigned argument, scmp_compare operation, uint64_t a, uint64_t b = 0) {
  return {.arg = argument, .op = operation, .datum_a = a, .datum_b = b};
}

// For every value of an argument below `limit` that is not in `allowed`. `mask`: which bits the kernel looks at.
std::vector<scmp_arg_cmp> NoneOf(unsigned argument, absl::Span<const int> allowed, unsigned limit, uint64_t mask) {
  std::vector<scmp_arg_cmp> all;
  for (const MaskedValue& pair : Complement(allowed, limit)) {
    all.push_back(Compare(argument, SCMP_CMP_MASKED_EQ, pair.mask & mask, pair.value));
  }
  return all;
}

// Everything from `limit` on has one of these bits. Not "at least": that would compare the upper half as well.
std::vector<scmp_arg_cmp> From(unsigned limit, unsigned argument) {
  std::vector<scmp_arg_cmp> all;
  for (uint64_t bit = limit; bit <= kIntMask; bit <<= 1) all.push_back(Compare(argument, SCMP_CMP_MASKED_EQ, bit, bit));
  return all;
}

// AF_INET or AF_INET6.
scmp_arg_cmp IsInet() {
  static_assert((AF_INET ^ AF_INET6) == 8 && (AF_INET & 8) == 0);
  return Compare(0, SCMP_CMP_MASKED_EQ, kIntMask & ~uint64_t{8}, AF_INET);
}

scmp_arg_cmp IsType(int type) { return Compare(1, SCMP_CMP_MASKED_EQ, kSocketTypeMask, static_cast<uint64_t>(type)); }

std::vector<int> TypesBeyondAll() {
  std::vector<int> types(kTypes - kTypeLimit);
  std::iota(types.begin(), types.end(), kTypeLimit);
  return types;
}

Comparisons OtherTypes(const FilterOptions& options) {
  std::vector<int> types = TypesBeyondAll();
  for (const SocketKind& kind : AllowedSocketKinds(options.deny_mptcp)) types.push_back(kind.type);
  Comparisons all;
  for (const scmp_arg_cmp& other : NoneOf(1, types, kTypes, kSocketTypeMask)) all.push_back({IsInet(), other});
  return all;
}

Comparisons OtherProtocols(const FilterOptions& options) {
  Comparisons all;
  for (const SocketKind& kind : AllowedSocketKinds(options.deny_mptcp)) {
    if (kind.protocols.empty()) continue;
    for (const scmp_arg_cmp& other : NoneOf(2, kind.protocols, kProtocolLimit, kIntMask)) {
      all.push_back({IsInet(), IsType(kind.type), other});
    }
  }
  return all;
}

Comparisons NoSuchKinds(const FilterOptions& options) {
  Comparisons all;
  for (const int type : TypesBeyondAll()) all.push_back({IsInet(), IsType(type)});
  for (const SocketKind& kind : AllowedSocketKinds(options.deny_mptcp)) {
    if (kind.protocols.empty()) continue;
    for (const scmp_arg_cmp& other : From(kProtocolLimit, 2)) all.push_back({IsInet(), IsType(kind.type), other});
  }
  return all;
}

Comparisons ComparisonsFor(Condition condition, const FilterOptions& options) {
  Comparisons all;
  switch (condition) {
    case Condition::kAlways:
    case Condition::kUnlessForced:
    case Condition::kFromI386:
      return {{}};
    case Condition::kFamilyNotAllowed:
      for (const scmp_arg_cmp& other : NoneOf(0, options.families, kFamilyLimit, kIntMask)) all.push_back({other});
      for (const scmp_arg_cmp& other : From(kFamilyLimit, 0)) all.push_back({other});
      return all;
    case Condition::kOldPacketSocket:
      if (!Contains(options.families, AF_PACKET)) {
        all.push_back({Compare(0, SCMP_CMP_MASKED_EQ, kIntMask, AF_INET), IsType(SOCK_PACKET)});
      }
      return all;
    case Condition::kTypeNotAllowed:
      return OtherTypes(options);
    case Condition::kProtocolNotAllowed:
      return OtherProtocols(options);
    case Condition::kNoSuchKind:
      return NoSuchKinds(options);
    case Condition::kOwnLoopback:
      if (options.own_loopback) all.emplace_back();
      return all;
    case Condition::kWithoutEgress:
      if (!options.private_datagrams) return all;
      for (const int protocol : {IPPROTO_IP, IPPROTO_UDP, IPPROTO_UDPLITE}) {
        all.push_back(
            {IsInet(), IsType(SOCK_DGRAM), Compare(2, SCMP_CMP_MASKED_EQ, kIntMask, static_cast<uint64_t>(protocol))});
      }
      return all;
    case Condition::kNewListener:
      return {{Compare(1, SCMP_CMP_MASKED_EQ, SECCOMP_FILTER_FLAG_NEW_LISTENER, SECCOMP_FILTER_FLAG_NEW_LISTENER)}};
  }
  return all;
}

uint32_t ActionOf(const TracedSyscall& traced, const FilterOptions& options) {
  if (traced.condition == Condition::kFromI386 && options.kernel_binds) return SCMP_ACT_ERRNO(EAFNOSUPPORT);
  return traced.treatment == Treatment::kFail ? SCMP_ACT_ERRNO(static_cast<uint16_t>(traced.error)) : SCMP_ACT_NOTIFY;
}

absl::Status AddRule(scmp_filter_ctx context, const TracedSyscall& traced, const FilterOptions& options) {
  const int number = seccomp_syscall_resolve_name(traced.name);
  if (number == __NR_SCMP_ERROR) return absl::InternalError(absl::StrCat("libseccomp does not know ", traced.name));
  const uint32_t action = ActionOf(traced, options);
  for (const std::vector<scmp_arg_cmp>& comparisons : ComparisonsFor(traced.condition, options)) {
    const int error =
        seccomp_rule_add_array(context, action, number, static_cast<unsigned>(comparisons.size()), comparisons.data());
    if (error != 0) return ErrnoStatus(-error, absl::StrCat("add a filter rule for ", traced.name));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<sock_filter>> Export(scmp_filter_ctx context) {
  UniqueFd file(memfd_create("filter", MFD_CLOEXEC));
  if (!file.valid()) return ErrnoStatus(errno, "create a memory file for the filter");
  const int error = seccomp_export_bpf(context, file.get());
  if (error != 0) return ErrnoStatus(-error, "export the filter");
  struct stat info;
  if (fstat(file.get(), &info) != 0) return ErrnoStatus(errno, "size the filter");
  std::vector<sock_filter> program(static_cast<size_t>(info.st_size) / sizeof(sock_filter));
  if (pread(file.get(), program.data(), static_cast<size_t>(info.st_size), 0) != info.st_size) {
    return ErrnoStatus(errno, "read the filter");
  }
  return program;
}

// A filter for one ABI, which knows no other.
absl::Status BuildFor(uint32_t arch, const FilterOptions& options, Context* context) {
  context->reset(seccomp_init(SCMP_ACT_ALLOW));
  if (*context == nullptr) return absl::ResourceExhaustedError("libseccomp gave no filter context");
  int error = seccomp_attr_set(context->get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
  if (error == 0 && arch != seccomp_arch_native()) {
    error = seccomp_arch_remove(context->get(), SCMP_ARCH_NATIVE);
    if (error == 0) error = seccomp_arch_add(context->get(), arch);
  }
  if (error != 0) return ErrnoStatus(-error, "set up the filter");
  for (const TracedSyscall& traced : kTracedSyscalls) {
    if (!Concerns(traced, arch, options)) continue;
    absl::Status added = AddRule(context->get(), traced, options);
    if (!added.ok()) return added;
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<MaskedValue> Complement(absl::Span<const int> allowed, unsigned limit) {
  std::vector<MaskedValue> result;
  // Halves the block [first, first + size) until none of it is allowed, or all of it is one allowed value.
  const std::function<void(unsigned, unsigned)> split = [&](unsigned first, unsigned size) {
    const bool any = std::any_of(allowed.begin(), allowed.end(), [&](int family) {
      return family >= static_cast<int>(first) && family < static_cast<int>(first + size);
    });
    if (!any) {
      // The bits above the block are compared as well: up to the limit, and beyond as far as an int goes.
      result.push_back({first, static_cast<unsigned>(kIntMask) & ~(size - 1)});
    } else if (size > 1) {
      split(first, size / 2);
      split(first + size / 2, size / 2);
    }
  };
  split(0, limit);
  return result;
}

absl::StatusOr<std::vector<sock_filter>> BuildFilter(const FilterOptions& options) {
  Context context(nullptr, &seccomp_release);
  absl::Status built = BuildFor(seccomp_arch_native(), options, &context);
#if defined(__x86_64__)
  Context i386(nullptr, &seccomp_release);
  if (built.ok()) built = BuildFor(SCMP_ARCH_X86, options, &i386);
  if (built.ok()) {
    const int error = seccomp_merge(context.get(), i386.get());
    // A context that has been merged is the other one's.
    if (error == 0) (void)i386.release();
    if (error != 0) built = ErrnoStatus(-error, "merge the filters of two architectures");
  }
#endif
  if (!built.ok()) return built;
  return Export(context.get());
}

}  // namespace forcebind
