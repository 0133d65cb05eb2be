// SPDX-License-Identifier: Apache-2.0
#include "supervisor/libbpf_words.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "sys/errno_status.h"

namespace forcebind {
namespace {

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

}  // namespace

LibbpfWords::LibbpfWords() {
  libbpf_words = &words_;
  libbpf_set_print(KeepWords);
}

LibbpfWords::~LibbpfWords() { libbpf_words = nullptr; }

absl::Status LibbpfWords::LoadError(int error) const {
  if (error == EPERM)
    return absl::PermissionDeniedError(
        "loading BPF programs: EPERM: it needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON (or CAP_SYS_ADMIN)");
  return absl::UnavailableError(
      absl::StrCat("loading BPF programs: ", ErrnoName(error), "; libbpf says: ", Tail(words_)));
}

absl::Status CheckBtf() {
  if (access("/sys/kernel/btf/vmlinux", R_OK) == 0) return absl::OkStatus();
  return absl::UnavailableError(
      "/sys/kernel/btf/vmlinux is not there: the programs need a kernel with CONFIG_DEBUG_INFO_BTF");
}

}  // namespace forcebind
