// SPDX-License-Identifier: Apache-2.0
#include "supervisor/companion_start.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "supervisor/companion.h"
#include "sys/errno_status.h"
#include "sys/small_file.h"
#include "sys/target.h"

namespace forcebind {
namespace {

constexpr size_t kMaxStatusFile = 65536;
constexpr size_t kMaxLabel = 4096;
constexpr char kSuidDumpable[] = "/proc/sys/fs/suid_dumpable";
// As launcher/take_over.h has them.
constexpr char kVerb[] = "companion";
constexpr int kNotifyFd = 3;
constexpr int kMemoryFd = 4;
constexpr int kFirstOther = 10;

// /proc/PID/status, by the names of its lines. Empty: the process cannot be seen.
using StatusLines = std::map<std::string, std::string>;
StatusLines ReadStatus(const std::string& pid) {
  StatusLines lines;
  absl::StatusOr<std::string> text = ReadSmallFile(absl::StrCat("/proc/", pid, "/status"), kMaxStatusFile);
  if (!text.ok()) return lines;
  for (const auto& line : absl::StrSplit(*text, '\n')) {
    const std::vector<std::string> halves = absl::StrSplit(line, absl::MaxSplits(':', 1));
    if (halves.size() == 2) lines[halves[0]] = std::string(absl::StripAsciiWhitespace(halves[1]));
  }
  return lines;
}

// AppArmor's or SELinux's; empty where there is neither.
std::string LabelOf(const std::string& pid) {
  return ReadSmallFile(absl::StrCat("/proc/", pid, "/attr/current"), kMaxLabel).value_or("");
}

// A link that is no question to a file system. "/": the root of its mount namespace.
bool HasWholeRoot(pid_t pid) {
  char root[2];
  return readlink(absl::StrCat("/proc/", pid, "/root").c_str(), root, sizeof(root)) == 1 && root[0] == '/';
}

bool IsHeldByNothing(pid_t pid, const StatusLines& status) {
  StatusLines own = ReadStatus("self");
  for (const char* name : {"user", "pid", "net"}) {
    if (!InOwnNamespace(pid, name)) return false;
  }
  for (const char* line : {"Seccomp", "Seccomp_filters"}) {
    if (status.count(line) != own.count(line) || (own.count(line) != 0 && status.at(line) != own.at(line)))
      return false;
  }
  return HasWholeRoot(pid) && LabelOf(absl::StrCat(pid)) == LabelOf("self");
}

// Real, effective, saved and file system user.
bool IsOf(const StatusLines& status, uid_t uid) {
  const auto line = status.find("Uid");
  return line != status.end() && line->second == absl::StrCat(uid, "\t", uid, "\t", uid, "\t", uid);
}

// False where it is another one that cannot be had.
bool FindMountNamespace(pid_t pid, std::shared_ptr<UniqueFd>* mounts) {
  if (InOwnNamespace(pid, "mnt")) return true;
  *mounts = std::make_shared<UniqueFd>(open(absl::StrCat("/proc/", pid, "/ns/mnt").c_str(), O_RDONLY | O_CLOEXEC));
  return (*mounts)->valid();
}

bool ParseLimit(const std::string& text, rlim_t* limit) {
  *limit = RLIM_INFINITY;
  return text == "unlimited" || absl::SimpleAtoi(text, limit);
}

// By /proc/PID/limits, whose lines are in the order of the resources' numbers; prlimit(2) takes CAP_SYS_RESOURCE. The
// columns are at least two blanks apart: name, soft, hard, unit.
bool ReadLimits(pid_t pid, CompanionOrigin* origin) {
  absl::StatusOr<std::string> text = ReadSmallFile(absl::StrCat("/proc/", pid, "/limits"), kMaxStatusFile);
  if (!text.ok()) return false;
  const std::vector<std::string> lines = absl::StrSplit(*text, '\n', absl::SkipEmpty());
  if (lines.size() != origin->limits.size() + 1) return false;
  for (size_t resource = 0; resource < origin->limits.size(); ++resource) {
    const std::vector<absl::string_view> columns =
        absl::StrSplit(lines[resource + 1], absl::ByString("  "), absl::SkipWhitespace());
    rlimit& limit = origin->limits[resource];
    if (columns.size() < 3 || !ParseLimit(std::string(absl::StripAsciiWhitespace(columns[1])), &limit.rlim_cur) ||
        !ParseLimit(std::string(absl::StripAsciiWhitespace(columns[2])), &limit.rlim_max)) {
      return false;
    }
  }
  return true;
}

bool IsDead(int pidfd) {
  pollfd ended = {.fd = pidfd, .events = POLLIN, .revents = 0};
  return poll(&ended, 1, 0) != 0;
}

// Where a process that changes its user becomes dumpable, its user could look into it.
bool MayChangeUser() {
  absl::StatusOr<std::string> text = ReadSmallFile(kSuidDumpable, 16);
  return text.ok() && absl::StripAsciiWhitespace(*text) != "1";
}

// ---- in the child, until it executes

void RestoreSignals() {
  for (const int signal_number : {SIGPIPE, SIGCHLD}) signal(signal_number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

// False where one of them cannot be had. All others are close-on-exec.
bool PlaceDescriptors(int notify_fd, int memory_fd, int* program) {
  const int notify = fcntl(notify_fd, F_DUPFD_CLOEXEC, kFirstOther);
  const int memory = fcntl(memory_fd, F_DUPFD_CLOEXEC, kFirstOther);
  *program = fcntl(*program, F_DUPFD_CLOEXEC, kFirstOther);
  const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  return *program >= 0 && dup2(nothing, STDIN_FILENO) == STDIN_FILENO &&
         dup2(nothing, STDOUT_FILENO) == STDOUT_FILENO && dup2(notify, kNotifyFd) == kNotifyFd &&
         dup2(memory, kMemoryFd) == kMemoryFd;
}

bool SetLimits(const CompanionOrigin& origin) {
  for (int resource = 0; resource < RLIM_NLIMITS; ++resource) {
    rlimit limit = origin.limits[static_cast<size_t>(resource)], own;
    const auto which = static_cast<__rlimit_resource>(resource);
    if (setrlimit(which, &limit) == 0) continue;
    // Higher than the supervisor's own, which may not have the right to raise it (CAP_SYS_RESOURCE).
    if (getrlimit(which, &own) != 0) return false;
    limit = {.rlim_cur = std::min(limit.rlim_cur, own.rlim_max), .rlim_max = std::min(limit.rlim_max, own.rlim_max)};
    if (setrlimit(which, &limit) != 0) return false;
  }
  return true;
}

[[noreturn]] void Execute(int program, const CompanionOrigin& origin, int notify_fd, int memory_fd) {
  const PeerCredentials& user = origin.credentials;
  std::string uid = absl::StrCat(user.uid), capabilities = absl::StrCat(absl::Hex(origin.capabilities));
  std::string name = "forcebind", verb = kVerb;
  char* arguments[] = {name.data(), verb.data(), uid.data(), capabilities.data(), nullptr};
  char* environment[] = {nullptr};
  RestoreSignals();
  umask(S_IWGRP | S_IWOTH);
  const bool is_there = PlaceDescriptors(notify_fd, memory_fd, &program) &&
                        (origin.mounts == nullptr || setns(origin.mounts->get(), CLONE_NEWNS) == 0) && chdir("/") == 0;
  if (!is_there || setgroups(user.groups.size(), user.groups.data()) != 0 ||
      setresgid(user.gid, user.gid, user.gid) != 0 || !SetLimits(origin)) {
    _exit(126);
  }
  syscall(SYS_execveat, program, "", arguments, environment, AT_EMPTY_PATH);
  _exit(127);
}

UniqueFd OpenProgram(const std::string& path) {
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

}  // namespace

absl::StatusOr<CompanionStarter> CompanionStarter::Create(const std::string& program) {
  UniqueFd opened = OpenProgram(program);
  if (!opened.valid() && !program.empty()) return ErrnoStatus(errno, absl::StrCat("open ", program));
  if (!opened.valid()) return absl::NotFoundError("no program forcebind lies beside this one");
  std::optional<CgroupMount> cgroups;
  if (absl::StatusOr<CgroupMount> found = FindCgroupMount(); found.ok()) cgroups = *std::move(found);
  return CompanionStarter(std::move(opened), std::move(cgroups));
}

bool CompanionStarter::RunsTheProgram(pid_t pid) const {
  struct stat theirs, ours;
  return stat(absl::StrCat("/proc/", pid, "/exe").c_str(), &theirs) == 0 && fstat(program_.get(), &ours) == 0 &&
         theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

// In the order that the head of companion_start.h gives.
bool CompanionStarter::AskProc(const PeerCredentials& credentials, CompanionOrigin* origin) const {
  const pid_t pid = credentials.pid;
  StatusLines status = ReadStatus(absl::StrCat(pid));
  if (status["NoNewPrivs"] != "1" || !IsHeldByNothing(pid, status) || !RunsTheProgram(pid)) return false;
  status = ReadStatus(absl::StrCat(pid));
  if (!IsOf(status, credentials.uid) || !absl::SimpleHexAtoi(status["CapPrm"], &origin->capabilities)) return false;
  if (cgroups_) origin->cgroup = CgroupOfProcess(*cgroups_, pid);
  if (cgroups_ && origin->cgroup.empty()) return false;
  return FindMountNamespace(pid, &origin->mounts) && ReadLimits(pid, origin);
}

bool CompanionStarter::Ask(int connection, const PeerCredentials& credentials, CompanionOrigin* origin,
                           UniqueFd* pidfd) const {
  if (GetPeerPidfd(connection, pidfd) != 0) return false;
  origin->credentials = credentials;
  origin->process = IdentifyProcess(credentials.pid);
  return AskProc(credentials, origin) && !IsDead(pidfd->get());
}

ProcessId CompanionStarter::Start(const CompanionOrigin& origin, int notify_fd, int memory_fd, UniqueFd* pidfd) const {
  pidfd->reset();
  if (origin.credentials.uid != 0 && !MayChangeUser()) return {};
  UniqueFd cgroup;
  if (!origin.cgroup.empty()) cgroup.reset(open(origin.cgroup.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!origin.cgroup.empty() && !cgroup.valid()) return {};
  int opened = -1;
  clone_args arguments = {};
  arguments.flags = CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<uint64_t>(&opened);
  arguments.exit_signal = SIGCHLD;
  if (cgroup.valid()) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<uint64_t>(cgroup.get());
  }
  const long child = syscall(SYS_clone3, &arguments, sizeof(arguments));
  if (child == 0) Execute(program_.get(), origin, notify_fd, memory_fd);
  pidfd->reset(child < 0 ? -1 : opened);
  return IdentifyProcess(static_cast<pid_t>(child));
}

}  // namespace forcebind
