// SPDX-License-Identifier: Apache-2.0
#include "sys/target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "sys/newer_kernel.h"

namespace forcebind {
namespace {

int PidfdOpen(pid_t pid, unsigned flags) { return static_cast<int>(syscall(SYS_pidfd_open, pid, flags)); }

// Is what was taken out of the leader's table what the thread itself has at that number?
bool IsThreadsOwn(pid_t tid, int fd, int taken) {
  struct stat theirs, ours;
  return stat(absl::StrCat("/proc/", tid, "/fd/", fd).c_str(), &theirs) == 0 && fstat(taken, &ours) == 0 &&
         theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

int ReadFile(const std::string& path, std::string* text) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return errno;
  char buffer[4096];
  ssize_t size;
  while ((size = read(fd.get(), buffer, sizeof(buffer))) > 0) text->append(buffer, static_cast<size_t>(size));
  return size < 0 ? errno : 0;
}

std::vector<uint64_t> Numbers(const std::string& text, int base, bool* good) {
  std::vector<uint64_t> numbers;
  for (const std::string& word :
       std::vector<std::string>(absl::StrSplit(text, absl::ByAnyChar(" \t"), absl::SkipEmpty()))) {
    char* end = nullptr;
    numbers.push_back(strtoull(word.c_str(), &end, base));
    if (*end != '\0') *good = false;
  }
  return numbers;
}

}  // namespace

int DescriptorSource::Open(pid_t tid) {
  tid_ = tid;
  whole_process_ = false;
  pidfd_.reset(PidfdOpen(tid, PIDFD_THREAD));
  if (pidfd_.valid() || errno != EINVAL) return pidfd_.valid() ? 0 : errno;
  // Before 6.9: thread group leaders only.
  TaskIdentity identity;
  const int error = ReadTaskIdentity(tid, &identity);
  if (error != 0) return error;
  whole_process_ = true;
  pidfd_.reset(PidfdOpen(identity.tgid, 0));
  return pidfd_.valid() ? 0 : errno;
}

int DescriptorSource::Fetch(pid_t tid, int fd, UniqueFd* out) {
  // A kept pidfd may be that of a thread that had this number before.
  if (tid_ == tid && pidfd_.valid() && Take(tid, fd, out) == 0) return 0;
  if (const int error = Open(tid)) return error;
  return Take(tid, fd, out);
}

int DescriptorSource::Take(pid_t tid, int fd, UniqueFd* out) {
  out->reset(static_cast<int>(syscall(SYS_pidfd_getfd, pidfd_.get(), fd, 0)));
  if (!out->valid()) return errno;
  if (!whole_process_ || IsThreadsOwn(tid, fd, out->get())) return 0;
  out->reset();
  return ENOTSUP;
}

int ReadTargetMemory(pid_t tid, uint64_t address, void* buffer, size_t size) {
  if (size == 0) return 0;
  iovec local = {.iov_base = buffer, .iov_len = size};
  iovec remote = {.iov_base = reinterpret_cast<void*>(address), .iov_len = size};
  const ssize_t count = process_vm_readv(tid, &local, 1, &remote, 1, 0);
  if (count < 0) return errno;
  return static_cast<size_t>(count) == size ? 0 : EFAULT;
}

int WriteTargetMemory(pid_t tid, uint64_t address, const void* buffer, size_t size,
                      absl::FunctionRef<bool()> is_alive) {
  const UniqueFd memory(open(absl::StrCat("/proc/", tid, "/mem").c_str(), O_WRONLY | O_CLOEXEC));
  if (!memory.valid()) return errno == ENOENT ? ESRCH : errno;
  if (!is_alive()) return ESRCH;
  const ssize_t count = pwrite(memory.get(), buffer, size, static_cast<off_t>(address));
  return count >= 0 && static_cast<size_t>(count) == size ? 0 : EFAULT;
}

bool ParseTaskStatus(const std::string& status, TaskIdentity* identity) {
  bool good = true;
  int found = 0;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(status, '\n', absl::SkipEmpty()))) {
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits(':', 1));
    if (parts.size() != 2) continue;
    const std::string& key = parts[0];
    const int base = key == "CapEff" ? 16 : key == "Umask" ? 8 : 10;
    if (key != "Tgid" && key != "NStgid" && key != "Uid" && key != "Gid" && key != "Groups" && base == 10) continue;
    const std::vector<uint64_t> n = Numbers(parts[1], base, &good);
    if (n.size() < (key == "Uid" || key == "Gid" ? 4 : key == "Groups" ? 0 : 1)) return false;
    ++found;
    if (key == "Tgid") identity->tgid = static_cast<pid_t>(n[0]);
    if (key == "NStgid") identity->tgid_inside = static_cast<pid_t>(n.back());
    if (key == "CapEff") identity->effective_caps = n[0];
    if (key == "Umask") identity->umask = static_cast<mode_t>(n[0]);
    if (key == "Groups") identity->groups.assign(n.begin(), n.end());
    if (key == "Uid") {
      identity->ruid = static_cast<uid_t>(n[0]), identity->euid = static_cast<uid_t>(n[1]);
      identity->suid = static_cast<uid_t>(n[2]), identity->fsuid = static_cast<uid_t>(n[3]);
    }
    if (key == "Gid") {
      identity->rgid = static_cast<gid_t>(n[0]), identity->egid = static_cast<gid_t>(n[1]);
      identity->sgid = static_cast<gid_t>(n[2]), identity->fsgid = static_cast<gid_t>(n[3]);
    }
  }
  return good && found == 7;
}

int ReadTaskIdentity(pid_t tid, TaskIdentity* identity) {
  std::string status;
  const int error = ReadFile(absl::StrCat("/proc/", tid, "/status"), &status);
  if (error != 0) return error == ENOENT ? ESRCH : error;
  if (!ParseTaskStatus(status, identity)) return EPROTO;
  // Capabilities count in the user namespace that they were given in.
  if (identity->effective_caps != 0 && !InOwnNamespace(tid, "user")) identity->effective_caps = 0;
  return 0;
}

int CompareNamespace(pid_t tid, const char* name, bool* same) {
  struct stat theirs, ours;
  if (stat(absl::StrCat("/proc/", tid, "/ns/", name).c_str(), &theirs) != 0) return errno;
  if (stat(absl::StrCat("/proc/self/ns/", name).c_str(), &ours) != 0) return errno;
  *same = theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev;
  return 0;
}

bool InOwnNamespace(pid_t tid, const char* name) {
  bool same = false;
  return CompareNamespace(tid, name, &same) == 0 && same;
}

bool IsOf(const TaskIdentity& task, uid_t uid) {
  return uid == 0 || (task.ruid == uid && task.euid == uid && task.suid == uid && task.fsuid == uid);
}

}  // namespace forcebind
