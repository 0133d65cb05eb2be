// SPDX-License-Identifier: Apache-2.0
#include "launcher/take_over.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "launcher/companion.h"
#include "launcher/run.h"
#include "launcher/spare_memory.h"
#include "launcher/supervisor_link.h"
#include "notify/call_handler.h"
#include "notify/notify_loop.h"
#include "sys/capabilities.h"
#include "sys/errno_status.h"
#include "sys/netns.h"

namespace forcebind {
namespace {

constexpr int kNotifyFd = 3;
constexpr int kMemoryFd = 4;

int FailTakeOver(const absl::Status& status) {
  fprintf(stderr, "forcebind companion: %s\n", std::string(status.message()).c_str());
  return kOwnFailure;
}

// In this order: see the head of take_over.h.
absl::Status BecomeUser(uid_t uid, uint64_t capabilities) {
  if (prctl(PR_SET_DUMPABLE, 0) != 0) return ErrnoStatus(errno, "become undumpable");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return ErrnoStatus(errno, "set no_new_privs");
  if (prctl(PR_SET_KEEPCAPS, 1) != 0 || setresuid(uid, uid, uid) != 0) {
    return ErrnoStatus(errno, absl::StrCat("become user ", uid));
  }
  if (const int error = LimitCapabilities(capabilities)) return ErrnoStatus(error, "lay down capabilities");
  return absl::OkStatus();
}

// What the killed companion has left.
struct Left {
  UniqueFd notify_fd;
  SpareMemory memory;
  wire::CompanionState state;
};

absl::StatusOr<Left> ReadLeft() {
  UniqueFd notify_fd(kNotifyFd);
  absl::StatusOr<SpareMemory> memory = SpareMemory::Open(UniqueFd(kMemoryFd));
  if (!memory.ok()) return memory.status();
  absl::StatusOr<wire::CompanionState> state = memory->ReadState();
  if (!state.ok()) return state.status();
  absl::StatusOr<uint64_t> netns_cookie = OwnNetnsCookie();
  if (!netns_cookie.ok()) return netns_cookie.status();
  if (*netns_cookie != state->netns_cookie) {
    return absl::FailedPreconditionError(absl::StrCat("\"", state->hello.name, "\" is in another network namespace"));
  }
  return Left{std::move(notify_fd), *std::move(memory), *std::move(state)};
}

int AccompanyFrom(Left left) {
  const wire::CompanionState& state = left.state;
  ServiceLog log(state.hello.name, static_cast<LogLevel>(state.log_level),
                 {state.has_stderr, state.stderr_device, state.stderr_inode});
  absl::StatusOr<std::unique_ptr<SeccompNotify>> device =
      SeccompNotify::Create(std::move(left.notify_fd), left.memory.call_room());
  if (!device.ok()) return kOwnFailure;
  SupervisorLink link(state.supervisor_path, state.hello);
  link.OfferSpare({.notify_fd = (*device)->fd(), .memory_fd = left.memory.fd()});
  link.TakeOver();
  link.LetIn(state.let_in);
  CallHandler handler(state.policy, **device, link, log, state.netns_cookie, /*deny_mptcp=*/true,
                      left.memory.journal());
  return RunNotifyLoop(**device, [&](const Notification& call) { return handler.Handle(call); }, {&link});
}

}  // namespace

int TakeOver(int argc, char** argv) {
  uint32_t uid;
  uint64_t capabilities;
  const bool started_right = argc == 3 && absl::SimpleAtoi(argv[1], &uid) &&
                             absl::SimpleHexAtoi(argv[2], &capabilities) && fcntl(kNotifyFd, F_GETFD) >= 0 &&
                             fcntl(kMemoryFd, F_GETFD) >= 0;
  if (!started_right) return FailTakeOver(absl::InvalidArgumentError("only forcebind-supervisor starts this"));
  if (absl::Status ready = BecomeUser(uid, capabilities); !ready.ok()) return FailTakeOver(ready);
  absl::StatusOr<Left> left = ReadLeft();
  if (!left.ok()) return FailTakeOver(left.status());
  if (absl::Status ready = BecomeCompanion(Standing::kOwnSession); !ready.ok()) return FailTakeOver(ready);
  if (absl::Status closed = CloseAllBut({kNotifyFd, kMemoryFd}); !closed.ok()) return FailTakeOver(closed);
  return AccompanyFrom(*std::move(left));
}

}  // namespace forcebind
