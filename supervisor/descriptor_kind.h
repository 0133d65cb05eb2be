// SPDX-License-Identifier: Apache-2.0
// descriptor_kind: what a descriptor is, of those things that may become the supervisor's: none of them asks a program
// of its owner's when it is closed.
//
// The names in /proc/self/fd of what has no path are the kernel's (proc(5)); what has one begins with '/'. Seals are
// had by memfds alone (fcntl(2)).
#ifndef FORCEBIND_SUPERVISOR_DESCRIPTOR_KIND_H_
#define FORCEBIND_SUPERVISOR_DESCRIPTOR_KIND_H_

namespace forcebind {

enum class DescriptorKind {
  kOther,
  kNotify,       // a seccomp notification fd
  kSpareMemory,  // a memfd as launcher/spare_memory makes it: of one size for ever
};
DescriptorKind KindOfDescriptor(int fd);

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_DESCRIPTOR_KIND_H_
