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

#include "notify/call_handler.h"
#include "sys/io_uring.h"
#include "sys/stand_in.h"

namespace forcebind {
namespace {

// What the child says.
struct Made {
  int fd = -1;
  io_uring_params parameters = {};
};

// Locked memory is counted against the limit of who makes the ring. Where the task's own cannot be read (prlimit(2)),
// it is the one that the task was started with.
int MakeWithLimit(const Call& call, bool may_bind, const rlimit& locked_memory, int answer, Made made) {
  UniqueFd ring;
  if (setrlimit(RLIMIT_MEMLOCK, &locked_memory) != 0) return errno;
  if (const int error = MakeLimitedRing(call.entries, may_bind, &made.parameters, &ring)) return error;
  made.fd = ring.get();
  if (write(answer, &made, sizeof(made)) != sizeof(made)) return EIO;
  (void)ring.release();
  return 0;
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
  Made made = {.parameters = subject.ring};
  const int failed = CallAsUser(
      identity, [&] { return MakeWithLimit(subject.call, KernelBinds(), locked_memory, there.get(), made); });
  if (failed != 0) return {failed, Verdict::kFailed};
  if (read(here.get(), &made, sizeof(made)) != sizeof(made)) return {EIO, Verdict::kFailed};
  const UniqueFd ring(made.fd);
  if (const int error = WriteTargetMemory(subject.tid, subject.call.address, &made.parameters, sizeof(made.parameters),
                                          [&] { return device_.IsAlive(subject.id); })) {
    return {error, Verdict::kFailed};
  }
  const int error = device_.ReplyWithFd(subject.id, ring.get(), /*close_on_exec=*/true);
  if (error == ENOENT) return {ENOENT, Verdict::kGone};
  return {error, Verdict::kAsRequested, error == 0};
}

}  // namespace forcebind
