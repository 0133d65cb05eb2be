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

static int Run(struct Ring* ring, const struct io_uring_sqe* operation) {
  const int result = RunOnRing(ring, operation);
  if (result < 0) Note("operation %d of a ring: %s", operation->opcode, strerror(-result));
  return result;
}

static int Map(struct Ring* ring, int fd, const struct io_uring_params* parameters) {
  const int result = MapRing(ring, fd, parameters);
  if (result != 0) Note("mmap of a ring: %s", strerror(errno));
  return result;
}

int MakeRing(struct Ring* ring, unsigned flags, int int80) {
  struct io_uring_params* parameters = LowMemory(sizeof(*parameters));
  parameters->flags = flags;
  parameters->sq_thread_idle = 10000;
  const int fd = int80 ? (int)I386Call(425, 8, (long)parameters, 0) : (int)syscall(SYS_io_uring_setup, 8, parameters);
  if (fd >= 0) return Map(ring, fd, parameters);
  Note("io_uring_setup: %s", strerror(errno));
  return -1;
}

// Binds and has listen what there is already.
static void OpenByRing(struct Ring* ring, int fd, uint8_t flags, uint64_t address) {
  const struct io_uring_sqe place = {
      .opcode = kRingBind, .flags = flags, .fd = fd, .addr = address, .off = sizeof(struct sockaddr_in)};
  const struct io_uring_sqe open = {.opcode = kRingListen, .flags = flags, .fd = fd, .len = kBacklog};
  if (address == 0 || Run(ring, &place) == 0) Run(ring, &open);
}

void PlaceByRing(struct Ring* ring, int slot, int type, uint64_t address) {
  struct io_uring_sqe make = {.opcode = IORING_OP_SOCKET, .fd = AF_INET, .off = (uint64_t)type};
  if (slot >= 0) make.file_index = (unsigned)slot + 1;
  const int made = Run(ring, &make);
  if (made < 0) return;
  OpenByRing(ring, slot >= 0 ? slot : made, slot >= 0 ? IOSQE_FIXED_FILE : 0, address);
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

// uring-on-own [listen|udp] [later]: a socket made by socket(2), in a ring that is enabled later.
void UringOnOwn(char** arguments) {
  struct Ring ring;
  const char* what = arguments[0] != NULL ? arguments[0] : "";
  const int later = what[0] != '\0' && arguments[1] != NULL;
  if (MakeRing(&ring, later ? IORING_SETUP_R_DISABLED : 0, 0) != 0) return;
  if (later) syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
  const int fd = socket(AF_INET, strcmp(what, "udp") == 0 ? SOCK_DGRAM : SOCK_STREAM, 0);
  OpenByRing(&ring, fd, 0, strcmp(what, "listen") == 0 ? 0 : Wildcard());
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
  if (!ReadPlan(kRingPlan, &plan) || Map(&ring, kInherited, &plan.parameters) != 0) return;
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
  if (fd < 0 || !ReadPlan(plan_fd, &plan) || Map(&ring, fd, &plan.parameters) != 0) return;
  PlaceByRing(&ring, 0, SOCK_STREAM, plan.address);
}
