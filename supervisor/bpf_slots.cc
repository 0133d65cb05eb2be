// SPDX-License-Identifier: Apache-2.0
#include "supervisor/bpf_slots.h"

#include <errno.h>

#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "supervisor/bpf_grace.h"
#include "sys/errno_status.h"

namespace forcebind {
namespace {

template <typename T>
void MoveAll(std::vector<T>& from, std::vector<T>& to) {
  to.insert(to.end(), from.begin(), from.end());
  from.clear();
}

}  // namespace

absl::StatusOr<BpfSlots> BpfSlots::Open(const BpfPrograms& programs, const absl::flat_hash_set<GroupId>& routed) {
  BpfSlots slots;
  auto groups = MappedArray<fb_group>::Map(programs.map("groups"), FB_MAX_GROUPS, "groups");
  auto next = MappedArray<uint32_t>::Map(programs.map("next"), FB_MAX_SLOTS, "next");
  auto sockets = programs.Table<uint32_t, uint64_t>("sockets");
  auto udp_sockets = programs.Table<uint64_t, uint32_t>("udp_sockets");
  for (const absl::Status& status : {groups.status(), next.status(), sockets.status(), udp_sockets.status()})
    if (!status.ok()) return status;
  slots.groups_ = *std::move(groups);
  slots.next_ = *std::move(next);
  slots.sockets_ = *std::move(sockets);
  slots.udp_sockets_ = *std::move(udp_sockets);
  if (absl::Status status = slots.ReadChains(routed); !status.ok()) return status;
  slots.ListFree();
  return slots;
}

absl::Status BpfSlots::ReadChains(const absl::flat_hash_set<GroupId>& routed) {
  for (GroupId group = 0; group < FB_MAX_GROUPS; ++group)
    if (groups_[group].used != 0)
      if (absl::Status status = ReadChain(group, routed.contains(group)); !status.ok()) return status;
  return absl::OkStatus();
}

absl::Status BpfSlots::ReadChain(GroupId group, bool routed) {
  std::vector<Slot> chain;
  bool alive = false;
  for (Slot slot = groups_[group].head; slot != FB_CHAIN_END && chain.size() < FB_MAX_SLOTS; slot = next_[slot]) {
    chain.push_back(slot);
    absl::StatusOr<uint64_t> cookie = CookieIn(slot);
    if (!cookie.ok()) return cookie.status();
    alive |= *cookie != 0;
  }
  if (alive || routed) {
    chains_[group] = std::move(chain);
  } else {
    Store(groups_[group].head, FB_CHAIN_END);
    Store(groups_[group].used, 0);
  }
  return absl::OkStatus();
}

void BpfSlots::ListFree() {
  std::vector<bool> taken(FB_MAX_SLOTS);
  for (const auto& [group, chain] : chains_)
    for (Slot slot : chain) taken[slot] = true;
  for (Slot slot = FB_MAX_SLOTS - 1; slot > FB_CHAIN_END; --slot)
    if (!taken[slot]) free_slots_.push_back(slot);
  for (GroupId group = FB_MAX_GROUPS; group-- > 0;)
    if (!chains_.contains(group)) free_groups_.push_back(group);
}

absl::StatusOr<GroupId> BpfSlots::NewGroup() {
  if (free_groups_.empty()) ReleaseLeaving();
  if (free_groups_.empty())
    return absl::ResourceExhaustedError(absl::StrCat("all ", FB_MAX_GROUPS, " groups are in use"));
  const GroupId group = free_groups_.back();
  free_groups_.pop_back();
  Store(groups_[group].head, FB_CHAIN_END);
  Store(groups_[group].used, 1);
  chains_[group] = {};
  return group;
}

absl::StatusOr<BpfSlots::Slot> BpfSlots::TakeFreeSlot() {
  if (free_slots_.empty()) ReleaseLeaving();
  if (free_slots_.empty())
    return absl::ResourceExhaustedError(absl::StrCat("all ", FB_MAX_SLOTS - 1, " slots for sockets are in use"));
  const Slot slot = free_slots_.back();
  free_slots_.pop_back();
  return slot;
}

absl::StatusOr<uint64_t> BpfSlots::CookieIn(Slot slot) const {
  auto cookie = sockets_.Get(slot);
  if (!cookie.ok()) return cookie.status();
  return cookie->value_or(0);
}

absl::Status BpfSlots::Fill(Slot slot, int fd) {
  const uint64_t value = fd;
  if (bpf_map_update_elem(sockets_.fd(), &slot, &value, BPF_ANY) == 0) return absl::OkStatus();
  switch (errno) {
    case EOPNOTSUPP:
    case 524:  // the kernel's ENOTSUPP, which has no name outside
      return absl::UnimplementedError(
          "the kernel cannot publish a socket of this kind (an MPTCP socket?); a TCP or UDP socket is needed");
    case EINVAL:
      return absl::FailedPreconditionError("the socket is neither a listening TCP nor a bound UDP socket");
    default:
      return ErrnoStatus(errno, "put a socket into the SOCKMAP");
  }
}

absl::Status BpfSlots::UnlinkDead(GroupId group) {
  std::vector<Slot>& chain = chains_[group];
  std::vector<Slot> living;
  for (Slot slot : chain) {
    absl::StatusOr<uint64_t> cookie = CookieIn(slot);
    if (!cookie.ok()) return cookie.status();
    if (*cookie != 0) living.push_back(slot);
  }
  if (living.size() == chain.size()) return absl::OkStatus();
  for (size_t i = 0; i < living.size(); ++i)
    Store(next_[living[i]], i + 1 < living.size() ? living[i + 1] : FB_CHAIN_END);
  Store(groups_[group].head, living.empty() ? FB_CHAIN_END : living.front());
  const absl::flat_hash_set<Slot> kept(living.begin(), living.end());
  for (Slot slot : chain)
    if (!kept.contains(slot)) leaving_since_last_tick_.slots.push_back(slot);
  chain = std::move(living);
  return absl::OkStatus();
}

absl::Status BpfSlots::AddSocket(GroupId group, int fd, uint64_t cookie) {
  if (absl::Status status = UnlinkDead(group); !status.ok()) return status;
  for (Slot slot : chains_[group]) {
    absl::StatusOr<uint64_t> member = CookieIn(slot);
    if (!member.ok()) return member.status();
    if (*member == cookie) return absl::OkStatus();
  }
  absl::StatusOr<Slot> slot = TakeFreeSlot();
  if (!slot.ok()) return slot.status();
  std::vector<Slot>& chain = chains_[group];
  if (absl::Status status = Fill(*slot, fd); !status.ok()) {
    free_slots_.push_back(*slot);  // it was never seen by a lookup
    return status;
  }
  Store(next_[*slot], chain.empty() ? FB_CHAIN_END : chain.front());
  Store(groups_[group].head, *slot);
  chain.insert(chain.begin(), *slot);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<uint64_t>> BpfSlots::LiveSockets(GroupId group) {
  std::vector<uint64_t> cookies;
  const auto chain = chains_.find(group);
  if (chain == chains_.end()) return cookies;
  for (Slot slot : chain->second) {
    absl::StatusOr<uint64_t> cookie = CookieIn(slot);
    if (!cookie.ok()) return cookie.status();
    if (*cookie != 0) cookies.push_back(*cookie);
  }
  return cookies;
}

absl::Status BpfSlots::RemoveGroup(GroupId group) {
  const auto chain = chains_.find(group);
  if (chain == chains_.end()) return absl::NotFoundError(absl::StrCat("there is no group ", group));
  Store(groups_[group].head, FB_CHAIN_END);
  Store(groups_[group].used, 0);
  for (Slot slot : chain->second) {
    absl::StatusOr<uint64_t> cookie = CookieIn(slot);
    if (cookie.ok() && *cookie != 0) (void)udp_sockets_.Erase(*cookie);
    if (absl::Status status = sockets_.Erase(slot); !status.ok()) return status;
  }
  MoveAll(chain->second, leaving_since_last_tick_.slots);
  leaving_since_last_tick_.groups.push_back(group);
  chains_.erase(chain);
  return absl::OkStatus();
}

// What left before the grace period may be used again.
void BpfSlots::ReleaseLeaving() {
  if (WaitForRunningPrograms()) {
    MoveAll(leaving_since_last_tick_.slots, leaving_.slots);
    MoveAll(leaving_since_last_tick_.groups, leaving_.groups);
  }
  MoveAll(leaving_.slots, free_slots_);
  MoveAll(leaving_.groups, free_groups_);
}

absl::Status BpfSlots::Tick() {
  for (const auto& [group, chain] : chains_)
    if (absl::Status status = UnlinkDead(group); !status.ok()) return status;
  const bool any = !leaving_.slots.empty() || !leaving_.groups.empty() || !leaving_since_last_tick_.slots.empty() ||
                   !leaving_since_last_tick_.groups.empty();
  if (any) ReleaseLeaving();
  MoveAll(leaving_since_last_tick_.slots, leaving_.slots);
  MoveAll(leaving_since_last_tick_.groups, leaving_.groups);
  return absl::OkStatus();
}

}  // namespace forcebind
