// SPDX-License-Identifier: Apache-2.0
#include "bench/supervisor_process.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "bench/programs.h"
#include "sys/errno_status.h"
#include "sys/unique_fd.h"

namespace forcebind::bench {
namespace {

constexpr timeval kReadyWithin = {10, 0};

// The socket on which a daemon says READY=1; see sd_notify(3).
absl::StatusOr<UniqueFd> NotifySocket(const std::string& path) {
  UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un name = {};
  name.sun_family = AF_UNIX;
  path.copy(name.sun_path, sizeof(name.sun_path) - 1);
  if (!fd.valid() || bind(fd.get(), reinterpret_cast<sockaddr*>(&name), sizeof(name)) != 0 ||
      setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kReadyWithin, sizeof(kReadyWithin)) != 0) {
    return ErrnoStatus(errno, absl::StrCat("make ", path));
  }
  return fd;
}

absl::Status AwaitReady(int socket) {
  for (;;) {
    char text[512];
    const ssize_t size = recv(socket, text, sizeof(text), 0);
    if (size < 0) return ErrnoStatus(errno, "wait for forcebind-supervisor to be ready");
    if (absl::StrContains(absl::string_view(text, static_cast<size_t>(size)), "READY=1")) return absl::OkStatus();
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<SupervisorProcess>> SupervisorProcess::Start(const std::string& bpffs) {
  char directory[] = "/tmp/forcebind-bench-XXXXXX";
  if (mkdtemp(directory) == nullptr) return ErrnoStatus(errno, "make a directory");
  std::unique_ptr<SupervisorProcess> supervisor(new SupervisorProcess(directory));
  absl::Status launched = supervisor->Launch(bpffs);
  if (!launched.ok()) return launched;
  return supervisor;
}

absl::Status SupervisorProcess::Launch(const std::string& bpffs) {
  const std::string config = directory_ + "/supervisor.toml", ready = directory_ + "/ready.sock";
  std::ofstream(config) << "state-dir = \"" << directory_ << "/state\"\n";
  absl::StatusOr<UniqueFd> news = NotifySocket(ready);
  if (!news.ok()) return news.status();
  setenv("NOTIFY_SOCKET", ready.c_str(), 1);
  absl::StatusOr<Spawned> process = Spawn({Beside("forcebind-supervisor"), "--config", config, "--socket", socket(),
                                           "--bpf-dir", bpffs + "/forcebind", "--backend", "hook-b"},
                                          false);
  unsetenv("NOTIFY_SOCKET");
  if (!process.ok()) return process.status();
  pid_ = process->pid;
  return AwaitReady(news->get());
}

SupervisorProcess::~SupervisorProcess() {
  if (pid_ > 0) {
    kill(pid_, SIGTERM);
    WaitFor(pid_);
  }
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

}  // namespace forcebind::bench
