// SPDX-License-Identifier: Apache-2.0
// take_over: `forcebind companion`, which the supervisor starts in the place of a companion that was killed. Nobody
// types it.
//
// THEORY OF OPERATION
//   The supervisor executes this program as root, with the notification fd and the spare memory at fixed numbers, and
//   says as whom it is to run. As long as it is root, no process of the service's user may look into it; then it makes
//   itself undumpable, and becomes that user, which leaves it undumpable (see docs/adr/0011-spare-companion.md). Only
//   then does it read what the user's companion has left. It answers the call that was in hand, connects to the
//   supervisor as a companion that comes back, hands over the same spare, and is a companion like any other.
//
//   Were the supervisor to hand it something made by somebody else than a companion: it has that user's rights, and
//   acts by a policy that he might as well have given to `forcebind run`.
//
// Tested by tests/netns/companion_takeover_test.cc.
#ifndef FORCEBIND_LAUNCHER_TAKE_OVER_H_
#define FORCEBIND_LAUNCHER_TAKE_OVER_H_

namespace forcebind {

inline constexpr char kTakeOverVerb[] = "companion";

// Arguments: the verb, the user id, the capabilities (hexadecimal) that may stay. Descriptors: 3, the notification fd;
// 4, the spare memory. Returns the exit status when the service is gone.
int TakeOver(int argc, char** argv);

}  // namespace forcebind

#endif  // FORCEBIND_LAUNCHER_TAKE_OVER_H_
