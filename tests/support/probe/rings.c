// SPDX-License-Identifier: Apache-2.0
// Calls by io_uring. There is one ring at a time, the newest.
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../ring.h"
#include "probe.h"

#ifndef SYS_io_uring_setup
#define SYS_io_uring_setup 425
#define SYS_io_uring_register 427
#endif

static struct Ring newest = {.fd = -1};

// io_uring [FLAGS]
static void Setup(const struct Line* line, struct Answer* answer) {
  struct io_uring_params parameters = {.flags = (unsigned)Number(Word(line, 1)), .sq_thread_idle = 1000};
  const long fd = syscall(SYS_io_uring_setup, 4, &parameters);
  SetResult(answer, fd);
  if (fd >= 0 && MapRing(&newest, (int)fd, &parameters) != 0) SetResult(answer, -1);
}

static void Run(struct io_uring_sqe operation, struct Answer* answer) {
  const int result = RunOnRing(&newest, &operation);
  if (result < 0) errno = -result;
  SetResult(answer, result < 0 ? -1 : result);
}

static uint64_t Pointer(const void* place) { return (uintptr_t)place; }

// ring-bind FD ADDRESS, ring-connect FD ADDRESS
static void WithAddress(uint8_t opcode, const struct Line* line, struct Answer* answer) {
  const struct ProbeAddress address = ParseAddress(Word(line, 2), Word(line, 3));
  Run((struct io_uring_sqe){.opcode = opcode,
                            .fd = Number(Word(line, 1)),
                            .addr = Pointer(address.data),
                            .off = (uint64_t)address.length},
      answer);
}

// ring-buffer SIZE: locks that much memory
static void LockBuffer(const struct Line* line, struct Answer* answer) {
  const size_t size = (size_t)Number(Word(line, 1));
  const struct iovec buffer = {.iov_base = LowMemory(size), .iov_len = size};
  memset(buffer.iov_base, 1, size);
  SetResult(answer, syscall(SYS_io_uring_register, newest.fd, IORING_REGISTER_BUFFERS, &buffer, 1));
}

int RingCall(const struct Line* line, struct Answer* answer) {
  const char* call = line->words[0];
  const int known = 1, fd = Number(Word(line, 1));
  if (strcmp(call, "io_uring") == 0) return Setup(line, answer), known;
  if (strcmp(call, "ring-nop") == 0) return Run((struct io_uring_sqe){.opcode = IORING_OP_NOP}, answer), known;
  if (strcmp(call, "ring-socket") == 0) {
    return Run((struct io_uring_sqe){.opcode = IORING_OP_SOCKET, .fd = AF_INET, .off = SOCK_STREAM}, answer), known;
  }
  if (strcmp(call, "ring-command") == 0) {
    return Run((struct io_uring_sqe){.opcode = IORING_OP_URING_CMD, .fd = fd}, answer), known;
  }
  if (strcmp(call, "ring-listen") == 0) {
    return Run((struct io_uring_sqe){.opcode = kRingListen, .fd = fd, .len = 5}, answer), known;
  }
  if (strcmp(call, "ring-buffer") == 0) return LockBuffer(line, answer), known;
  if (strcmp(call, "ring-bind") == 0) return WithAddress(kRingBind, line, answer), known;
  if (strcmp(call, "ring-connect") == 0) return WithAddress(IORING_OP_CONNECT, line, answer), known;
  return 0;
}
