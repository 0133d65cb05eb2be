// SPDX-License-Identifier: Apache-2.0
#include "sys/landlock.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/newer_kernel.h"
#include "sys/unique_fd.h"

namespace forcebind {
namespace {

constexpr long kAbiWithTcp = 4;

}  // namespace

bool HasLandlockTcp() {
  return syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION) >= kAbiWithTcp;
}

int DenyTcpBind() {
  if (!HasLandlockTcp()) return EOPNOTSUPP;
  const LandlockRulesetWithNet ruleset = {.handled_access_fs = 0, .handled_access_net = LANDLOCK_ACCESS_NET_BIND_TCP};
  const UniqueFd fd(static_cast<int>(syscall(SYS_landlock_create_ruleset, &ruleset, sizeof(ruleset), 0)));
  if (!fd.valid()) return errno;
  return syscall(SYS_landlock_restrict_self, fd.get(), 0) == 0 ? 0 : errno;
}

}  // namespace forcebind
