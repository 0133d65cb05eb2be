// SPDX-License-Identifier: Apache-2.0
#include "supervisor/bpf_backend.h"

#include <arpa/inet.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "supervisor/bpf_grace.h"
#include "sys/errno_status.h"
#include "sys/netns.h"
#include "sys/socket_info.h"

namespace forcebind {
namespace {

fb_route_key ToMap(const RouteKey& key) {
  fb_route_key out{};
  out.prefix_length = FB_ROUTE_PREFIX_BASE + key.on.length;
  out.protocol = static_cast<uint8_t>(key.protocol);
  out.family = static_cast<uint8_t>(key.on.base.family());
  out.port = htons(key.port);
  memcpy(out.address, key.on.base.bytes().data(), sizeof(out.address));
  return out;
}

fb_route ToMap(const Route& route) {
  return {route.group, (route.guard ? FB_ROUTE_GUARD : 0) | (route.refuse_when_gone ? FB_ROUTE_REFUSE : 0)};
}

IpAddress AddressFromMap(uint8_t family, const uint8_t* bytes) {
  std::array<uint8_t, 16> copy;
  memcpy(copy.data(), bytes, copy.size());
  if (family == FB_FAMILY_IPV6) return IpAddress::V6(copy);
  return IpAddress::V4(uint32_t{copy[0]} << 24 | uint32_t{copy[1]} << 16 | uint32_t{copy[2]} << 8 | copy[3]);
}

Route FromMap(Stage stage, const fb_route_key& key, const fb_route& value) {
  Route route;
  route.key.stage = stage;
  route.key.protocol = static_cast<Protocol>(key.protocol);
  route.key.port = ntohs(key.port);
  route.key.on.base = AddressFromMap(key.family, key.address);
  route.key.on.length = static_cast<int>(key.prefix_length) - FB_ROUTE_PREFIX_BASE;
  route.group = value.group;
  route.guard = (value.flags & FB_ROUTE_GUARD) != 0;
  route.refuse_when_gone = (value.flags & FB_ROUTE_REFUSE) != 0;
  return route;
}

std::string Describe(const RouteKey& key) {
  return absl::StrCat(ToString(key.protocol), "/", key.port, " on ", key.on.ToString(), " at stage ",
                      ToString(key.stage));
}

absl::Status About(const absl::Status& status, const std::string& what) {
  return absl::Status(status.code(), absl::StrCat(what, ": ", std::string(status.message())));
}

absl::StatusOr<std::string> FindCgroupRoot() {
  FILE* mounts = setmntent("/proc/self/mounts", "re");
  std::string path;
  while (const mntent* entry = mounts != nullptr ? getmntent(mounts) : nullptr) {
    if (strcmp(entry->mnt_type, "cgroup2") != 0) continue;
    path = entry->mnt_dir;
    break;
  }
  if (mounts != nullptr) endmntent(mounts);
  if (!path.empty()) return path;
  return absl::UnavailableError("no cgroup v2 hierarchy is mounted; mount one: mount -t cgroup2 none /sys/fs/cgroup");
}

absl::StatusOr<UniqueFd> OpenCgroup(const std::string& given_path) {
  absl::StatusOr<std::string> path = given_path.empty() ? FindCgroupRoot() : given_path;
  if (!path.ok()) return path.status();
  UniqueFd fd(open(path->c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return absl::UnavailableError(ErrnoStatus(errno, absl::StrCat("open cgroup ", *path)).message());
  return fd;
}

// Reads entry `index` of a per-CPU array whose values are `fields` 64-bit counters, and adds up the processors'.
absl::StatusOr<std::vector<uint64_t>> SumOverCpus(int map, uint32_t index, size_t fields) {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus <= 0) return ErrnoStatus(-cpus, "count the processors");
  std::vector<uint64_t> all(fields * cpus), sum(fields);
  if (bpf_map_lookup_elem(map, &index, all.data()) != 0) return ErrnoStatus(errno, "read the counters");
  for (size_t i = 0; i < all.size(); ++i) sum[i % fields] += all[i];
  return sum;
}

absl::Status ZeroCounters(int map, uint32_t index) {
  const std::vector<fb_group_counters> zeros(libbpf_num_possible_cpus());
  if (bpf_map_update_elem(map, &index, zeros.data(), BPF_ANY) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, "reset the counters");
}

// At stage F nobody is kept from anything.
bool IsGuarded(const Route& route) { return route.guard && route.key.stage == Stage::kD; }

template <typename Key, typename Value>
absl::StatusOr<BpfTable<Key, Value>> OpenPinned(const std::string& bpf_dir, const char* name) {
  return BpfTable<Key, Value>::Open(UniqueFd(bpf_obj_get(absl::StrCat(bpf_dir, "/", name).c_str())), name);
}

// What the supervisor whose state is pinned there, of whatever version, has noted; an error if it was of another
// network namespace, or has no such notes.
absl::StatusOr<PortReservations> PinnedReservations(const std::string& bpf_dir) {
  const auto map = OpenPinned<uint32_t, fb_state>(bpf_dir, "state");
  if (!map.ok()) return map.status();
  auto state = MappedArray<fb_state>::Map(map->fd(), 1, "state");
  if (!state.ok()) return state.status();
  const absl::StatusOr<uint64_t> netns_cookie = OwnNetnsCookie();
  if (!netns_cookie.ok()) return netns_cookie.status();
  if ((*state)[0].netns_cookie != *netns_cookie) return absl::FailedPreconditionError("not ours");
  return PortReservations::Open(OpenPinned<uint32_t, uint64_t>(bpf_dir, "reserved_ports"), {});
}

}  // namespace

absl::StatusOr<std::unique_ptr<BpfBackend>> BpfBackend::Create(const BpfBackendOptions& options) {
  absl::StatusOr<uint64_t> netns_cookie = OwnNetnsCookie();
  if (!netns_cookie.ok()) return netns_cookie.status();
  auto pins = PinDir::Open(options.bpf_dir);
  if (!pins.ok()) return pins.status();
  auto programs = BpfPrograms::Load(options.hook, **pins, *netns_cookie, options.max_exact);
  if (!programs.ok()) return programs.status();
  std::unique_ptr<BpfBackend> backend(new BpfBackend(options, *std::move(pins), *std::move(programs)));
  if (absl::Status status = backend->Init(*netns_cookie); !status.ok()) return status;
  return backend;
}

absl::Status BpfBackend::Unload(const std::string& bpf_dir) {
  auto reservations = PinnedReservations(bpf_dir);
  if (absl::Status status = PinDir::Remove(bpf_dir); !status.ok() || !reservations.ok()) return status;
  return reservations->ReleaseAllBut({});
}

absl::Status BpfBackend::Init(uint64_t netns_cookie) {
  if (absl::Status status = MapState(netns_cookie); !status.ok()) return status;
  if (absl::Status status = OpenTables(); !status.ok()) return status;
  if (absl::Status status = Attach(); !status.ok()) return status;
  return pins_->Replace([this](const std::string& staging) { return programs_.PinTo(staging); });
}

absl::Status BpfBackend::MapState(uint64_t netns_cookie) {
  auto mapped = MappedArray<fb_state>::Map(programs_.map("state"), 1, "state");
  if (!mapped.ok()) return mapped.status();
  state_ = *std::move(mapped);
  if (!programs_.reused_maps()) {
    state_[0].layout_version = FB_LAYOUT_VERSION;
    state_[0].netns_cookie = netns_cookie;
  }
  if (state_[0].layout_version != FB_LAYOUT_VERSION)
    return absl::FailedPreconditionError(
        absl::StrCat("the state in ", pins_->path(), " is of version ", state_[0].layout_version,
                     ", this supervisor's ", FB_LAYOUT_VERSION, "; remove it with forcebind-supervisor --unload"));
  if (state_[0].netns_cookie != netns_cookie)
    return absl::FailedPreconditionError(absl::StrCat(
        "the state in ", pins_->path(), " belongs to another network namespace; use another --bpf-dir for this one"));
  return absl::OkStatus();
}

absl::Status BpfBackend::OpenTables() {
  auto routes = programs_.Table<fb_route_key, fb_route>("routes");
  if (!routes.ok()) return routes.status();
  routes_ = *std::move(routes);
  if (!tracks()) {
    auto fallback_routes = programs_.Table<fb_route_key, fb_route>("fallback_routes");
    if (!fallback_routes.ok()) return fallback_routes.status();
    fallback_routes_ = *std::move(fallback_routes);
  }
  auto udp_sockets = programs_.Table<uint64_t, uint32_t>("udp_sockets");
  if (!udp_sockets.ok()) return udp_sockets.status();
  udp_sockets_ = *std::move(udp_sockets);
  auto reservations = PortReservations::Open(programs_.Table<uint32_t, uint64_t>("reserved_ports"), options_.log);
  if (!reservations.ok()) return reservations.status();
  reservations_ = *std::move(reservations);

  absl::flat_hash_set<GroupId> routed;
  absl::Status status = ForEachRoute([&](const Route& route) { routed.insert(route.group); });
  if (!status.ok()) return status;
  // Slots and numbers that the supervisor before this one set free may have been seen by a lookup until now.
  (void)WaitForRunningPrograms();
  auto slots = BpfSlots::Open(programs_, routed);
  if (!slots.ok()) return slots.status();
  slots_ = std::make_unique<BpfSlots>(*std::move(slots));
  return tracks() ? OpenTracker() : absl::OkStatus();
}

absl::Status BpfBackend::OpenTracker() {
  auto tracker = BpfTracker::Open(programs_, &state_[0]);
  if (!tracker.ok()) return tracker.status();
  tracker_ = std::make_unique<BpfTracker>(*std::move(tracker));
  // What counts the records of tables that are no more.
  if (!programs_.reused_own_maps()) Store(state_[0].device_bound, 0);
  return absl::OkStatus();
}

absl::Status BpfBackend::Attach() {
  absl::StatusOr<UniqueFd> cgroup = OpenCgroup(options_.cgroup_path);
  if (!cgroup.ok()) return cgroup.status();
  UniqueFd netns(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!netns.valid()) return ErrnoStatus(errno, "open the network namespace");
  // Packets come last: by then every exact listener is known.
  if (absl::Status status = programs_.AttachTracking(cgroup->get()); !status.ok()) return status;
  if (tracker_ != nullptr)
    if (absl::Status status = tracker_->Seed(); !status.ok()) return status;
  if (absl::Status status = programs_.AttachDispatch(cgroup->get(), netns.get()); !status.ok()) return status;
  if (absl::Status kept = KeepReservations(); !kept.ok()) options_.log(std::string(kept.message()));
  return absl::OkStatus();
}

absl::Status BpfBackend::CheckStageF() const {
  if (programs_.has_fallback()) return absl::OkStatus();
  if (absl::Status status = FindHook(Hook::kF).status(); !status.ok()) return status;
  return absl::FailedPreconditionError(
      "backend hook-b has no stage F: start forcebind-supervisor with --backend hook-d");
}

absl::Status BpfBackend::ForEachRoute(const std::function<void(const Route&)>& visit) {
  for (const Stage stage : {Stage::kD, Stage::kF}) {
    if (stage == Stage::kF && tracks()) continue;
    absl::Status status = RoutesOf(stage).ForEach([&](const fb_route_key& key, const fb_route& value) {
      visit(FromMap(stage, key, value));
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status BpfBackend::AddRoutes(absl::Span<const Route> routes) {
  absl::flat_hash_set<uint16_t> guarded;
  for (const Route& route : routes)
    if (IsGuarded(route)) guarded.insert(route.key.port);
  if (!guarded.empty()) Store(state_[0].guarded, 1);
  if (absl::Status status = reservations_.Reserve(guarded); !status.ok()) return status;
  for (const Route& route : routes) {
    if (route.key.stage == Stage::kF)
      if (absl::Status status = CheckStageF(); !status.ok()) return About(status, Describe(route.key));
    if (absl::Status status = RoutesOf(route.key.stage).Put(ToMap(route.key), ToMap(route)); !status.ok())
      return About(status, absl::StrCat("add a route for ", Describe(route.key)));
  }
  return absl::OkStatus();
}

absl::Status BpfBackend::RemoveRoutes(absl::Span<const RouteKey> keys) {
  for (const RouteKey& key : keys)
    if (absl::Status status = RoutesOf(key.stage).Erase(ToMap(key)); !status.ok())
      return About(status, absl::StrCat("remove the route for ", Describe(key)));
  return absl::OkStatus();
}

// The routes may be others by now, the range of ephemeral ports as well, and the kernel's list may have been written
// anew.
absl::Status BpfBackend::KeepReservations() {
  if (state_[0].guarded == 0) return absl::OkStatus();
  absl::flat_hash_set<uint16_t> ports;
  absl::Status status = ForEachRoute([&](const Route& route) {
    if (IsGuarded(route)) ports.insert(route.key.port);
  });
  if (!status.ok()) return status;
  status = reservations_.Reserve(ports);
  status.Update(reservations_.ReleaseAllBut(ports));
  return status;
}

absl::StatusOr<std::vector<Route>> BpfBackend::Routes() {
  std::vector<Route> routes;
  absl::Status status = ForEachRoute([&](const Route& route) { routes.push_back(route); });
  if (!status.ok()) return status;
  return routes;
}

absl::StatusOr<GroupId> BpfBackend::NewGroup() {
  absl::StatusOr<GroupId> group = slots_->NewGroup();
  if (!group.ok()) return group;
  if (absl::Status status = ZeroCounters(programs_.map("group_counters"), *group); !status.ok()) return status;
  return group;
}

absl::Status BpfBackend::AddSocket(GroupId group, int fd) {
  if (!slots_->IsGroup(group)) return absl::NotFoundError(absl::StrCat("there is no group ", group));
  const uint64_t cookie = SocketCookie(fd);
  if (cookie == 0) return ErrnoStatus(errno, "read the socket's cookie");
  // Before its first datagram can come.
  if (absl::Status status = RegisterUdp(group, fd, cookie); !status.ok()) return status;
  absl::Status status = slots_->AddSocket(group, fd, cookie);
  if (!status.ok()) (void)udp_sockets_.Erase(cookie);
  return status;
}

absl::Status BpfBackend::RegisterUdp(GroupId group, int fd, uint64_t cookie) {
  if (IntOption(fd, SOL_SOCKET, SO_PROTOCOL, 0) != IPPROTO_UDP) return absl::OkStatus();
  Store(state_[0].udp_published, 1);
  return udp_sockets_.Put(cookie, group);
}

absl::StatusOr<std::vector<uint64_t>> BpfBackend::LiveSockets(GroupId group) { return slots_->LiveSockets(group); }

absl::Status BpfBackend::RemoveGroup(GroupId group) { return slots_->RemoveGroup(group); }

absl::StatusOr<GroupCounters> BpfBackend::Count(GroupId group) {
  auto sum = SumOverCpus(programs_.map("group_counters"), group, sizeof(fb_group_counters) / sizeof(uint64_t));
  if (!sum.ok()) return sum.status();
  fb_group_counters counters;
  memcpy(&counters, sum->data(), sizeof(counters));
  return GroupCounters{counters.dispatched, counters.fell_through};
}

absl::StatusOr<BackendTotals> BpfBackend::Totals() {
  auto sum = SumOverCpus(programs_.map("totals"), 0, sizeof(fb_totals) / sizeof(uint64_t));
  if (!sum.ok()) return sum.status();
  fb_totals totals;
  memcpy(&totals, sum->data(), sizeof(totals));
  return BackendTotals{totals.dispatched,    totals.yielded, totals.gone,     totals.refused,
                       totals.assign_failed, totals.guarded, totals.untracked};
}

absl::Status BpfBackend::Tick() {
  absl::Status status = slots_->Tick();
  if (tracker_ != nullptr) status.Update(tracker_->Tick());
  status.Update(KeepReservations());
  return status;
}

}  // namespace forcebind
