// SPDX-License-Identifier: Apache-2.0
#include "supervisor/descriptor_kind.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "wire/companion_state.h"

namespace forcebind {
namespace {

constexpr char kNotifyName[] = "anon_inode:seccomp notify";
constexpr int kOfOneSize = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

std::string NameOf(int fd) {
  char name[256];
  const ssize_t size = readlink(absl::StrCat("/proc/self/fd/", fd).c_str(), name, sizeof(name));
  return size < 0 ? "" : std::string(name, static_cast<size_t>(size));
}

}  // namespace

DescriptorKind KindOfDescriptor(int fd) {
  if (NameOf(fd) == kNotifyName) return DescriptorKind::kNotify;
  const int seals = fcntl(fd, F_GET_SEALS);
  struct stat info;
  // Only a memfd is asked for its size: of a file, that might be a question to a program.
  const bool of_one_size = seals >= 0 && (seals & kOfOneSize) == kOfOneSize && fstat(fd, &info) == 0;
  if (of_one_size && info.st_size == wire::kSpareMemorySize) return DescriptorKind::kSpareMemory;
  return DescriptorKind::kOther;
}

}  // namespace forcebind
