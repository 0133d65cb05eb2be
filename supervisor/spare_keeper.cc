// SPDX-License-Identifier: Apache-2.0
#include "supervisor/spare_keeper.h"

#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "supervisor/companion.h"

namespace forcebind {
namespace {

constexpr std::chrono::seconds kEarly(1);
constexpr int kMaxEarlyDeaths = 3;

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

bool SpareKeeper::MayTake(const CompanionOrigin& origin) const {
  if (!options_.launcher.valid() || !origin.may_be_replaced || geteuid() != 0) return false;
  if (spares_.size() >= options_.in_all) return false;
  const auto of_user = std::count_if(spares_.begin(), spares_.end(), [&](const auto& each) {
    return each.second.origin.credentials.uid == origin.credentials.uid;
  });
  return origin.credentials.uid == 0 || of_user < options_.per_user;
}

void SpareKeeper::Take(SessionId session, const CompanionOrigin& origin, wire::Spare::Part part, UniqueFd fd) {
  auto known = spares_.find(session);
  if (known == spares_.end()) {
    if (!MayTake(origin)) return;
    known = spares_.emplace(session, Spare{}).first;
    known->second.origin = origin;
  }
  Spare& spare = known->second;
  (part == wire::Spare::Part::kNotify ? spare.notify : spare.memory) = std::move(fd);
  if (spare.companion == origin.process) return;
  spare.companion = origin.process;
  Watch(session, &spare, WatchProcess(origin.process));
}

void SpareKeeper::Watch(SessionId session, Spare* spare, UniqueFd pidfd) {
  Unwatch(spare);
  if (!pidfd.valid()) return;
  if (!loop_.Add(pidfd.get(), EPOLLIN, [this, session](uint32_t) { OnCompanionDeath(session); }).ok()) return;
  spare->death = std::move(pidfd);
}

void SpareKeeper::Unwatch(Spare* spare) {
  if (spare->death.valid()) loop_.Remove(spare->death.get());
  spare->death.reset();
}

void SpareKeeper::Forget(SessionId session) {
  auto found = spares_.find(session);
  if (found == spares_.end()) return;
  Unwatch(&found->second);
  spares_.erase(found);
}

void SpareKeeper::End(SessionId session) {
  Forget(session);
  registry_.End(session);
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
  if (!disconnect_(session)) Replace(session);
}

bool SpareKeeper::TooOften(Spare* spare) const {
  const bool early = spare->started_here && Clock::now() - spare->started < kEarly;
  spare->early_deaths = early ? spare->early_deaths + 1 : 0;
  return spare->early_deaths >= kMaxEarlyDeaths;
}

void SpareKeeper::Replace(SessionId session) {
  Spare& spare = spares_.at(session);
  Unwatch(&spare);
  if (IsOver(spare.notify.get())) return End(session);
  const std::string what =
      absl::StrCat("the companion of \"", registry_.NameOf(session), "\" (process ", spare.companion.pid, ") is dead");
  if (TooOften(&spare)) {
    log_(absl::StrCat(what, ", as were the ", kMaxEarlyDeaths - 1,
                      " before it within a second of their start: its service can bind nothing any more"));
    return End(session);
  }
  if (!StartCompanion(session, &spare)) {
    log_(absl::StrCat(what, " and another one cannot be started: its service can bind nothing any more"));
    return End(session);
  }
  ++takeovers_;
  log_(absl::StrCat(what, ": process ", spare.companion.pid, " takes over"));
}

bool SpareKeeper::StartCompanion(SessionId session, Spare* spare) {
  UniqueFd pidfd;
  spare->companion = forcebind::StartCompanion(options_.launcher.get(), spare->origin, spare->notify.get(),
                                               spare->memory.get(), &pidfd);
  if (!pidfd.valid()) return false;
  spare->started = Clock::now();
  spare->started_here = true;
  registry_.SetCompanion(session, spare->companion);
  Watch(session, spare, std::move(pidfd));
  return spare->death.valid();
}

}  // namespace forcebind
