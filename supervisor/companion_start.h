// SPDX-License-Identifier: Apache-2.0
// companion_start: who a companion was, and how another one is started as the same.
//
// THEORY OF OPERATION
//   The credentials are those of its connection (SO_PEERCRED, SO_PEERGROUPS). Its capabilities and namespaces are asked
//   of /proc while it waits for the answer to its Hello. They are believed only where the process there has that user
//   in all its ids.
//
//   The new one is executed by root, in the mount namespace and with the group and the groups of the old one, and
//   becomes its user by itself (launcher/take_over.h). It has no descriptor of the supervisor's but standard error, an
//   empty environment, and limits of its own.
// Tested by tests/netns/companion_takeover_test.cc.
#ifndef FORCEBIND_SUPERVISOR_COMPANION_START_H_
#define FORCEBIND_SUPERVISOR_COMPANION_START_H_

#include <cstdint>
#include <memory>
#include <string>

#include "supervisor/registry.h"
#include "sys/unique_fd.h"
#include "sys/unix_channel.h"

namespace forcebind {

struct CompanionOrigin {
  PeerCredentials credentials;
  ProcessId process;
  uint64_t capabilities = 0;         // the permitted ones
  std::shared_ptr<UniqueFd> mounts;  // its mount namespace; null: the supervisor's
  // It has the supervisor's user, pid and network namespaces, and all of its mount namespace for its root directory.
  bool may_be_replaced = false;
};
CompanionOrigin ReadOrigin(const PeerCredentials& credentials);

// Starts the program `launcher` with copies of the two descriptors. `pidfd` is invalid where it could not be started.
ProcessId StartCompanion(int launcher, const CompanionOrigin& origin, int notify_fd, int memory_fd, UniqueFd* pidfd);

// The program `forcebind`: `path`, or with an empty one what lies beside this program, or in ../bin. Invalid: there is
// none.
UniqueFd OpenLauncher(const std::string& path);

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_COMPANION_START_H_
