// SPDX-License-Identifier: Apache-2.0
// child_process: a program that a test starts, talks to and waits for. Every wait has an end (kChildTimeoutMs), at
// which the child is killed and the test fails.
#ifndef FORCEBIND_TESTS_SUPPORT_CHILD_PROCESS_H_
#define FORCEBIND_TESTS_SUPPORT_CHILD_PROCESS_H_

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sys/unique_fd.h"

namespace forcebind {

inline constexpr int kChildTimeoutMs = 120000;

// What a child's standard descriptors are. Its stderr is always a file of its own.
enum class ChildInput {
  kPipe,      // standard input and output are pipes to the test
  kTerminal,  // a terminal, the controlling one of a session of the child's own, whose group is the foreground group
};

class ChildProcess {
 public:
  // `prepare` runs in the child before it executes; it may not fail.
  explicit ChildProcess(
      const std::vector<std::string>& arguments, ChildInput input = ChildInput::kPipe,
      const std::function<void()>& prepare = [] {});
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }
  int terminal() const { return output_.get(); }
  // Everything that came on its standard output, up to now.
  const std::string& output() const { return text_; }
  // Reads until `marker` has come; false at the end of output.
  bool ReadUntil(const std::string& marker);
  // Reads what comes next; false at the end of output.
  bool ReadSome();
  // Reads until nobody has the other end any more.
  const std::string& ReadAll();
  void Write(const std::string& text);
  void CloseInput() { input_.reset(); }
  // Waits for the child's end: its exit status, or minus the signal that killed it.
  int Wait();
  std::string ErrorText() const;

 private:
  void GiveUp(const char* what);

  pid_t pid_ = -1;
  int status_ = 0;
  bool waited_ = false;
  UniqueFd pidfd_, input_, output_, errors_;
  std::string text_;
};

struct ChildResult {
  int status = 0;  // as ChildProcess::Wait()
  std::string output, errors;
};
// Starts it with nothing to read, and waits for the end of its output and for its own.
ChildResult RunChild(
    const std::vector<std::string>& arguments, const std::function<void()>& prepare = [] {});

// Waits until the process behind `pidfd` is gone; false if it is still there at the end of the time.
bool AwaitExit(int pidfd, int timeout_ms = kChildTimeoutMs);

// The processes with this name in /proc/PID/comm that are in this thread's network namespace.
std::vector<pid_t> FindProcesses(const std::string& comm);

// Kills every companion here but the process `but`, and those in reserve before that, so that nobody takes over;
// returns when they are gone.
void KillCompanions(pid_t but = -1);

}  // namespace forcebind

#endif  // FORCEBIND_TESTS_SUPPORT_CHILD_PROCESS_H_
