// SPDX-License-Identifier: Apache-2.0
#include "sys/io_uring.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "sys/newer_kernel.h"

namespace forcebind {
namespace {

constexpr uint32_t kTakenFlags = IORING_SETUP_IOPOLL | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP |
                                 IORING_SETUP_R_DISABLED | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN |
                                 IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SQE128 | IORING_SETUP_CQE32 |
                                 IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_NO_SQARRAY;

// IOSQE_*: all that Linux 6.1 has.
constexpr uint8_t kEntryFlags = (1u << (IOSQE_CQE_SKIP_SUCCESS_BIT + 1)) - 1;

// IORING_REGISTER_*: all that Linux 6.1 has, up to IORING_REGISTER_FILE_ALLOC_RANGE. Of them other restrictions are not
// allowed, which the kernel would refuse as well.
constexpr uint8_t kRegistrations = 26;

// What is asked of the kernel in place of `flags`.
uint32_t WithoutIssuer(uint32_t flags) {
  if ((flags & IORING_SETUP_R_DISABLED) != 0 || (flags & IORING_SETUP_SINGLE_ISSUER) == 0) return flags;
  flags &= ~IORING_SETUP_SINGLE_ISSUER;
  // IORING_SETUP_TASKRUN_FLAG goes with one of the two.
  if ((flags & IORING_SETUP_DEFER_TASKRUN) != 0)
    flags = (flags & ~IORING_SETUP_DEFER_TASKRUN) | IORING_SETUP_COOP_TASKRUN;
  return flags;
}

// An errno value.
int Register(int ring, unsigned operation, void* argument, size_t count) {
  return syscall(SYS_io_uring_register, ring, operation, argument, static_cast<unsigned>(count)) == 0 ? 0 : errno;
}

// The number of the last operation that the kernel knows.
int LastOperation(int ring, uint8_t* last) {
  io_uring_probe probe = {};
  const int error = Register(ring, IORING_REGISTER_PROBE, &probe, 0);
  *last = probe.last_op;
  return error;
}

bool IsAllowed(uint8_t operation, bool may_bind) {
  switch (operation) {
    case IORING_OP_SOCKET:
    case IORING_OP_URING_CMD:
    case kIoringOpListen:
      return false;
    case kIoringOpBind:
      return may_bind;
    default:
      return operation <= kIoringOpPipe;
  }
}

std::vector<io_uring_restriction> Restrictions(uint8_t last_operation, bool may_bind) {
  std::vector<io_uring_restriction> all;
  for (unsigned operation = 0; operation <= last_operation; ++operation) {
    if (!IsAllowed(static_cast<uint8_t>(operation), may_bind)) continue;
    all.push_back({.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = static_cast<uint8_t>(operation)});
  }
  all.push_back({.opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED, .sqe_flags = kEntryFlags});
  for (uint8_t operation = 0; operation < kRegistrations; ++operation) {
    if (operation == IORING_REGISTER_RESTRICTIONS) continue;
    all.push_back({.opcode = IORING_RESTRICTION_REGISTER_OP, .register_op = operation});
  }
  return all;
}

int Limit(int ring, bool may_bind) {
  uint8_t last = 0;
  int error = LastOperation(ring, &last);
  if (error != 0) return error;
  std::vector<io_uring_restriction> restrictions = Restrictions(last, may_bind);
  error = Register(ring, IORING_REGISTER_RESTRICTIONS, restrictions.data(), restrictions.size());
  return error == EINVAL ? ENOSYS : error;
}

}  // namespace

int MakeLimitedRing(uint32_t entries, bool may_bind, io_uring_params* parameters, UniqueFd* ring) {
  const uint32_t asked = parameters->flags;
  if ((asked & ~kTakenFlags) != 0) return EINVAL;
  parameters->flags = WithoutIssuer(asked) | IORING_SETUP_R_DISABLED;
  UniqueFd made(static_cast<int>(syscall(SYS_io_uring_setup, entries, parameters)));
  if (!made.valid()) return errno;
  parameters->flags = asked;
  int error = Limit(made.get(), may_bind);
  if (error == 0 && (asked & IORING_SETUP_R_DISABLED) == 0) {
    error = Register(made.get(), IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
  }
  if (error == 0) *ring = std::move(made);
  return error;
}

}  // namespace forcebind
