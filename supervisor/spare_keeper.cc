// SPDX-License-Identifier: Apache-2.0
#include "supervisor/spare_keeper.h"

#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace forcebind {
namespace {

bool HasEvent(int fd, short event) {
  pollfd ready = {.fd = fd, .events = event, .revents = 0};
  return poll(&ready, 1, 0) == 1 && (ready.revents & event) != 0;
}

// The last process that the filter watched is gone.
bool IsOver(int notify_fd) { return HasEvent(notify_fd, POLLHUP); }
bool IsDead(int pidfd) { return HasEvent(pidfd, POLLIN); }

}  // namespace

SpareKeeper::SpareKeeper(Options options, EventLoop& loop, Registry& registry, Log log)
    : options_(std::move(options)), loop_(loop), registry_(registry), log_(std::move(log)) {}

SpareKeeper::~SpareKeeper() {
  for (auto& [session, spare] : spares_) Unwatch(&spare);
}

bool SpareKeeper::HasRoomFor(uid_t uid) const {
  if (!options_.starter || geteuid() != 0 || spares_.size() >= options_.in_all) return false;
  const auto of_user = std::count_if(spares_.begin(), spares_.end(),
                                     [&](const auto& each) { return each.second.origin.credentials.uid == uid; });
  return uid == 0 || of_user < options_.per_user;
}

SpareKeeper::Spare* SpareKeeper::FindOrMake(SessionId session, int connection, const PeerCredentials& credentials) {
  auto known = spares_.find(session);
  if (known != spares_.end()) return &known->second;
  Spare made;
  UniqueFd pidfd;
  if (!HasRoomFor(credentials.uid) || !options_.starter->Ask(connection, credentials, &made.origin, &pidfd)) {
    return nullptr;
  }
  made.companion = made.origin.process;
  Spare* spare = &(spares_[session] = std::move(made));
  if (Watch(session, spare, std::move(pidfd))) return spare;
  spares_.erase(session);
  return nullptr;
}

void SpareKeeper::Take(SessionId session, int connection, const PeerCredentials& credentials, wire::Spare::Part part,
                       UniqueFd fd) {
  Spare* spare = FindOrMake(session, connection, credentials);
  if (spare == nullptr) return;
  (part == wire::Spare::Part::kNotify ? spare->notify : spare->memory) = std::move(fd);
  if (spare->complete()) registry_.SetSpare(session);
}

bool SpareKeeper::Watch(SessionId session, Spare* spare, UniqueFd pidfd) {
  if (!pidfd.valid()) return false;
  if (!loop_.Add(pidfd.get(), EPOLLIN, [this, session](uint32_t) { OnCompanionDeath(session); }).ok()) return false;
  spare->death = std::move(pidfd);
  return true;
}

void SpareKeeper::Unwatch(Spare* spare) {
  if (spare->death.valid()) loop_.Remove(spare->death.get());
  spare->death.reset();
}

void SpareKeeper::Forget(SessionId session) {
  limit_.Forget(session);
  auto found = spares_.find(session);
  if (found == spares_.end()) return;
  Unwatch(&found->second);
  spares_.erase(found);
}

void SpareKeeper::End(SessionId session) {
  Forget(session);
  do_.end(session);
}

bool SpareKeeper::Keep(SessionId session) {
  auto found = spares_.find(session);
  if (found == spares_.end()) return false;
  Spare& spare = found->second;
  if (!spare.complete() || IsOver(spare.notify.get())) {
    Forget(session);
    return false;
  }
  registry_.Detach(session);
  if (!spare.death.valid() || IsDead(spare.death.get())) Replace(session);
  return true;
}

void SpareKeeper::OnCompanionDeath(SessionId session) {
  Unwatch(&spares_.at(session));
  // Ends in Keep(), where there is a connection.
  if (!do_.disconnect(session)) Replace(session);
}

void SpareKeeper::GiveUp(SessionId session, const std::string& why) {
  log_(absl::StrCat("the companion of \"", registry_.NameOf(session), "\" (process ", spares_.at(session).companion.pid,
                    ") is dead, and ", why, ": its service can bind nothing any more"));
  End(session);
}

void SpareKeeper::Replace(SessionId session) {
  Spare& spare = spares_.at(session);
  Unwatch(&spare);
  if (!spare.complete() || IsOver(spare.notify.get())) return End(session);
  const int32_t dead = spare.companion.pid;
  if (!limit_.Take(session, spare.origin.credentials.uid, TakeoverLimit::Clock::now())) {
    return GiveUp(session, absl::StrCat("so were ", TakeoverLimit::kPerService, " others of it, or ",
                                        TakeoverLimit::kPerUser, " of its user's, in the last minute"));
  }
  if (!StartCompanion(session, &spare)) return GiveUp(session, "another one cannot be started");
  ++takeovers_;
  log_(absl::StrCat("the companion of \"", registry_.NameOf(session), "\" (process ", dead, ") is dead: process ",
                    spare.companion.pid, " takes over"));
}

bool SpareKeeper::StartCompanion(SessionId session, Spare* spare) {
  UniqueFd pidfd;
  const ProcessId started = options_.starter->Start(spare->origin, spare->notify.get(), spare->memory.get(), &pidfd);
  if (!Watch(session, spare, std::move(pidfd))) return false;
  spare->companion = started;
  registry_.Replace(session, started);
  return true;
}

}  // namespace forcebind
