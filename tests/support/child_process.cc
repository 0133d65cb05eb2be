// SPDX-License-Identifier: Apache-2.0
#include "tests/support/child_process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace forcebind {
namespace {

struct Ends {
  UniqueFd ours_in, ours_out;  // what the test writes to, and reads from
  UniqueFd theirs_in, theirs_out;
};

Ends MakePipes() {
  int to[2], from[2];
  if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) abort();
  return {UniqueFd(to[1]), UniqueFd(from[0]), UniqueFd(to[0]), UniqueFd(from[1])};
}

Ends MakeTerminal() {
  UniqueFd ours(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!ours.valid() || grantpt(ours.get()) != 0 || unlockpt(ours.get()) != 0) abort();
  UniqueFd theirs(open(ptsname(ours.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!theirs.valid()) abort();
  return {UniqueFd(dup(ours.get())), std::move(ours), UniqueFd(dup(theirs.get())), std::move(theirs)};
}

[[noreturn]] void Become(const std::vector<std::string>& arguments, const Ends& ends, int errors, ChildInput input,
                         const std::function<void()>& prepare) {
  if (input == ChildInput::kTerminal && (setsid() < 0 || ioctl(ends.theirs_in.get(), TIOCSCTTY, 0) != 0)) _exit(97);
  if (dup2(ends.theirs_in.get(), 0) < 0 || dup2(ends.theirs_out.get(), 1) < 0 || dup2(errors, 2) < 0) _exit(97);
  close_range(3, ~0u, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  prepare();
  std::vector<char*> words;
  for (const std::string& word : arguments) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  execvp(words[0], words.data());
  _exit(96);
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& arguments, ChildInput input,
                           const std::function<void()>& prepare) {
  Ends ends = input == ChildInput::kPipe ? MakePipes() : MakeTerminal();
  errors_.reset(memfd_create("stderr", MFD_CLOEXEC));
  // Child and companion share its offset only while they have the same open file.
  fcntl(errors_.get(), F_SETFL, O_APPEND);
  pid_ = fork();
  if (pid_ < 0) abort();
  if (pid_ == 0) Become(arguments, ends, errors_.get(), input, prepare);
  pidfd_.reset(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
  input_ = std::move(ends.ours_in);
  output_ = std::move(ends.ours_out);
}

ChildProcess::~ChildProcess() {
  if (waited_) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void ChildProcess::GiveUp(const char* what) {
  ADD_FAILURE() << what << " did not come in time; so far:\n" << text_ << ErrorText();
  kill(pid_, SIGKILL);
  output_.reset();
}

bool ChildProcess::ReadSome() {
  if (!output_.valid()) return false;
  pollfd readable = {.fd = output_.get(), .events = POLLIN, .revents = 0};
  if (poll(&readable, 1, kChildTimeoutMs) != 1) return GiveUp("output"), false;
  char bytes[4096];
  const ssize_t size = read(output_.get(), bytes, sizeof(bytes));
  if (size > 0) text_.append(bytes, static_cast<size_t>(size));
  return size > 0;
}

bool ChildProcess::ReadUntil(const std::string& marker) {
  while (text_.find(marker) == std::string::npos) {
    if (!ReadSome()) return false;
  }
  return true;
}

const std::string& ChildProcess::ReadAll() {
  while (ReadSome()) {
  }
  return text_;
}

void ChildProcess::Write(const std::string& text) {
  ASSERT_EQ(write(input_.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

int ChildProcess::Wait() {
  if (waited_) return status_;
  if (!AwaitExit(pidfd_.get())) GiveUp("the end of the process");
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  waited_ = true;
  status_ = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  return status_;
}

std::string ChildProcess::ErrorText() const {
  struct stat info;
  if (fstat(errors_.get(), &info) != 0) return "";
  std::string text(static_cast<size_t>(info.st_size), '\0');
  const ssize_t size = pread(errors_.get(), text.data(), text.size(), 0);
  text.resize(size > 0 ? static_cast<size_t>(size) : 0);
  return text;
}

ChildResult RunChild(const std::vector<std::string>& arguments, const std::function<void()>& prepare) {
  ChildProcess child(arguments, ChildInput::kPipe, prepare);
  child.CloseInput();
  child.ReadAll();
  const int status = child.Wait();
  return {status, child.output(), child.ErrorText()};
}

bool AwaitExit(int pidfd, int timeout_ms) {
  pollfd gone = {.fd = pidfd, .events = POLLIN, .revents = 0};
  int ready;
  while ((ready = poll(&gone, 1, timeout_ms)) < 0 && errno == EINTR) {
  }
  return ready == 1;
}

std::vector<pid_t> FindProcesses(const std::string& comm) {
  std::vector<pid_t> found;
  struct stat ours, theirs;
  DIR* directory = opendir("/proc");
  if (directory == nullptr || stat("/proc/thread-self/ns/net", &ours) != 0) abort();
  while (const dirent* entry = readdir(directory)) {
    const std::string path = absl::StrCat("/proc/", entry->d_name);
    std::string name;
    std::ifstream file(path + "/comm");
    if (!std::getline(file, name) || name != comm) continue;
    if (stat((path + "/ns/net").c_str(), &theirs) != 0 || theirs.st_ino != ours.st_ino) continue;
    found.push_back(atoi(entry->d_name));
  }
  closedir(directory);
  return found;
}

void KillCompanions(pid_t but) {
  std::vector<pid_t> companions = FindProcesses("forcebind");
  std::erase(companions, but);
  for (const pid_t pid : companions) kill(pid, SIGSTOP);
  const std::vector<pid_t> spares = FindProcesses("forcebind-spare");
  companions.insert(companions.begin(), spares.begin(), spares.end());
  std::vector<UniqueFd> ends;
  for (const pid_t pid : companions) ends.emplace_back(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  for (const pid_t pid : companions) kill(pid, SIGKILL);
  for (const UniqueFd& end : ends) {
    if (end.valid() && !AwaitExit(end.get())) abort();
  }
}

}  // namespace forcebind
