// SPDX-License-Identifier: Apache-2.0
#include "supervisor/daemon.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "supervisor/companion.h"
#include "supervisor/explain_facts.h"
#include "supervisor/metrics.h"
#include "supervisor/status_report.h"
#include "sys/errno_status.h"
#include "sys/netns.h"
#include "sys/sock_diag.h"
#include "sys/unix_channel.h"

namespace forcebind {
namespace {

constexpr time_t kTickSeconds = 1;
constexpr uint64_t kTicksPerPrune = 10;
constexpr int kBacklog = 4096;
constexpr mode_t kSocketMode = 0666;  // who may do what is settled by SO_PEERCRED

// Descriptors for maps, links, netlink, HTTP clients, pidfds of detached companions.
constexpr size_t kReservedDescriptors = 256;

}  // namespace

Daemon::Daemon(const SupervisorOptions& options, const SupervisorConfig& config, OpenedBackend opened, UniqueFd signals,
               Log log)
    : options_(options),
      config_(config),
      log_(std::move(log)),
      opened_(std::move(opened)),
      signals_(std::move(signals)) {}

Daemon::~Daemon() {
  if (book_ != nullptr) SaveAddressesIfChanged();
  // Only what is ours: another supervisor's socket of that name is there where opening our own failed.
  if (clients_ != nullptr) unlink(options_.socket_path.c_str());
  if (http_ != nullptr) unlink(options_.status_socket_path().c_str());
}

absl::Status Daemon::Start(const Prefix& ula) {
  auto loop = EventLoop::Create();
  if (!loop.ok()) return loop.status();
  loop_ = *std::move(loop);
  auto cookie = OwnNetnsCookie();
  if (!cookie.ok()) return cookie.status();
  const std::optional<Prefix> usable = MakeUlaUsable(ula, log_);
  book_ = std::make_unique<AddressBook>(config_.pool, usable);
  absl::Status status = LoadAddresses(config_, log_, book_.get());
  if (!status.ok()) return status;
  saved_changes_ = book_->changes();
  registry_ = std::make_unique<Registry>(Registry::Options{.pool = config_.pool,
                                                           .ula = usable,
                                                           .names_per_user = config_.names_per_user,
                                                           .listeners_per_service = config_.listeners_per_service,
                                                           .listeners_per_user = config_.listeners_per_user,
                                                           .grants = config_.grants,
                                                           .own_netns_cookie = *cookie},
                                         *opened_.backend, *opened_.state, *book_);
  auditor_ = std::make_unique<Auditor>(*book_, log_);
  OpenWall({.netns_cookie = *cookie, .pool = config_.pool, .ula = usable});
  status = RestoreState();
  ReaddressWall();
  if (status.ok()) status = StartTimer();
  if (status.ok()) status = loop_->Add(signals_.get(), EPOLLIN, [this](uint32_t) { loop_->Stop(); });
  if (status.ok()) status = OpenSockets();
  return status;
}

absl::Status Daemon::RestoreState() {
  absl::Status restored = registry_->Restore([](const ProcessId& process) { return WatchProcess(process).valid(); });
  return restored.ok() ? WatchDetached() : restored;
}

// A host that cannot have the wall can have all the rest.
void Daemon::OpenWall(const WallScope& scope) {
  auto wall = CgroupWall::Create(scope, [this](const std::string& name) {
    const auto known = book_->entries().find(name);
    return known != book_->entries().end() ? known->second.addresses : PrivateAddresses();
  });
  if (!wall.ok()) {
    no_wall_ = std::string(wall.status().message());
    return log_(absl::StrCat("no cgroup wall: ", no_wall_));
  }
  wall_ = *std::move(wall);
  wall_->FindLeftovers();
}

ClientServer::Wall Daemon::WallForClients() {
  return {.enclose = [this](Registry::SessionId session, const PeerCredentials& peer, const WallRules& rules,
                            int pidfd) { return Enclose(session, peer, rules, pidfd); },
          .end =
              [this](Registry::SessionId session) {
                if (wall_ != nullptr) wall_->End(session);
              },
          .admitted = [this] { ReaddressWall(); }};
}

// Before the newcomer hears of his addresses: nobody may reach him there as the name that had them before.
void Daemon::ReaddressWall() {
  if (wall_ == nullptr || book_->changes() == walled_changes_) return;
  const auto changes = book_->changes();
  absl::Status written = wall_->Readdress();
  // What failed is tried again before the next newcomer is told.
  if (!written.ok()) return log_(std::string(written.message()));
  walled_changes_ = changes;
}

Refusal Daemon::Enclose(Registry::SessionId session, const PeerCredentials& peer, const WallRules& rules, int pidfd) {
  if (wall_ == nullptr) return {EOPNOTSUPP, no_wall_};
  Refusal refusal = wall_->Enclose({.session = session,
                                    .name = registry_->NameOf(session),
                                    .uid = peer.uid,
                                    .addresses = registry_->AddressesOf(session),
                                    .rules = rules},
                                   pidfd);
  if (refusal.error == 0) registry_->AddWall(session, "cgroup");
  return refusal;
}

absl::Status Daemon::WatchDetached() {
  for (const auto& [session, process] : registry_->Detached()) {
    UniqueFd pidfd = WatchProcess(process);
    if (!pidfd.valid()) {
      registry_->EndDetached(session);
      continue;
    }
    const int fd = pidfd.get();
    absl::Status watched = loop_->Add(fd, EPOLLIN, [this, fd, id = session](uint32_t) {
      registry_->EndDetached(id);
      loop_->Remove(fd);
    });
    if (!watched.ok()) return watched;
    watched_.push_back(std::move(pidfd));
  }
  return absl::OkStatus();
}

absl::Status Daemon::StartTimer() {
  timer_.reset(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  const itimerspec every = {.it_interval = {.tv_sec = kTickSeconds, .tv_nsec = 0},
                            .it_value = {.tv_sec = kTickSeconds, .tv_nsec = 0}};
  if (!timer_.valid() || timerfd_settime(timer_.get(), 0, &every, nullptr) != 0)
    return ErrnoStatus(errno, "start a timer");
  return loop_->Add(timer_.get(), EPOLLIN, [this](uint32_t) {
    uint64_t expirations;
    if (read(timer_.get(), &expirations, sizeof(expirations)) == sizeof(expirations)) Tick();
  });
}

absl::Status Daemon::OpenSockets() {
  auto socket = ListenUnix(options_.socket_path, SOCK_SEQPACKET, kSocketMode, kBacklog);
  if (!socket.ok()) return socket.status();
  const size_t descriptors = RaiseDescriptorLimit();
  const ClientServer::Options limits{
      .clients_per_user = config_.clients_per_user,
      .max_clients = descriptors > 2 * kReservedDescriptors ? descriptors - kReservedDescriptors : descriptors / 2,
      .descriptor_wait = std::chrono::seconds(config_.descriptor_seconds)};
  clients_ = std::make_unique<ClientServer>(
      limits, *std::move(socket), *loop_, *registry_,
      ClientServer::Documents{.status = [this] { return Status(); },
                              .explain = [this](const wire::ExplainRequest& request) { return Explain(request); },
                              .audit = [this] { return AuditJson(Audit()); }},
      WallForClients(), log_);
  absl::Status started = clients_->Start();
  return started.ok() ? OpenStatusSocket() : started;
}

absl::Status Daemon::OpenStatusSocket() {
  auto socket = ListenUnix(options_.status_socket_path(), SOCK_STREAM, kSocketMode, kBacklog);
  if (!socket.ok()) return socket.status();
  const auto service = [this](const std::string& name) {
    PruneDead();
    return ServiceJson(*registry_, name, auditor_->totals());
  };
  const auto metrics = [this] {
    return MetricsText(
        *registry_, *opened_.backend,
        {.clients = clients_->clients(), .refused_clients = clients_->refused(), .audit = auditor_->totals()});
  };
  auto http =
      StatusHttp::Start(*std::move(socket), *loop_,
                        StatusPages{.services = [this] { return Status(); },
                                    .service = service,
                                    .explain = [this](const wire::ExplainRequest& request) { return Explain(request); },
                                    .metrics = metrics});
  if (!http.ok()) return http.status();
  http_ = *std::move(http);
  return absl::OkStatus();
}

void Daemon::Tick() {
  SaveAddressesIfChanged();
  clients_->Resume();
  http_->Tick();
  ++ticks_;
  if (config_.audit_every != 0 && ticks_ % config_.audit_every == 0) Audit();
  if (ticks_ % kTicksPerPrune != 0) return;
  PruneDead();
  absl::Status kept = opened_.backend->Tick();
  if (!kept.ok()) log_(absl::StrCat("housekeeping: ", kept.message()));
}

void Daemon::SaveAddressesIfChanged() {
  if (book_->changes() == saved_changes_) return;
  absl::Status saved = SaveAddresses(config_, *book_);
  if (!saved.ok()) log_(absl::StrCat("addresses are not kept: ", saved.message()));
  saved_changes_ = book_->changes();
}

void Daemon::PruneDead() {
  if (wall_ != nullptr) wall_->Sweep();
  auto sockets = ListListeners();
  if (!sockets.ok()) return registry_->Prune(nullptr);
  Registry::Listening listening;
  for (const DiagSocket& socket : *sockets) {
    const IpAddress address =
        IpAddress::FromBytes(socket.family == AF_INET ? Family::kIpv4 : Family::kIpv6, socket.address);
    listening[socket.cookie] = {static_cast<Protocol>(socket.protocol), {address.Unmapped(), socket.port}, socket.uid};
  }
  registry_->Prune(&listening);
}

std::string Daemon::Status() {
  PruneDead();
  std::vector<std::string> walls;
  if (wall_ != nullptr) walls.push_back("cgroup");
  return StatusJson(*registry_, *opened_.backend, walls, auditor_->totals());
}

AuditReport Daemon::Audit() {
  PruneDead();
  std::vector<Auditor::Enclosure> enclosures;
  if (wall_ != nullptr) {
    for (auto& [service, directory] : wall_->Directories()) enclosures.push_back({service, directory});
  }
  return auditor_->Look(registry_->AuditedSessions(), enclosures);
}

std::string Daemon::Explain(const wire::ExplainRequest& request) {
  PruneDead();
  const ExplainFacts facts = GatherFacts(*registry_, *opened_.backend, request.protocol, request.endpoint);
  return ExplanationJson(facts, forcebind::Explain(facts));
}

}  // namespace forcebind
