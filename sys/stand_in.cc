// SPDX-License-Identifier: Apache-2.0
#include "sys/stand_in.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "sys/capabilities.h"
#include "sys/unique_fd.h"

namespace forcebind {
namespace {

// The task's view of the file system, opened before anything of it is taken on.
struct Directories {
  UniqueFd root, cwd, mount_namespace;  // root is invalid where it is our own
};

bool SameFile(int fd, const char* path) {
  struct stat a, b;
  return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int OpenDirectories(pid_t tid, Directories* out) {
  const std::string proc = absl::StrCat("/proc/", tid);
  out->cwd.reset(open((proc + "/cwd").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!out->cwd.valid()) return errno;
  UniqueFd root(open((proc + "/root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) return errno;
  const bool own_mounts = InOwnNamespace(tid, "mnt");
  if (!own_mounts) {
    out->mount_namespace.reset(open((proc + "/ns/mnt").c_str(), O_RDONLY | O_CLOEXEC));
    if (!out->mount_namespace.valid()) return errno;
  }
  if (!own_mounts || !SameFile(root.get(), "/")) out->root = std::move(root);
  return 0;
}

int EnterDirectories(const Directories& directories) {
  // setns() wants a view of the file system that no other thread shares.
  if (directories.mount_namespace.valid() &&
      (unshare(CLONE_FS) != 0 || setns(directories.mount_namespace.get(), CLONE_NEWNS) != 0)) {
    return errno;
  }
  if (directories.root.valid() && (fchdir(directories.root.get()) != 0 || chroot(".") != 0)) return errno;
  return fchdir(directories.cwd.get()) == 0 ? 0 : errno;
}

bool HasGroups(const std::vector<gid_t>& wanted) {
  std::vector<gid_t> groups(wanted.size() + 1);
  const int count = getgroups(static_cast<int>(groups.size()), groups.data());
  if (count < 0) return false;
  groups.resize(static_cast<size_t>(count));
  return groups == wanted;
}

// Asks for a right only where something changes: an ordinary user's forcebind has none, and nothing to change.
int SetGroups(const std::vector<gid_t>& groups) {
  return HasGroups(groups) || setgroups(groups.size(), groups.data()) == 0 ? 0 : errno;
}

int TakeCredentials(const TaskIdentity& identity) {
  if (HasOwnCredentials(identity)) return 0;
  prctl(PR_SET_KEEPCAPS, 1);
  if (const int error = SetGroups(identity.groups)) return error;
  if (setresgid(identity.rgid, identity.egid, identity.sgid) != 0) return errno;
  if (setresuid(identity.ruid, identity.euid, identity.suid) != 0) return errno;
  if (const int error = SetEffectiveCapabilities(~uint64_t{0})) return error;
  setfsgid(identity.fsgid);
  setfsuid(identity.fsuid);
  return SetEffectiveCapabilities(identity.effective_caps);
}

// For good, in a child, before the child does anything as the task.
int TakeIdentity(pid_t parent, const TaskIdentity& identity) {
  const int error = TakeCredentials(identity);
  umask(identity.umask);
  // Other credentials take both back. Nothing is done for who is gone, and nothing of his is held; and the task may not
  // trace who holds this process's descriptors.
  if (prctl(PR_SET_DUMPABLE, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) return EIO;
  return error;
}

// Runs `body` in a child, whose exit status is its errno. `flags`: of clone(2).
int InChild(uint64_t flags, absl::FunctionRef<int()> body) {
  clone_args arguments = {};
  arguments.flags = flags;
  arguments.exit_signal = SIGCHLD;
  const long child = syscall(SYS_clone3, &arguments, sizeof(arguments));
  if (child < 0) return errno;
  if (child == 0) _exit(body());
  int status;
  while (waitpid(static_cast<pid_t>(child), &status, 0) < 0) {
    if (errno != EINTR) return errno;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

// Effective user, group and groups of this process. Real and saved ids stay, and with them the way back.
int SetEffectiveIds(uid_t uid, gid_t gid, const std::vector<gid_t>& groups, bool user_first) {
  constexpr uid_t kKeep = static_cast<uid_t>(-1);
  if (user_first && setresuid(kKeep, uid, kKeep) != 0) return errno;
  if (const int error = SetGroups(groups)) return error;
  if (setresgid(kKeep, gid, kKeep) != 0) return errno;
  return user_first || setresuid(kKeep, uid, kKeep) == 0 ? 0 : errno;
}

}  // namespace

int CallWithEffectiveIds(const TaskIdentity& identity, absl::FunctionRef<int()> call) {
  Capabilities own;
  std::vector<gid_t> groups(static_cast<size_t>(getgroups(0, nullptr)));
  if (getgroups(static_cast<int>(groups.size()), groups.data()) < 0) return errno;
  if (const int error = GetCapabilities(&own)) return error;
  const uid_t uid = geteuid();
  const gid_t gid = getegid();
  int error = SetEffectiveIds(identity.euid, identity.egid, identity.groups, false);
  if (error == 0) error = call();
  // Whoever cannot be himself again must not go on.
  if (SetEffectiveIds(uid, gid, groups, true) != 0 || SetEffectiveCapabilities(own.effective) != 0) abort();
  prctl(PR_SET_DUMPABLE, 0);
  return error;
}

bool HasOwnCredentials(const TaskIdentity& identity) {
  uid_t ruid, euid, suid;
  gid_t rgid, egid, sgid;
  getresuid(&ruid, &euid, &suid);
  getresgid(&rgid, &egid, &sgid);
  if (ruid != identity.ruid || euid != identity.euid || suid != identity.suid || euid != identity.fsuid) return false;
  if (rgid != identity.rgid || egid != identity.egid || sgid != identity.sgid || egid != identity.fsgid) return false;
  Capabilities sets;
  if (!HasGroups(identity.groups) || GetCapabilities(&sets) != 0) return false;
  // CAP_NET_BIND_SERVICE is laid down here (sys/capabilities.h), and no call made through this file depends on it.
  return ((sets.effective ^ identity.effective_caps) & ~(uint64_t{1} << CAP_NET_BIND_SERVICE)) == 0;
}

int CallAs(pid_t tid, const TaskIdentity& identity, absl::FunctionRef<bool()> is_alive, absl::FunctionRef<int()> call) {
  Directories directories;
  if (const int error = OpenDirectories(tid, &directories)) return error == ENOENT ? ESRCH : error;
  if (!is_alive()) return ESRCH;
  return InChild(0, [&, self = getpid()] {
    int error = EnterDirectories(directories);
    if (error == 0) error = TakeIdentity(self, identity);
    return error != 0 ? error : call();
  });
}

int CallAsUser(const TaskIdentity& identity, absl::FunctionRef<int()> call) {
  return InChild(CLONE_FILES, [&, self = getpid()] {
    const int error = TakeIdentity(self, identity);
    return error != 0 ? error : call();
  });
}

}  // namespace forcebind
