// SPDX-License-Identifier: Apache-2.0
// daemon: the supervisor's parts, put together around one event loop.
//
// THEORY OF OPERATION
//   Start() takes over what an earlier supervisor left, and only then opens the sockets: a companion never meets a
//   supervisor that does not know it yet. Run() ends at SIGTERM or SIGINT and leaves everything in the kernel as it is:
//   published listeners go on working, and the next supervisor finds them.
// THREADS  One.
// Tested by tests/netns/supervisor_test.cc.
#ifndef FORCEBIND_SUPERVISOR_DAEMON_H_
#define FORCEBIND_SUPERVISOR_DAEMON_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "supervisor/address_book.h"
#include "supervisor/auditor.h"
#include "supervisor/backend_choice.h"
#include "supervisor/cgroup_wall.h"
#include "supervisor/client_server.h"
#include "supervisor/event_loop.h"
#include "supervisor/registry.h"
#include "supervisor/startup.h"
#include "supervisor/status_http.h"

namespace forcebind {

class Daemon {
 public:
  // `signals` is a descriptor that becomes readable when it is time to stop.
  Daemon(const SupervisorOptions& options, const SupervisorConfig& config, OpenedBackend opened, UniqueFd signals,
         Log log);
  ~Daemon();

  absl::Status Start(const Prefix& ula);
  absl::Status Run() { return loop_->RunUntilStopped(); }

 private:
  absl::Status RestoreState();
  void OpenWall(const WallScope& scope);
  ClientServer::Wall WallForClients();
  void ReaddressWall();
  Refusal Enclose(Registry::SessionId session, const PeerCredentials& peer, const WallRules& rules, int pidfd);
  absl::Status OpenSockets();
  absl::Status OpenStatusSocket();
  absl::Status WatchDetached();
  absl::Status StartTimer();
  void Tick();
  void SaveAddressesIfChanged();
  void PruneDead();
  std::string Status();
  std::string Explain(const wire::ExplainRequest& request);
  AuditReport Audit();

  const SupervisorOptions options_;
  const SupervisorConfig config_;
  const Log log_;
  OpenedBackend opened_;
  UniqueFd signals_, timer_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<AddressBook> book_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<CgroupWall> wall_;  // null: this host cannot have it
  std::string no_wall_;               // then, why
  std::unique_ptr<Auditor> auditor_;
  std::unique_ptr<ClientServer> clients_;
  std::unique_ptr<StatusHttp> http_;
  std::vector<UniqueFd> watched_;  // pidfds of detached companions
  uint64_t saved_changes_ = 0;
  uint64_t walled_changes_ = UINT64_MAX;  // of the book, that the wall has followed; none yet
  uint64_t ticks_ = 0;
};

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_DAEMON_H_
