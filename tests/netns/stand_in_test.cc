// SPDX-License-Identifier: Apache-2.0
// A forcebind of an ordinary user that has one capability by its file, which its service has not (setcap(8)): it can
// take nobody's place, and need not, since user and groups are the same.
#include "sys/stand_in.h"

#include <errno.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/functional/function_ref.h"
#include "sys/capabilities.h"

namespace forcebind {
namespace {

constexpr uid_t kOrdinaryUser = 65534;
constexpr int kAnswer = 42;  // errno values fit into an exit status

bool BecomeOrdinaryUserWith(uint64_t capabilities) {
  prctl(PR_SET_KEEPCAPS, 1);
  return setgroups(0, nullptr) == 0 && setresgid(kOrdinaryUser, kOrdinaryUser, kOrdinaryUser) == 0 &&
         setresuid(kOrdinaryUser, kOrdinaryUser, kOrdinaryUser) == 0 && SetEffectiveCapabilities(capabilities) == 0;
}

// The exit status of a child, an ordinary user with CAP_SYS_PTRACE, that runs `body` for a service without.
int InAChild(absl::FunctionRef<int(const TaskIdentity&)> body) {
  const pid_t child = fork();
  if (child == 0) {
    TaskIdentity service;
    if (!BecomeOrdinaryUserWith(uint64_t{1} << CAP_SYS_PTRACE) || ReadTaskIdentity(getpid(), &service) != 0) _exit(1);
    service.effective_caps = 0;
    if (HasOwnCredentials(service)) _exit(2);
    _exit(body(service));
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int EffectiveSetIsEmpty() {
  Capabilities own;
  return GetCapabilities(&own) == 0 && own.effective == 0 ? kAnswer : 3;
}

TEST(StandIn, WithTheServicesUserAndGroupsTheCallIsMade) {
  EXPECT_EQ(InAChild([](const TaskIdentity& service) { return CallWithEffectiveIds(service, [] { return kAnswer; }); }),
            kAnswer);
}

TEST(StandIn, AnotherUsersCallIsRefused) {
  EXPECT_EQ(InAChild([](TaskIdentity service) {
              service.euid = 1;
              return CallWithEffectiveIds(service, [] { return kAnswer; });
            }),
            EPERM);
}

TEST(StandIn, TheChildHasTheServicesCapabilities) {
  EXPECT_EQ(InAChild([](const TaskIdentity& service) {
              return CallAs(
                  getpid(), service, [] { return true; }, &EffectiveSetIsEmpty);
            }),
            kAnswer);
}

TEST(StandIn, NothingIsDoneForATaskThatMayBeAnother) {
  EXPECT_EQ(InAChild([](const TaskIdentity& service) {
              return CallAs(
                  getpid(), service, [] { return false; }, [] { return kAnswer; });
            }),
            ESRCH);
}

}  // namespace
}  // namespace forcebind
