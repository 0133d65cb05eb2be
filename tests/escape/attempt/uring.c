// SPDX-License-Identifier: Apache-2.0
// io_uring: its operations never meet a seccomp filter.
#define _GNU_SOURCE
#include "uring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attempt.h"

// Newer than Debian 12's headers; include/uapi/linux/io_uring.h.
enum { kOpSocket = 45, kOpBind = 56, kOpListen = 57 };

static unsigned* Field(const struct Ring* ring, unsigned offset) { return (unsigned*)(ring->queues + offset); }

int MapRing(struct Ring* ring, int fd, const struct io_uring_params* parameters) {
  ring->fd = fd;
  ring->parameters = *parameters;
  const size_t size = parameters->cq_off.cqes + parameters->cq_entries * sizeof(struct io_uring_cqe) +
                      parameters->sq_entries * sizeof(unsigned);
  ring->queues = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQ_RING);
  ring->entries = mmap(NULL, parameters->sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE, MAP_SHARED,
                       fd, IORING_OFF_SQES);
  if (ring->queues != MAP_FAILED && ring->entries != MAP_FAILED) return 0;
  Note("mmap of a ring: %s", strerror(errno));
  return -1;
}

int MakeRing(struct Ring* ring, unsigned flags, int int80) {
  struct io_uring_params* parameters = LowMemory(sizeof(*parameters));
  parameters->flags = flags;
  parameters->sq_thread_idle = 10000;
  const int fd = int80 ? (int)I386Call(425, 8, (long)parameters, 0) : (int)syscall(SYS_io_uring_setup, 8, parameters);
  if (fd >= 0) return MapRing(ring, fd, parameters);
  Note("io_uring_setup: %s", strerror(errno));
  return -1;
}

// Runs one operation, and returns its result.
static int Run(struct Ring* ring, const struct io_uring_sqe* operation) {
  const struct io_sqring_offsets* sq = &ring->parameters.sq_off;
  const struct io_cqring_offsets* cq = &ring->parameters.cq_off;
  const unsigned tail = *Field(ring, sq->tail), mask = *Field(ring, sq->ring_mask);
  const unsigned head = *Field(ring, cq->head);
  ring->entries[tail & mask] = *operation;
  Field(ring, sq->array)[tail & mask] = tail & mask;
  __atomic_store_n(Field(ring, sq->tail), tail + 1, __ATOMIC_SEQ_CST);
  const unsigned polled = ring->parameters.flags & IORING_SETUP_SQPOLL;
  const unsigned flags = IORING_ENTER_GETEVENTS | (polled ? IORING_ENTER_SQ_WAKEUP : 0);
  if (syscall(SYS_io_uring_enter, ring->fd, 1, 1, flags, NULL, 0) < 0) {
    Note("io_uring_enter: %s", strerror(errno));
    return -1;
  }
  const struct io_uring_cqe* results = (struct io_uring_cqe*)(ring->queues + cq->cqes);
  const int result = results[head & *Field(ring, cq->ring_mask)].res;
  __atomic_store_n(Field(ring, cq->head), head + 1, __ATOMIC_SEQ_CST);
  if (result < 0) Note("operation %d of a ring: %s", operation->opcode, strerror(-result));
  return result;
}

void PlaceByRing(struct Ring* ring, int slot, int type, uint64_t address) {
  struct io_uring_sqe make = {.opcode = kOpSocket, .fd = AF_INET, .off = (uint64_t)type};
  if (slot >= 0) make.file_index = (unsigned)slot + 1;
  const int made = Run(ring, &make);
  if (made < 0) return;
  const int fd = slot >= 0 ? slot : made;
  const uint8_t flags = slot >= 0 ? IOSQE_FIXED_FILE : 0;
  const struct io_uring_sqe place = {
      .opcode = kOpBind, .flags = flags, .fd = fd, .addr = address, .off = sizeof(struct sockaddr_in)};
  const struct io_uring_sqe open = {.opcode = kOpListen, .flags = flags, .fd = fd, .len = kBacklog};
  if (address == 0 || Run(ring, &place) == 0) Run(ring, &open);
}

static uint64_t Wildcard(void) {
  struct sockaddr_in* name = LowMemory(sizeof(*name));
  *name = Ipv4("0.0.0.0", kPort);
  return (uintptr_t)name;
}

void UringPlace(char** arguments) {
  struct Ring ring;
  (void)arguments;
  if (MakeRing(&ring, 0, 0) == 0) PlaceByRing(&ring, -1, SOCK_STREAM, Wildcard());
}

void UringInt80(char** arguments) {
  struct Ring ring;
  (void)arguments;
  if (MakeRing(&ring, 0, 1) == 0) PlaceByRing(&ring, -1, SOCK_STREAM, Wildcard());
}

static int ReadPlan(int fd, struct RingPlan* plan) { return pread(fd, plan, sizeof(*plan), 0) == sizeof(*plan); }

// uring-inherited [listen|udp]: without bind; a UDP socket.
void UringInherited(char** arguments) {
  struct Ring ring;
  struct RingPlan plan;
  if (!ReadPlan(kRingPlan, &plan) || MapRing(&ring, kInherited, &plan.parameters) != 0) return;
  const int udp = arguments[0] != NULL && strcmp(arguments[0], "udp") == 0;
  const int unbound = arguments[0] != NULL && !udp;
  PlaceByRing(&ring, -1, udp ? SOCK_DGRAM : SOCK_STREAM, unbound ? 0 : Wildcard());
}

// A ring whose operations are run by a thread of the process that made it.
void UringTaken(char** arguments) {
  struct Ring ring;
  struct RingPlan plan;
  (void)arguments;
  const int pidfd = PidfdOpen(AwaitVictim());
  const int fd = PidfdGetfd(pidfd, kInherited), plan_fd = PidfdGetfd(pidfd, kRingPlan);
  if (fd < 0 || !ReadPlan(plan_fd, &plan) || MapRing(&ring, fd, &plan.parameters) != 0) return;
  PlaceByRing(&ring, 0, SOCK_STREAM, plan.address);
}
