// SPDX-License-Identifier: Apache-2.0
#include "bench/programs.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sstream>

#include "absl/strings/str_cat.h"
#include "sys/errno_status.h"

extern char** environ;

namespace forcebind::bench {
namespace {

absl::StatusOr<std::pair<UniqueFd, UniqueFd>> Pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "make a pipe");
  return std::pair(UniqueFd(ends[0]), UniqueFd(ends[1]));
}

absl::StatusOr<pid_t> Start(const Words& words, const posix_spawn_file_actions_t* actions) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t pid;
  const int error = posix_spawnp(&pid, arguments[0], actions, nullptr, arguments.data(), environ);
  if (error != 0) return ErrnoStatus(error, absl::StrCat("start ", words[0]));
  return pid;
}

}  // namespace

std::string Beside(const std::string& name) {
  char path[4096];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof(path));
  const std::string self(path, size > 0 ? static_cast<size_t>(size) : 0);
  return absl::StrCat(self.substr(0, self.find_last_of('/') + 1), name);
}

std::optional<std::string> InPath(const std::string& name) {
  const char* path = getenv("PATH");
  std::istringstream directories(path != nullptr ? path : "");
  for (std::string directory; std::getline(directories, directory, ':');) {
    const std::string candidate = absl::StrCat(directory, "/", name);
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return std::nullopt;
}

Launcher Plain() { return {"plain", {}}; }

Launcher MinimalHandler() { return {"minimal handler", {Beside("forcebind-bench-minimal-handler")}}; }

Launcher ForcebindRun(Words options) {
  Words prefix = {Beside("forcebind"), "run"};
  prefix.insert(prefix.end(), options.begin(), options.end());
  prefix.push_back("--");
  return {"forcebind run", prefix};
}

absl::StatusOr<Spawned> Spawn(const Words& words, bool piped) {
  Spawned result;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  UniqueFd input, output;
  if (piped) {
    auto to = Pipe(), from = Pipe();
    if (!to.ok()) return to.status();
    if (!from.ok()) return from.status();
    std::tie(input, result.input) = *std::move(to);
    std::tie(result.output, output) = *std::move(from);
    posix_spawn_file_actions_adddup2(&actions, input.get(), STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output.get(), STDOUT_FILENO);
  }
  absl::StatusOr<pid_t> pid = Start(words, &actions);
  posix_spawn_file_actions_destroy(&actions);
  if (!pid.ok()) return pid.status();
  result.pid = *pid;
  return result;
}

int WaitFor(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

absl::StatusOr<std::unique_ptr<Worker>> Worker::Start(const Launcher& launcher, const std::string& operation,
                                                      size_t count) {
  Words words = launcher.prefix;
  words.insert(words.end(), {Beside("forcebind-bench-worker"), operation, absl::StrCat(count)});
  absl::StatusOr<Spawned> process = Spawn(words, true);
  if (!process.ok()) return process.status();
  return std::unique_ptr<Worker>(new Worker(*std::move(process), count));
}

Worker::~Worker() {
  process_.input.reset();
  WaitFor(process_.pid);
}

absl::StatusOr<std::vector<double>> Worker::Round() {
  std::vector<double> samples(count_);
  if (write(process_.input.get(), "g", 1) != 1) return ErrnoStatus(errno, "speak to the worker");
  auto* at = reinterpret_cast<char*>(samples.data());
  for (size_t missing = count_ * sizeof(double); missing > 0;) {
    const ssize_t size = read(process_.output.get(), at, missing);
    if (size <= 0) return absl::UnavailableError("the worker has died");
    at += size;
    missing -= static_cast<size_t>(size);
  }
  return samples;
}

Contestant AsContestant(const std::string& name, Worker& worker) {
  return {name, [&worker] { return worker.Round(); }};
}

}  // namespace forcebind::bench
