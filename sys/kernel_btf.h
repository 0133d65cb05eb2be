// SPDX-License-Identifier: Apache-2.0
// kernel_btf: looks a name up in the running kernel's type information (BTF). The number of a new attach type is not
// the same on every kernel; its name is.
//
// Format: Documentation/bpf/btf.rst, <linux/btf.h>.
// THREADS  Pure function, and one that reads a file.
// Tested by tests/unit/sys/kernel_btf_test.cc.
#ifndef FORCEBIND_SYS_KERNEL_BTF_H_
#define FORCEBIND_SYS_KERNEL_BTF_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace forcebind {

// The value that `name` has in the enum `enumeration`; nothing if there is no such name. DATA_LOSS: no well-formed BTF.
absl::StatusOr<std::optional<uint32_t>> FindEnumValue(std::string_view btf, std::string_view enumeration,
                                                      std::string_view name);

// The same in /sys/kernel/btf/vmlinux. NOT_FOUND: the kernel has no BTF (CONFIG_DEBUG_INFO_BTF).
absl::StatusOr<std::optional<uint32_t>> FindKernelEnumValue(std::string_view enumeration, std::string_view name);

}  // namespace forcebind

#endif  // FORCEBIND_SYS_KERNEL_BTF_H_
