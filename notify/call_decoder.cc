// SPDX-License-Identifier: Apache-2.0
#include "notify/call_decoder.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/net.h>
#include <sys/syscall.h>

#include <optional>

namespace forcebind {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kNativeArch = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kNativeArch = AUDIT_ARCH_AARCH64;
#else
#error "forcebind knows x86-64 and arm64"
#endif

// arch/x86/entry/syscalls/syscall_32.tbl
constexpr int kI386Socketcall = 102;
constexpr int kI386Bind = 361;
constexpr int kI386Listen = 363;

std::optional<CallKind> KindOf(int number, int bind_number, int listen_number) {
  if (number == bind_number) return CallKind::kBind;
  if (number == listen_number) return CallKind::kListen;
  return std::nullopt;
}

void Fill(CallKind kind, const uint64_t* args, Call* call) {
  call->kind = kind;
  call->fd = static_cast<int>(args[0]);
  if (kind == CallKind::kBind) {
    call->address = args[1];
    call->address_length = static_cast<int>(args[2]);
  } else {
    call->backlog = static_cast<int>(args[1]);
  }
}

int DecodeSocketcall(const Notification& notification, MemoryReader read, Call* call) {
  const std::optional<CallKind> kind = KindOf(static_cast<int>(notification.args[0]), SYS_BIND, SYS_LISTEN);
  if (!kind) return ENOSYS;
  uint32_t words[3] = {};
  const size_t count = *kind == CallKind::kBind ? 3 : 2;
  if (const int error = read(notification.args[1] & UINT32_MAX, words, count * sizeof(uint32_t))) return error;
  const uint64_t args[3] = {words[0], words[1], words[2]};
  Fill(*kind, args, call);
  return 0;
}

}  // namespace

int DecodeCall(const Notification& notification, MemoryReader read, Call* call) {
  std::optional<CallKind> kind;
  if (notification.arch == kNativeArch) {
    kind = KindOf(notification.number, __NR_bind, __NR_listen);
  } else if (notification.arch == AUDIT_ARCH_I386) {
    if (notification.number == kI386Socketcall) return DecodeSocketcall(notification, read, call);
    kind = KindOf(notification.number, kI386Bind, kI386Listen);
  }
  if (!kind) return ENOSYS;
  Fill(*kind, notification.args, call);
  if (notification.arch == AUDIT_ARCH_I386) call->address &= UINT32_MAX;
  return 0;
}

}  // namespace forcebind
