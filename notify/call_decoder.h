// SPDX-License-Identifier: Apache-2.0
// call_decoder: what a stopped system call is, in the ABI that it was made in.
//
// Tested by tests/unit/notify/call_decoder_test.cc.
#ifndef FORCEBIND_NOTIFY_CALL_DECODER_H_
#define FORCEBIND_NOTIFY_CALL_DECODER_H_

#include <cstddef>
#include <cstdint>

#include "absl/functional/function_ref.h"
#include "notify/traced_syscalls.h"
#include "sys/seccomp_notify.h"

namespace forcebind {

struct Call {
  CallKind kind = CallKind::kBind;
  bool native = false;  // not of i386
  int fd = -1;
  uint64_t address = 0;                    // bind, connect: where the sockaddr lies
  int address_length = 0;                  // bind, connect: as the service said, unchecked
  int backlog = 0;                         // listen
  int family = 0, type = 0, protocol = 0;  // socket, socketpair; for the latter `address` is where the two numbers go
  uint32_t entries = 0;                    // io_uring_setup, whose parameters lie at `address`
};

// Reads `size` bytes of the target at `address`; an errno value.
using MemoryReader = absl::FunctionRef<int(uint64_t address, void* buffer, size_t size)>;

// Decodes socket, bind, listen, connect and io_uring_setup, i386's socketpair, and i386's socketcall of these. 0;
// ENOSYS for any other call or architecture; the reader's error (socketcall's arguments lie in memory).
int DecodeCall(const Notification& notification, MemoryReader read, Call* call);

}  // namespace forcebind

#endif  // FORCEBIND_NOTIFY_CALL_DECODER_H_
