// SPDX-License-Identifier: Apache-2.0
// supervisor_process: the real forcebind-supervisor, as a child in the caller's namespaces, and a client that speaks to
// it as a companion or a command does. Every wait has an end.
#ifndef FORCEBIND_TESTS_SUPPORT_SUPERVISOR_PROCESS_H_
#define FORCEBIND_TESTS_SUPPORT_SUPERVISOR_PROCESS_H_

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sys/unique_fd.h"
#include "wire/messages.h"

namespace forcebind {

// A directory that is gone with the object.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class SupervisorProcess {
 public:
  // `config` is TOML; state-dir is added. The BPF directory is `bpffs`/forcebind.
  SupervisorProcess(const std::string& bpffs, const std::string& config);
  ~SupervisorProcess();  // kills it, and unloads what it left

  // Until it says READY=1. An error holds what it wrote to stderr.
  absl::Status Start(const std::vector<std::string>& more_arguments = {});
  // Its exit status; -signal if a signal ended it.
  int Stop(int signal);
  // Another one with the same arguments, which is expected to end by itself.
  struct Ended {
    int exit_status = 0;
    std::string stderr_text;
  };
  Ended RunToEnd(const std::vector<std::string>& more_arguments);

  pid_t pid() const { return pid_; }
  std::string socket_path() const { return dir_.path() + "/supervisor.sock"; }
  std::string state_dir() const { return dir_.path() + "/state"; }
  std::string bpf_dir() const { return bpf_dir_; }
  std::string StderrText() const;
  // A GET of the status socket; the whole answer with its head.
  std::string Get(const std::string& target) const;
  // Bytes, by /proc/PID/status.
  size_t ResidentBytes() const;

 private:
  pid_t Spawn(const std::vector<std::string>& more_arguments, const std::string& stderr_path) const;
  absl::Status AwaitReady();

  TempDir dir_;
  std::string bpf_dir_;
  UniqueFd notify_;
  pid_t pid_ = -1;
};

// One connection. REQUIRES: calls in an order that the protocol allows, or an expectation of what becomes of it.
class TestClient {
 public:
  explicit TestClient(const std::string& socket_path);

  bool connected() const { return fd_.valid(); }
  int fd() const { return fd_.get(); }
  void SendBytes(const std::vector<uint8_t>& bytes);
  void Send(const wire::Message& message, int fd = -1);
  // Nothing: the peer has closed, or ten seconds have passed.
  std::optional<wire::Message> Receive();
  // The errno of the next Result; -1 if something else came.
  int ReceiveError(std::string* text = nullptr);
  bool ReceiveClosed();
  // The JSON of the next Document.
  std::string ReceiveDocument();

  // Hello, and its Welcome; nothing if there is none.
  std::optional<wire::Welcome> Hello(const wire::Hello& hello);
  int Claim(const wire::Claim& claim);
  int Listener(const wire::Listener& listener, int fd);

 private:
  UniqueFd fd_;
};

// What `body` returns, in a child process; 255 if a signal ended it.
int InChild(const std::function<int()>& body);

}  // namespace forcebind

#endif  // FORCEBIND_TESTS_SUPPORT_SUPERVISOR_PROCESS_H_
