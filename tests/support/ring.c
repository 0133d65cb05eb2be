// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "ring.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static unsigned* Field(const struct Ring* ring, unsigned offset) { return (unsigned*)(ring->queues + offset); }

int MapRing(struct Ring* ring, int fd, const struct io_uring_params* parameters) {
  ring->fd = fd;
  ring->parameters = *parameters;
  const size_t size = parameters->cq_off.cqes + parameters->cq_entries * sizeof(struct io_uring_cqe) +
                      parameters->sq_entries * sizeof(unsigned);
  ring->queues = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQ_RING);
  ring->entries = mmap(NULL, parameters->sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE, MAP_SHARED,
                       fd, IORING_OFF_SQES);
  return ring->queues != MAP_FAILED && ring->entries != MAP_FAILED ? 0 : -1;
}

int RunOnRing(struct Ring* ring, const struct io_uring_sqe* operation) {
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
    const int error = errno;
    __atomic_store_n(Field(ring, sq->tail), tail, __ATOMIC_SEQ_CST);
    return -error;
  }
  const struct io_uring_cqe* results = (struct io_uring_cqe*)(ring->queues + cq->cqes);
  const int result = results[head & *Field(ring, cq->ring_mask)].res;
  __atomic_store_n(Field(ring, cq->head), head + 1, __ATOMIC_SEQ_CST);
  return result;
}
