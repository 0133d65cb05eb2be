// SPDX-License-Identifier: Apache-2.0
#include "notify/call_decoder.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/net.h>
#include <sys/syscall.h>

#include <optional>

#include "absl/types/span.h"

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

struct NumberedCall {
  int number;
  CallKind kind;
};
constexpr NumberedCall kNative[] = {{__NR_socket, CallKind::kSocket},
                                    {__NR_bind, CallKind::kBind},
                                    {__NR_listen, CallKind::kListen},
                                    {__NR_connect, CallKind::kConnect},
                                    {__NR_io_uring_setup, CallKind::kRing}};
constexpr NumberedCall kI386[] = {
    {359, CallKind::kSocket},  {360, CallKind::kSocketPair}, {361, CallKind::kBind},
    {362, CallKind::kConnect}, {363, CallKind::kListen},
};
constexpr NumberedCall kMultiplexed[] = {{SYS_SOCKET, CallKind::kSocket},
                                         {SYS_SOCKETPAIR, CallKind::kSocketPair},
                                         {SYS_BIND, CallKind::kBind},
                                         {SYS_CONNECT, CallKind::kConnect},
                                         {SYS_LISTEN, CallKind::kListen}};

std::optional<CallKind> KindOf(int number, absl::Span<const NumberedCall> calls) {
  for (const NumberedCall& call : calls) {
    if (call.number == number) return call.kind;
  }
  return std::nullopt;
}

size_t ArgumentCount(CallKind kind) {
  switch (kind) {
    case CallKind::kListen:
    case CallKind::kRing:
      return 2;
    case CallKind::kBind:
    case CallKind::kConnect:
    case CallKind::kSocket:
      return 3;
    case CallKind::kSocketPair:
      return 4;
  }
  return 0;
}

void Fill(CallKind kind, const uint64_t* args, Call* call) {
  call->kind = kind;
  switch (kind) {
    case CallKind::kBind:
    case CallKind::kConnect:
      call->fd = static_cast<int>(args[0]);
      call->address = args[1];
      call->address_length = static_cast<int>(args[2]);
      return;
    case CallKind::kListen:
      call->fd = static_cast<int>(args[0]);
      call->backlog = static_cast<int>(args[1]);
      return;
    case CallKind::kSocket:
    case CallKind::kSocketPair:
      call->family = static_cast<int>(args[0]);
      call->type = static_cast<int>(args[1]);
      call->protocol = static_cast<int>(args[2]);
      if (kind == CallKind::kSocketPair) call->address = args[3];
      return;
    case CallKind::kRing:
      call->entries = static_cast<uint32_t>(args[0]);
      call->address = args[1];
  }
}

int DecodeSocketcall(const Notification& notification, MemoryReader read, Call* call) {
  const std::optional<CallKind> kind = KindOf(static_cast<int>(notification.args[0]), kMultiplexed);
  if (!kind) return ENOSYS;
  uint32_t words[4] = {};
  if (const int error = read(notification.args[1] & UINT32_MAX, words, ArgumentCount(*kind) * sizeof(uint32_t))) {
    return error;
  }
  const uint64_t args[4] = {words[0], words[1], words[2], words[3]};
  Fill(*kind, args, call);
  return 0;
}

}  // namespace

int DecodeCall(const Notification& notification, MemoryReader read, Call* call) {
  std::optional<CallKind> kind;
  if (notification.arch == kNativeArch) {
    kind = KindOf(notification.number, kNative);
    call->native = true;
  } else if (notification.arch == AUDIT_ARCH_I386) {
    if (notification.number == kI386Socketcall) return DecodeSocketcall(notification, read, call);
    kind = KindOf(notification.number, kI386);
  }
  if (!kind) return ENOSYS;
  Fill(*kind, notification.args, call);
  if (notification.arch == AUDIT_ARCH_I386) call->address &= UINT32_MAX;
  return 0;
}

}  // namespace forcebind
