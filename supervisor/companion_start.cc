// SPDX-License-Identifier: Apache-2.0
#include "supervisor/companion_start.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "supervisor/companion.h"
#include "sys/small_file.h"
#include "sys/target.h"

namespace forcebind {
namespace {

constexpr size_t kMaxStatusFile = 65536;
constexpr rlim_t kDescriptors = 1024;
// As launcher/take_over.h has them.
constexpr char kVerb[] = "companion";
constexpr int kNotifyFd = 3;
constexpr int kMemoryFd = 4;
constexpr int kFirstOther = 10;

// A link that is no question to a file system. "/": the root of its mount namespace.
bool HasWholeRoot(pid_t pid) {
  char root[2];
  return readlink(absl::StrCat("/proc/", pid, "/root").c_str(), root, sizeof(root)) == 1 && root[0] == '/';
}

bool HasOwnNamespaces(pid_t pid) {
  for (const char* name : {"user", "pid", "net"}) {
    if (!InOwnNamespace(pid, name)) return false;
  }
  return true;
}

// False where it is another one that cannot be had.
bool FindMountNamespace(pid_t pid, std::shared_ptr<UniqueFd>* mounts) {
  if (InOwnNamespace(pid, "mnt")) return true;
  *mounts = std::make_shared<UniqueFd>(open(absl::StrCat("/proc/", pid, "/ns/mnt").c_str(), O_RDONLY | O_CLOEXEC));
  return (*mounts)->valid();
}

bool IsOf(const TaskIdentity& identity, uid_t uid) {
  return identity.ruid == uid && identity.euid == uid && identity.suid == uid && identity.fsuid == uid;
}

bool ReadPermitted(pid_t pid, uint64_t* capabilities) {
  absl::StatusOr<std::string> status = ReadSmallFile(absl::StrCat("/proc/", pid, "/status"), kMaxStatusFile);
  if (!status.ok()) return false;
  for (const auto& line : absl::StrSplit(*status, '\n')) {
    const std::vector<std::string> words = absl::StrSplit(line, absl::ByAnyChar(":\t "), absl::SkipEmpty());
    if (words.size() == 2 && words[0] == "CapPrm") return absl::SimpleHexAtoi(words[1], capabilities);
  }
  return false;
}

// ---- in the child, until it executes

void RestoreSignals() {
  for (const int signal_number : {SIGPIPE, SIGCHLD}) signal(signal_number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

// False where one of them cannot be had. All others are close-on-exec.
bool PlaceDescriptors(int notify_fd, int memory_fd, int* launcher) {
  const int notify = fcntl(notify_fd, F_DUPFD_CLOEXEC, kFirstOther);
  const int memory = fcntl(memory_fd, F_DUPFD_CLOEXEC, kFirstOther);
  *launcher = fcntl(*launcher, F_DUPFD_CLOEXEC, kFirstOther);
  const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  return *launcher >= 0 && dup2(nothing, STDIN_FILENO) == STDIN_FILENO &&
         dup2(nothing, STDOUT_FILENO) == STDOUT_FILENO && dup2(notify, kNotifyFd) == kNotifyFd &&
         dup2(memory, kMemoryFd) == kMemoryFd;
}

[[noreturn]] void Execute(int launcher, const CompanionOrigin& origin, int notify_fd, int memory_fd) {
  const PeerCredentials& user = origin.credentials;
  const rlimit descriptors = {kDescriptors, kDescriptors};
  std::string uid = absl::StrCat(user.uid), capabilities = absl::StrCat(absl::Hex(origin.capabilities));
  std::string name = "forcebind", verb = kVerb;
  char* arguments[] = {name.data(), verb.data(), uid.data(), capabilities.data(), nullptr};
  char* environment[] = {nullptr};
  RestoreSignals();
  umask(S_IWGRP | S_IWOTH);
  if (!PlaceDescriptors(notify_fd, memory_fd, &launcher) || setrlimit(RLIMIT_NOFILE, &descriptors) != 0 ||
      (origin.mounts != nullptr && setns(origin.mounts->get(), CLONE_NEWNS) != 0) || chdir("/") != 0 ||
      setgroups(user.groups.size(), user.groups.data()) != 0 || setresgid(user.gid, user.gid, user.gid) != 0) {
    _exit(126);
  }
  syscall(SYS_execveat, launcher, "", arguments, environment, AT_EMPTY_PATH);
  _exit(127);
}

}  // namespace

CompanionOrigin ReadOrigin(const PeerCredentials& credentials) {
  CompanionOrigin origin{.credentials = credentials, .process = IdentifyProcess(credentials.pid)};
  TaskIdentity identity;
  origin.may_be_replaced = origin.process.start_time != 0 && ReadTaskIdentity(credentials.pid, &identity) == 0 &&
                           IsOf(identity, credentials.uid) && HasOwnNamespaces(credentials.pid) &&
                           HasWholeRoot(credentials.pid) && FindMountNamespace(credentials.pid, &origin.mounts) &&
                           ReadPermitted(credentials.pid, &origin.capabilities) &&
                           IdentifyProcess(credentials.pid) == origin.process;
  return origin;
}

ProcessId StartCompanion(int launcher, const CompanionOrigin& origin, int notify_fd, int memory_fd, UniqueFd* pidfd) {
  int opened = -1;
  clone_args arguments = {};
  arguments.flags = CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<uint64_t>(&opened);
  arguments.exit_signal = SIGCHLD;
  const long child = syscall(SYS_clone3, &arguments, sizeof(arguments));
  if (child == 0) Execute(launcher, origin, notify_fd, memory_fd);
  pidfd->reset(child < 0 ? -1 : opened);
  return IdentifyProcess(static_cast<pid_t>(child));
}

UniqueFd OpenLauncher(const std::string& path) {
  if (!path.empty()) return UniqueFd(open(path.c_str(), O_PATH | O_CLOEXEC));
  char self[4096];
  const ssize_t size = readlink("/proc/self/exe", self, sizeof(self));
  if (size <= 0) return UniqueFd();
  const std::string program(self, static_cast<size_t>(size));
  const std::string directory = program.substr(0, program.rfind('/'));
  for (const char* place : {"/forcebind", "/../bin/forcebind"}) {
    UniqueFd found(open((directory + place).c_str(), O_PATH | O_CLOEXEC));
    if (found.valid()) return found;
  }
  return UniqueFd();
}

}  // namespace forcebind
