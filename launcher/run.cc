// SPDX-License-Identifier: Apache-2.0
#include "launcher/run.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/wall_rules.h"
#include "launcher/companion.h"
#include "launcher/inherited_sockets.h"
#include "launcher/parent_mode.h"
#include "launcher/ready_filters.h"
#include "launcher/reserve.h"
#include "launcher/service_family.h"
#include "launcher/service_setup.h"
#include "notify/call_handler.h"
#include "notify/companion_memory.h"
#include "sys/capabilities.h"
#include "sys/errno_status.h"
#include "sys/landlock.h"
#include "sys/netns.h"
#include "sys/pidfd.h"

namespace forcebind {
namespace {

constexpr int kCannotExecute = 126;
constexpr int kNotFound = 127;

int Fail(const absl::Status& status) {
  fprintf(stderr, "forcebind: %s\n", std::string(status.message()).c_str());
  return kOwnFailure;
}

// What has been found out before any process is made.
struct Plan {
  ServiceSetup setup;
  LogLevel log_level;
  int stderr_fd;  // -1: forcebind was started without one
  std::vector<std::string> command;
  std::vector<sock_filter> filter;
  uint64_t netns_cookie;
};

// Some of what a profile says takes the wall. `service`: a pidfd, of whose standard error it is said.
void WarnOfMissingWall(const ServicePolicy& policy, const std::string& why, int service, ServiceLog& log) {
  if (!policy.connect && !policy.report_requested) return;
  log.Write(LogLevel::kWarning, ProcessOfPidfd(service),
            absl::StrCat("`", policy.connect ? "connect" : "report", "` has no effect without the wall \"cgroup\" (",
                         why, "): require-wall = \"cgroup\" keeps a service from starting like this"));
}

// Puts the service behind the `cgroup` wall, if it is to be had: says whether. FAILED_PRECONDITION: it is not, and the
// service wants it.
absl::StatusOr<bool> RaiseCgroupWall(const Plan& plan, int service, ServiceLog& log) {
  const ServicePolicy& policy = plan.setup.policy;
  SupervisorLink* link = plan.setup.link.get();
  std::string why = "it takes the supervisor";
  if (!policy.walls.Allows(Wall::kCgroup)) {
    WarnOfMissingWall(policy, "it is not chosen", service, log);
    return false;
  }
  if (link != nullptr && link->Enclose(WallRulesOf(policy), service, &why) == 0) return true;
  if (policy.walls.Insists(Wall::kCgroup)) {
    return absl::FailedPreconditionError(
        absl::StrCat("\"", policy.name, "\" wants the wall \"cgroup\", which is not to be had: ", why));
  }
  if (link != nullptr) log.Write(LogLevel::kInfo, 0, absl::StrCat("without the wall \"cgroup\": ", why));
  WarnOfMissingWall(policy, why, service, log);
  return false;
}

// The companion's whole life. `service`: a pidfd of the launcher, which is to be the service. `family`: in parent mode.
int Accompany(const Plan& plan, HandOver& hand_over, int service, ServiceFamily* family) {
  const ServiceSetup& setup = plan.setup;
  ServiceLog log(setup.policy.name, plan.log_level, plan.stderr_fd);
  absl::Status ready = BecomeCompanion(family == nullptr ? Standing::kOwnSession : Standing::kOwnGroup);
  if (!ready.ok()) return Fail(ready);
  NoSupervisor nobody;
  SupervisorLink* link = setup.link.get();
  absl::StatusOr<UniqueFd> notify_fd =
      hand_over.Take(service, family != nullptr ? family->descriptors() : std::vector<int>{service});
  if (!notify_fd.ok()) return kOwnFailure;
  CompanionMemory* memory = CompanionMemory::Create();
  if (memory == nullptr) return kOwnFailure;
  absl::StatusOr<std::unique_ptr<SeccompNotify>> device =
      SeccompNotify::Create(*std::move(notify_fd), absl::MakeSpan(memory->notification));
  if (!device.ok()) return kOwnFailure;
  Publisher& publisher = link != nullptr ? static_cast<Publisher&>(*link) : nobody;
  std::vector<LoopSource*> sources;
  if (link != nullptr) sources.push_back(link);
  if (family != nullptr) sources.push_back(family);
  if (link != nullptr) link->TakeOver();
  const absl::StatusOr<bool> enclosed = RaiseCgroupWall(plan, service, log);
  if (!enclosed.ok()) {
    // The service ends by itself, and says why.
    hand_over.Refuse(std::string(enclosed.status().message()));
    return 0;
  }
  CallHandler handler(setup.policy, **device, publisher, log, plan.netns_cookie, link != nullptr, *enclosed,
                      memory->pins);
  CallCounters counters;
  const pid_t first_process = ProcessOfPidfd(service);
  const auto take_over = [&] {
    AnswerInherited(**device, memory->notification);
    handler.Inherit();
    if (link != nullptr) link->Succeed(counters);
    log.Write(LogLevel::kWarning, first_process, "the companion was killed; the one in reserve goes on");
  };
  Reserve reserve((*device)->fd(), *memory,
                  {.begin = [&] { hand_over.Forget(); },
                   .take_over = take_over,
                   .version = [&] { return link != nullptr ? link->connections() : 0; }});
  if (family == nullptr) {
    close(service);
    sources.push_back(&reserve);
    reserve.Stand();
  }
  hand_over.Confirm();
  const int result = RunNotifyLoop(
      **device, [&](const Notification& call) { return handler.Handle(call); }, sources, counters);
  memory->finished = result == 0;
  return result;
}

// Without CAP_SYS_ADMIN a filter may only be loaded by who can gain no privileges any more (seccomp(2)).
absl::Status AllowFilter() {
  Capabilities own;
  if (const int error = GetCapabilities(&own)) return ErrnoStatus(error, "read capabilities");
  if (own.HasEffective(CAP_SYS_ADMIN) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, "set no_new_privs");
}

absl::StatusOr<Plan> MakePlan(const RunOptions& options, int stderr_fd) {
  absl::StatusOr<ServiceSetup> setup = SetUpService(options);
  if (!setup.ok()) return setup.status();
  absl::Status inherited = CheckInheritedSockets(setup->policy);
  if (!inherited.ok()) return inherited;
  if (setup->link != nullptr) setup->link->LetIn(InetSocketsLetIn(setup->policy));
  absl::StatusOr<std::vector<sock_filter>> filter = FilterFor(
      {.families = setup->policy.families,
       .deny_mptcp = setup->link != nullptr,
       // Who may do without the wall does not know yet whether he has it.
       .own_loopback = setup->policy.loopback != Loopback::kHost && !setup->policy.walls.Insists(Wall::kCgroup),
       .private_datagrams = !setup->policy.egress && setup->policy.walls.Allows(Wall::kNotify) &&
                            !setup->policy.walls.Insists(Wall::kCgroup),
       .kernel_binds = !setup->policy.walls.Allows(Wall::kNotify)});
  if (!filter.ok()) return filter.status();
  absl::StatusOr<uint64_t> netns_cookie = OwnNetnsCookie();
  if (!netns_cookie.ok()) return netns_cookie.status();
  return Plan{*std::move(setup), options.log_level, stderr_fd, options.command, *std::move(filter), *netns_cookie};
}

// The calling process is under force from here on. REQUIRES: AllowFilter(), which Landlock needs as well; the companion
// runs already, outside.
absl::Status LoadFilter(const Plan& plan, HandOver& hand_over, int companion) {
  const std::vector<Wall>& walls = plan.setup.walls;
  if (std::find(walls.begin(), walls.end(), Wall::kLandlock) != walls.end()) {
    if (const int error = DenyTcpBind()) return ErrnoStatus(error, "raise the wall \"landlock\"");
  }
  absl::StatusOr<UniqueFd> notify_fd = LoadFilterWithListener(plan.filter);
  if (!notify_fd.ok()) return notify_fd.status();
  return hand_over.Give(notify_fd->get(), companion);
}

absl::StatusOr<UniqueFd> OwnPidfd() {
  UniqueFd self(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
  if (!self.valid()) return ErrnoStatus(errno, "open a pidfd");
  return self;
}

absl::Status PutUnderForce(const Plan& plan) {
  absl::StatusOr<HandOver> hand_over = HandOver::Create();
  if (!hand_over.ok()) return hand_over.status();
  absl::StatusOr<UniqueFd> self = OwnPidfd();
  if (!self.ok()) return self.status();
  absl::Status allowed = AllowFilter();
  if (!allowed.ok()) return allowed;
  absl::StatusOr<UniqueFd> companion = StartDetached([&] { return Accompany(plan, *hand_over, self->get(), nullptr); });
  if (!companion.ok()) return companion.status();
  return LoadFilter(plan, *hand_over, companion->get());
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

// In parent mode: the service's own process, until it executes.
int Serve(const Plan& plan, HandOver& hand_over, int companion) {
  absl::Status forced = AllowFilter();
  if (forced.ok()) forced = LoadFilter(plan, hand_over, companion);
  return forced.ok() ? Execute(plan.command) : Fail(forced);
}

// In parent mode: the companion, which is the service's parent.
int AccompanyAsParent(const Plan& plan, UniqueFd caller, const CallersSignals& signals) {
  absl::StatusOr<HandOver> hand_over = HandOver::Create();
  if (!hand_over.ok()) return Fail(hand_over.status());
  absl::StatusOr<UniqueFd> self = OwnPidfd();
  if (!self.ok()) return Fail(self.status());
  absl::StatusOr<std::unique_ptr<ServiceFamily>> family = ServiceFamily::Start(std::move(caller), [&] {
    signals.Restore();
    return Serve(plan, *hand_over, self->get());
  });
  if (!family.ok()) return Fail(family.status());
  const int result = Accompany(plan, *hand_over, (*family)->service(), family->get());
  if (result == kOwnFailure) (*family)->EndService();
  return (*family)->AwaitService();
}

}  // namespace

int Run(const RunOptions& options) {
  const bool has_stderr = fcntl(STDERR_FILENO, F_GETFD) >= 0;
  // Nothing that is closed again later may have such a number in the companion.
  absl::Status occupied = OccupyStandardNumbers();
  if (!occupied.ok()) return Fail(occupied);
  absl::StatusOr<bool> as_parent = NeedsParentMode();
  if (!as_parent.ok()) return Fail(as_parent.status());
  absl::StatusOr<Plan> plan = MakePlan(options, has_stderr ? STDERR_FILENO : -1);
  if (!plan.ok()) return Fail(plan.status());
  const ServiceSetup& setup = plan->setup;
  if (!setup.note.empty() && options.log_level >= LogLevel::kWarning) {
    fprintf(stderr, "forcebind: %s: %s\n", setup.policy.name.c_str(), setup.note.c_str());
  }
  if (*as_parent) {
    return StayAsParent([&](UniqueFd caller, const CallersSignals& signals) {
      return AccompanyAsParent(*plan, std::move(caller), signals);
    });
  }
  absl::Status forced = PutUnderForce(*plan);
  if (!forced.ok()) return Fail(forced);
  return Execute(plan->command);
}

}  // namespace forcebind
