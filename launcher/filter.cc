// SPDX-License-Identifier: Apache-2.0
#include "launcher/filter.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>

#include "absl/strings/str_cat.h"
#include "notify/traced_syscalls.h"
#include "sys/errno_status.h"
#include "sys/unique_fd.h"

namespace forcebind {
namespace {

constexpr unsigned kSmallFamilies = 64;
constexpr unsigned kMptcpProtocol = 262;  // IPPROTO_MPTCP
constexpr uint64_t kIntMask =
    UINT32_MAX;  // an int argument's upper half is ignored by the kernel, so it is by the filter

using Context = std::unique_ptr<void, decltype(&seccomp_release)>;

// Every group of comparisons under which a rule holds; the rule is added once for each.
using Comparisons = std::vector<std::vector<scmp_arg_cmp>>;

scmp_arg_cmp Compare(unsigned argument, scmp_compare operation, uint64_t a, uint64_t b = 0) {
  return {.arg = argument, .op = operation, .datum_a = a, .datum_b = b};
}

Comparisons ComparisonsFor(Condition condition, const FilterOptions& options) {
  Comparisons all;
  switch (condition) {
    case Condition::kAlways:
      return {{}};
    case Condition::kFamilyNotAllowed:
      for (const MaskedValue& family : Complement(options.families)) {
        all.push_back({Compare(0, SCMP_CMP_MASKED_EQ, family.mask, family.value)});
      }
      all.push_back({Compare(0, SCMP_CMP_GE, kSmallFamilies)});
      return all;
    case Condition::kMptcp:
      if (options.deny_mptcp) all.push_back({Compare(2, SCMP_CMP_MASKED_EQ, kIntMask, kMptcpProtocol)});
      return all;
    case Condition::kNewListener:
      return {{Compare(1, SCMP_CMP_MASKED_EQ, SECCOMP_FILTER_FLAG_NEW_LISTENER, SECCOMP_FILTER_FLAG_NEW_LISTENER)}};
  }
  return all;
}

absl::Status AddRule(scmp_filter_ctx context, const TracedSyscall& traced, const FilterOptions& options) {
  const int number = seccomp_syscall_resolve_name(traced.name);
  if (number == __NR_SCMP_ERROR) return absl::InternalError(absl::StrCat("libseccomp does not know ", traced.name));
  const uint32_t action =
      traced.treatment == Treatment::kNotify ? SCMP_ACT_NOTIFY : SCMP_ACT_ERRNO(static_cast<uint16_t>(traced.error));
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

}  // namespace

std::vector<MaskedValue> Complement(absl::Span<const int> allowed) {
  std::vector<MaskedValue> result;
  // Halves the block [first, first + size) until none of it is allowed, or all of it is one allowed value.
  const std::function<void(unsigned, unsigned)> split = [&](unsigned first, unsigned size) {
    const bool any = std::any_of(allowed.begin(), allowed.end(), [&](int family) {
      return family >= static_cast<int>(first) && family < static_cast<int>(first + size);
    });
    if (!any) {
      // The bits above the block are compared as well: up to 64, and beyond as far as an int goes.
      result.push_back({first, static_cast<unsigned>(kIntMask) & ~(size - 1)});
    } else if (size > 1) {
      split(first, size / 2);
      split(first + size / 2, size / 2);
    }
  };
  split(0, kSmallFamilies);
  return result;
}

absl::StatusOr<std::vector<sock_filter>> BuildFilter(const FilterOptions& options) {
  Context context(seccomp_init(SCMP_ACT_ALLOW), &seccomp_release);
  if (context == nullptr) return absl::ResourceExhaustedError("libseccomp gave no filter context");
  int error = seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
#if defined(__x86_64__)
  if (error == 0) error = seccomp_arch_add(context.get(), SCMP_ARCH_X86);
#endif
  if (error != 0) return ErrnoStatus(-error, "set up the filter");
  for (const TracedSyscall& traced : kTracedSyscalls) {
    absl::Status added = AddRule(context.get(), traced, options);
    if (!added.ok()) return added;
  }
  return Export(context.get());
}

}  // namespace forcebind
