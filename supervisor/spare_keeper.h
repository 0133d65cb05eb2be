// SPDX-License-Identifier: Apache-2.0
// spare_keeper: holds what it takes to go on where a companion was killed, and starts another one then.
//
// THEORY OF OPERATION
//   When every copy of a notification fd is closed the service's bind() gets ENOSYS for the rest of its life. So each
//   companion hands over a *spare*: a copy of that fd, and a memfd of what it knows (launcher/spare_memory.h), which is
//   not looked into here. It is kept until the fd hangs up, which is when the service's last process is gone.
//
//   A session with a spare is
//       attached        its companion is connected
//       detached        the connection has ended. The companion comes back, or its pidfd tells its death;
//                       then, unless the fd has hung up, another companion is started, and the session is
//       detached        until that one connects (Hello with `resumed`).
//   Calls of the service wait in the kernel meanwhile, and what is published stays so.
//
//   The new one is `forcebind companion` (launcher/take_over.h), as the one that was killed (companion_start). Beyond a
//   measure (takeover_limit) the spare is closed, and the service fails closed.
//
// TRUST    A spare is made by anybody who may connect, and so is the companion that comes of it: it has the rights that
//          he had (CompanionOrigin, asked once, with the first part), and none that he had not.
// LIMITS   Two descriptors, a pidfd and perhaps a mount namespace per session; spares per user (root is free), in all.
// THREADS  Thread-compatible. REQUIRES: as descriptor_taker.
// Tested by tests/netns/companion_takeover_test.cc.
#ifndef FORCEBIND_SUPERVISOR_SPARE_KEEPER_H_
#define FORCEBIND_SUPERVISOR_SPARE_KEEPER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "supervisor/companion_start.h"
#include "supervisor/event_loop.h"
#include "supervisor/registry.h"
#include "supervisor/takeover_limit.h"
#include "sys/unique_fd.h"
#include "wire/messages.h"

namespace forcebind {

class SpareKeeper {
 public:
  using SessionId = Registry::SessionId;
  struct Options {
    std::optional<CompanionStarter> starter;  // none: no spares are kept
    uint32_t per_user = 1024;
    size_t in_all = 16384;
  };
  // What is to be done for a session. `disconnect`: ends its connection, if there is one (true), since its companion is
  // dead. `end`: the session is over.
  struct Sessions {
    std::function<bool(SessionId)> disconnect;
    std::function<void(SessionId)> end;
  };
  using Log = std::function<void(const std::string&)>;

  // `loop` and `registry` must outlive the keeper.
  SpareKeeper(Options options, EventLoop& loop, Registry& registry, Log log);
  ~SpareKeeper();

  // Once, before anything else.
  void Serve(Sessions sessions) { do_ = std::move(sessions); }

  // Takes a part of an attached session's spare. `connection`: its companion's, borrowed.
  void Take(SessionId session, int connection, const PeerCredentials& credentials, wire::Spare::Part part, UniqueFd fd);
  // The session's connection has ended. True: the session goes on, detached, or has been ended here. False: it has no
  // spare, or the service is gone; the caller ends it.
  bool Keep(SessionId session);
  // Nothing more is done for it.
  void Forget(SessionId session);
  bool Has(SessionId session) const { return spares_.contains(session); }

  size_t spares() const { return spares_.size(); }
  uint64_t takeovers() const { return takeovers_; }

 private:
  struct Spare {
    CompanionOrigin origin;
    ProcessId companion;
    UniqueFd notify, memory;
    UniqueFd death;  // the companion's pidfd, watched; invalid: it is dead
    bool complete() const { return notify.valid() && memory.valid(); }
  };

  bool HasRoomFor(uid_t uid) const;
  // Null: none is kept for it.
  Spare* FindOrMake(SessionId session, int connection, const PeerCredentials& credentials);
  bool Watch(SessionId session, Spare* spare, UniqueFd pidfd);
  void Unwatch(Spare* spare);
  void OnCompanionDeath(SessionId session);
  // Starts another companion, or ends the session.
  void Replace(SessionId session);
  bool StartCompanion(SessionId session, Spare* spare);
  void GiveUp(SessionId session, const std::string& why);
  void End(SessionId session);

  const Options options_;
  EventLoop& loop_;
  Registry& registry_;
  const Log log_;
  Sessions do_;
  std::map<SessionId, Spare> spares_;
  TakeoverLimit limit_;
  uint64_t takeovers_ = 0;
};

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_SPARE_KEEPER_H_
