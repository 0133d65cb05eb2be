// SPDX-License-Identifier: Apache-2.0
#include "sys/io_uring.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/ring.h"

namespace forcebind {
namespace {

class LimitedRing {
 public:
  explicit LimitedRing(bool may_bind, uint32_t flags = 0) {
    io_uring_params parameters = {};
    parameters.flags = flags;
    error_ = MakeLimitedRing(4, may_bind, &parameters, &fd_);
    answered_flags_ = parameters.flags;
    if (error_ == 0 && MapRing(&ring_, fd_.get(), &parameters) != 0) error_ = errno;
  }
  int error() const { return error_; }
  uint32_t answered_flags() const { return answered_flags_; }
  int Run(io_uring_sqe operation) { return RunOnRing(&ring_, &operation); }
  int Register(unsigned operation, void* argument, unsigned count) const {
    return syscall(SYS_io_uring_register, fd_.get(), operation, argument, count) == 0 ? 0 : -errno;
  }

 private:
  UniqueFd fd_;
  Ring ring_ = {};
  uint32_t answered_flags_ = 0;
  int error_ = 0;
};

// What the kernel says of a descriptor that is none, or of an operation that it has not.
bool Reaches(int result) { return result == -EBADF || result == -EINVAL; }

io_uring_sqe Operation(uint8_t opcode, int fd = -1) {
  io_uring_sqe operation = {};
  operation.opcode = opcode;
  operation.fd = fd;
  return operation;
}

TEST(IoUring, ALimitedRingWorks) {
  LimitedRing ring(false);
  ASSERT_EQ(ring.error(), 0);
  EXPECT_EQ(ring.Run(Operation(IORING_OP_NOP)), 0);
  EXPECT_EQ(ring.Run(Operation(IORING_OP_ACCEPT)), -EBADF);
  EXPECT_EQ(ring.Run(Operation(IORING_OP_CONNECT)), -EBADF);
  io_uring_sqe skipping = Operation(IORING_OP_ACCEPT);
  skipping.flags = IOSQE_ASYNC | IOSQE_CQE_SKIP_SUCCESS;
  EXPECT_EQ(ring.Run(skipping), -EBADF);
}

TEST(IoUring, ItMakesNoSocketAndDoesNotListen) {
  for (const bool may_bind : {false, true}) {
    LimitedRing ring(may_bind);
    ASSERT_EQ(ring.error(), 0);
    io_uring_sqe make = Operation(IORING_OP_SOCKET, AF_INET);
    make.off = SOCK_STREAM;
    EXPECT_EQ(ring.Run(make), -EACCES);
    EXPECT_EQ(ring.Run(Operation(IORING_OP_URING_CMD)), -EACCES);
    const int listening = ring.Run(Operation(kRingListen));
    EXPECT_TRUE(listening == -EACCES || listening == -EINVAL) << listening;  // EINVAL: before Linux 6.11
    // As in a ring that is not limited.
    EXPECT_EQ(ring.Run(Operation(255)), -EINVAL);
  }
}

TEST(IoUring, ItBindsIfItMay) {
  LimitedRing with(true), without(false);
  ASSERT_EQ(with.error(), 0);
  ASSERT_EQ(without.error(), 0);
  const int bound = with.Run(Operation(kRingBind)), denied = without.Run(Operation(kRingBind));
  EXPECT_TRUE(Reaches(bound)) << bound;
  EXPECT_EQ(denied, bound == -EBADF ? -EACCES : -EINVAL);
}

TEST(IoUring, TheLimitStays) {
  io_uring_restriction everything = {};
  everything.opcode = IORING_RESTRICTION_SQE_OP;
  everything.sqe_op = IORING_OP_SOCKET;
  LimitedRing running(false), later(false, IORING_SETUP_R_DISABLED);
  ASSERT_EQ(running.error(), 0);
  ASSERT_EQ(later.error(), 0);
  EXPECT_EQ(running.Register(IORING_REGISTER_RESTRICTIONS, &everything, 1), -EACCES);
  EXPECT_EQ(later.Register(IORING_REGISTER_RESTRICTIONS, &everything, 1), -EBUSY);
  EXPECT_EQ(later.Run(Operation(IORING_OP_NOP)), -EBADFD);
  EXPECT_EQ(later.Register(IORING_REGISTER_ENABLE_RINGS, nullptr, 0), 0);
  EXPECT_EQ(later.Run(Operation(IORING_OP_NOP)), 0);
  EXPECT_EQ(later.Run(Operation(IORING_OP_SOCKET, AF_INET)), -EACCES);
}

TEST(IoUring, PromisesAboutTheIssuerAreTaken) {
  for (const uint32_t flags : {IORING_SETUP_SINGLE_ISSUER, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
                               IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
                               IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG}) {
    LimitedRing ring(false, flags);
    ASSERT_EQ(ring.error(), 0) << flags;
    EXPECT_EQ(ring.answered_flags(), flags);
    EXPECT_EQ(ring.Run(Operation(IORING_OP_NOP)), 0) << flags;
  }
}

TEST(IoUring, WhatWouldBeTheMakersIsRefused) {
  for (const uint32_t flags : {uint32_t{IORING_SETUP_SQPOLL}, uint32_t{IORING_SETUP_SQPOLL | IORING_SETUP_SQ_AFF},
                               uint32_t{IORING_SETUP_ATTACH_WQ}, uint32_t{1} << 14, uint32_t{1} << 31}) {
    EXPECT_EQ(LimitedRing(false, flags).error(), EINVAL) << flags;
  }
  // The kernel's own rules hold.
  EXPECT_EQ(LimitedRing(false, IORING_SETUP_DEFER_TASKRUN).error(), EINVAL);
}

}  // namespace
}  // namespace forcebind
