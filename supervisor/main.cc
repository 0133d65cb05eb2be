// SPDX-License-Identifier: Apache-2.0
// forcebind-supervisor: gives published ports of private services the public addresses. See forcebind-supervisor(8).
//
// Exit status: 0 after SIGTERM, SIGINT or --unload; 1 on failure; 2 for a wrong command line.
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "supervisor/cgroup_wall.h"
#include "supervisor/daemon.h"
#include "supervisor/options.h"
#include "supervisor/startup.h"
#include "sys/errno_status.h"
#include "sys/netns.h"
#include "sys/rtnetlink.h"

namespace forcebind {
namespace {

void LogLine(const std::string& line) { fprintf(stderr, "forcebind-supervisor: %s\n", line.c_str()); }

int Fail(const absl::Status& status) {
  LogLine(std::string(status.message()));
  return 1;
}

absl::StatusOr<UniqueFd> BlockSignals() {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGCHLD, SIG_IGN);  // nobody waits for the children of supervisor/descriptor_taker
  sigset_t stopping;
  sigemptyset(&stopping);
  sigaddset(&stopping, SIGTERM);
  sigaddset(&stopping, SIGINT);
  sigprocmask(SIG_BLOCK, &stopping, nullptr);
  UniqueFd fd(signalfd(-1, &stopping, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.valid()) return ErrnoStatus(errno, "watch for signals");
  return fd;
}

int Unload(const SupervisorOptions& options, const SupervisorConfig& config) {
  absl::Status unloaded = UnloadBackends(options.bpf_dir);
  if (absl::IsAlreadyExists(unloaded)) return Fail(unloaded);  // a supervisor runs
  if (auto cookie = OwnNetnsCookie(); cookie.ok()) CgroupWall::RemoveEmpty(*cookie);
  auto ula = ChooseUlaPrefix(config);
  if (!ula.ok()) return Fail(ula.status());
  // Where there is no IPv6 there is no route either.
  absl::Status removed = RemoveLocalRoute(ula->base.bytes(), ula->length);
  if (!removed.ok()) LogLine(std::string(removed.message()));
  return unloaded.ok() ? 0 : Fail(unloaded);
}

int Serve(const SupervisorOptions& options, const SupervisorConfig& config) {
  auto ula = ChooseUlaPrefix(config);
  if (!ula.ok()) return Fail(ula.status());
  auto signals = BlockSignals();
  if (!signals.ok()) return Fail(signals.status());
  auto opened = OpenBackend(options.backend, options.bpf_dir, LogLine);
  if (!opened.ok()) return Fail(opened.status());
  const std::string backend = opened->backend->name();
  Daemon daemon(options, config, *std::move(opened), *std::move(signals), LogLine);
  absl::Status status = daemon.Start(*ula);
  if (!status.ok()) return Fail(status);
  if (options.verbose) LogLine(absl::StrCat("backend ", backend, ", socket ", options.socket_path));
  sd_notify(0, "READY=1");
  status = daemon.Run();
  sd_notify(0, "STOPPING=1");
  return status.ok() ? 0 : Fail(status);
}

int Main(int argc, char** argv) {
  SupervisorOptions options;
  if (const auto done = ParseOptions(argc, argv, &options); done.has_value()) return *done;
  auto config = LoadConfig(options.config_path);
  if (!config.ok()) return Fail(config.status());
  absl::Status prepared = PrepareBpfDirectory(options.bpf_dir, LogLine);
  if (!prepared.ok()) return Fail(prepared);
  auto locks = TakeLocks(options, *config);
  if (!locks.ok()) return Fail(locks.status());
  return options.unload ? Unload(options, *config) : Serve(options, *config);
}

}  // namespace
}  // namespace forcebind

int main(int argc, char** argv) { return forcebind::Main(argc, argv); }
