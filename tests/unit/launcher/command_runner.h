// SPDX-License-Identifier: Apache-2.0
// command_runner: runs the built `forcebind` as a person would, and plays the supervisor that it asks.
#ifndef FORCEBIND_TESTS_UNIT_LAUNCHER_COMMAND_RUNNER_H_
#define FORCEBIND_TESTS_UNIT_LAUNCHER_COMMAND_RUNNER_H_

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "sys/unique_fd.h"
#include "wire/messages.h"

namespace forcebind {

struct CommandResult {
  int exit_status = -1;  // 128 + the signal if it was killed by one
  std::string out;
  std::string err;
};

// A directory of its own, which anybody may read, removed at the end with what is in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  const std::string& path() const { return path_; }
  std::string Write(const std::string& name, const std::string& text) const;

 private:
  std::string path_;
};

// kNobody: without root's rights, where the test has them.
enum class RunAs { kSelf, kNobody };

// Runs `forcebind` with these arguments; `environment` ("NAME=value") is all that it gets besides PATH.
CommandResult RunForcebind(const std::vector<std::string>& arguments, const std::vector<std::string>& environment = {},
                           RunAs who = RunAs::kSelf);

// Answers one question by a document with this text, or by this packet, and ends.
class PlayedSupervisor {
 public:
  static std::unique_ptr<PlayedSupervisor> WithDocument(const std::string& text);
  static std::unique_ptr<PlayedSupervisor> WithPacket(const std::vector<uint8_t>& packet);
  ~PlayedSupervisor();

  const std::string& path() const { return path_; }
  // What was asked. To be called when the command has ended.
  wire::Message question();

 private:
  PlayedSupervisor(std::vector<uint8_t> packet, UniqueFd document);
  void Serve();

  TemporaryDirectory directory_;
  std::string path_;
  std::vector<uint8_t> packet_;
  UniqueFd document_;
  UniqueFd listening_;
  std::vector<uint8_t> asked_;
  std::thread thread_;
};

}  // namespace forcebind

#endif  // FORCEBIND_TESTS_UNIT_LAUNCHER_COMMAND_RUNNER_H_
