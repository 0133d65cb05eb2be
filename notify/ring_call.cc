// SPDX-License-Identifier: Apache-2.0
// ring_call: CallHandler's part for io_uring_setup().
//
// A ring does what it is asked past the filter, so it may only do what the filter leaves to the service
// (docs/adr/0017-rings.md): it makes no socket, since families and protocols are looked at there; it does not listen;
// and it binds where bind() is not stopped either, and the kernel forces it: with the `cgroup` wall alone. Without that
// wall there are no rings.
//
// A child makes it, as the task. So the kernel counts it for the task's user, and it has no tie to the companion: to
// whoever has made a ring or used it, the kernel comes back, with a signal, when the ring ends (io_ring_exit_work).
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

#include "notify/call_handler.h"
#include "sys/io_uring.h"
#include "sys/stand_in.h"

namespace forcebind {
namespace {

// The ring's own memory counts against the limit of who makes it, since Linux 6.14. A task may have a higher one than
// the companion, which cannot be had here.
void TakeLimit(const rlimit& locked_memory) {
  rlimit own;
  getrlimit(RLIMIT_MEMLOCK, &own);
  own.rlim_cur = std::min(locked_memory.rlim_cur, own.rlim_max);
  setrlimit(RLIMIT_MEMLOCK, &own);
}

// In the child. `place`: the lowest number that is free when it is closed, where the ring is made. It stays the
// companion's to close, whatever becomes of the child: the task may kill it.
int MakeAt(int place, uint32_t entries, bool may_bind, io_uring_params parameters, int answer) {
  close(place);
  UniqueFd ring;
  if (const int error = MakeLimitedRing(entries, may_bind, &parameters, &ring)) return error;
  if (ring.get() != place) return EIO;
  (void)ring.release();
  return write(answer, &parameters, sizeof(parameters)) == sizeof(parameters) ? 0 : EIO;
}

}  // namespace

CallHandler::Outcome CallHandler::MakeRing(const Subject& subject) {
  TaskIdentity identity;
  rlimit locked_memory;
  if (prlimit(subject.tid, RLIMIT_MEMLOCK, nullptr, &locked_memory) != 0) getrlimit(RLIMIT_MEMLOCK, &locked_memory);
  if (const int error = Identify(subject, &identity)) return {error, Verdict::kFailed};
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return {errno, Verdict::kFailed};
  const UniqueFd here(ends[0]), there(ends[1]);
  const UniqueFd ring(fcntl(here.get(), F_DUPFD_CLOEXEC, 0));
  if (!ring.valid()) return {errno, Verdict::kFailed};
  const int failed = CallAsUser(identity, [&] {
    TakeLimit(locked_memory);
    return MakeAt(ring.get(), subject.call.entries, KernelBinds(), subject.ring, there.get());
  });
  if (failed != 0) return {failed, Verdict::kFailed};
  io_uring_params parameters;
  if (read(here.get(), &parameters, sizeof(parameters)) != sizeof(parameters)) return {EIO, Verdict::kFailed};
  if (const int error = WriteTargetMemory(subject.tid, subject.call.address, &parameters, sizeof(parameters),
                                          [&] { return device_.IsAlive(subject.id); })) {
    return {error, Verdict::kFailed};
  }
  const int error = device_.ReplyWithFd(subject.id, ring.get(), /*close_on_exec=*/true);
  if (error == ENOENT) return {ENOENT, Verdict::kGone};
  return {error, Verdict::kAsRequested, error == 0};
}

}  // namespace forcebind
