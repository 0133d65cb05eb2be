// SPDX-License-Identifier: Apache-2.0
#include "launcher/run.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "launcher/companion.h"
#include "launcher/ready_filters.h"
#include "launcher/service_setup.h"
#include "notify/call_handler.h"
#include "sys/capabilities.h"
#include "sys/errno_status.h"
#include "sys/netns.h"

namespace forcebind {
namespace {

constexpr int kOwnFailure = 125;
constexpr int kCannotExecute = 126;
constexpr int kNotFound = 127;

int Fail(const absl::Status& status) {
  fprintf(stderr, "forcebind: %s\n", std::string(status.message()).c_str());
  return kOwnFailure;
}

// The companion's whole life.
int Accompany(const ServiceSetup& setup, LogLevel level, uint64_t netns_cookie, HandOver& hand_over, int launcher) {
  ServiceLog log(setup.policy.name, level, STDERR_FILENO);
  absl::Status ready = BecomeCompanion();
  if (!ready.ok()) return Fail(ready);
  NoSupervisor nobody;
  SupervisorLink* link = setup.link.get();
  absl::StatusOr<UniqueFd> notify_fd = hand_over.Take(launcher);
  if (!notify_fd.ok()) return kOwnFailure;
  absl::StatusOr<std::unique_ptr<SeccompNotify>> device = SeccompNotify::Create(*std::move(notify_fd));
  if (!device.ok()) return kOwnFailure;
  Publisher& publisher = link != nullptr ? static_cast<Publisher&>(*link) : nobody;
  LoopSource& source = link != nullptr ? static_cast<LoopSource&>(*link) : nobody;
  if (link != nullptr) link->TakeOver();
  CallHandler handler(setup.policy, **device, publisher, log, netns_cookie, link != nullptr);
  hand_over.Confirm();
  return RunNotifyLoop(
      **device, [&](const Notification& call) { return handler.Handle(call); }, source);
}

// Without CAP_SYS_ADMIN a filter may only be loaded by who can gain no privileges any more (seccomp(2)).
absl::Status AllowFilter() {
  Capabilities own;
  if (const int error = GetCapabilities(&own)) return ErrnoStatus(error, "read capabilities");
  if (own.HasEffective(CAP_SYS_ADMIN) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, "set no_new_privs");
}

absl::Status PutUnderForce(const ServiceSetup& setup, LogLevel level) {
  absl::StatusOr<std::vector<sock_filter>> filter =
      FilterFor({.families = setup.policy.families, .deny_mptcp = setup.link != nullptr});
  if (!filter.ok()) return filter.status();
  absl::StatusOr<uint64_t> netns_cookie = OwnNetnsCookie();
  if (!netns_cookie.ok()) return netns_cookie.status();
  absl::StatusOr<HandOver> hand_over = HandOver::Create();
  if (!hand_over.ok()) return hand_over.status();
  UniqueFd self(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
  if (!self.valid()) return ErrnoStatus(errno, "open a pidfd");
  absl::Status allowed = AllowFilter();
  if (!allowed.ok()) return allowed;
  absl::StatusOr<UniqueFd> companion =
      StartDetached([&] { return Accompany(setup, level, *netns_cookie, *hand_over, self.get()); });
  if (!companion.ok()) return companion.status();
  absl::StatusOr<UniqueFd> notify_fd = LoadFilterWithListener(*filter);
  if (!notify_fd.ok()) return notify_fd.status();
  return hand_over->Give(notify_fd->get(), companion->get());
}

int Execute(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  const int error = errno;
  fprintf(stderr, "forcebind: %s: %s\n", arguments[0], strerror(error));
  return error == ENOENT ? kNotFound : kCannotExecute;
}

}  // namespace

int Run(const RunOptions& options) {
  absl::StatusOr<ServiceSetup> setup = SetUpService(options);
  if (!setup.ok()) return Fail(setup.status());
  if (!setup->note.empty() && options.log_level >= LogLevel::kWarning) {
    fprintf(stderr, "forcebind: %s: %s\n", setup->policy.name.c_str(), setup->note.c_str());
  }
  absl::Status forced = PutUnderForce(*setup, options.log_level);
  if (!forced.ok()) return Fail(forced);
  return Execute(options.command);
}

}  // namespace forcebind
