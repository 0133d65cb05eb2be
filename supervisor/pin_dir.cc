// SPDX-License-Identifier: Apache-2.0
#include "supervisor/pin_dir.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "sys/errno_status.h"

namespace forcebind {
namespace {

// A bpffs refuses names with a dot.
std::string StagingOf(const std::string& path) { return absl::StrCat(path, "-staging"); }

std::string ParentOf(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string WithoutTrailingSlash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

absl::Status CheckBpffs(const std::string& directory) {
  struct statfs info;
  if (statfs(directory.c_str(), &info) != 0) return ErrnoStatus(errno, absl::StrCat("look at ", directory));
  if (info.f_type == BPF_FS_MAGIC) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(directory, " is not on a BPF file system; mount one there: mount -t bpf bpf ", directory));
}

absl::StatusOr<UniqueFd> OpenDirectory(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, absl::StrCat("open ", path));
  return fd;
}

absl::Status Lock(const UniqueFd& directory, const std::string& path) {
  if (flock(directory.get(), LOCK_EX | LOCK_NB) == 0) return absl::OkStatus();
  if (errno == EWOULDBLOCK)
    return absl::AlreadyExistsError(absl::StrCat("another forcebind-supervisor is using ", path));
  return ErrnoStatus(errno, absl::StrCat("lock ", path));
}

bool IsStillNamed(const UniqueFd& directory, const std::string& path) {
  struct stat opened, named;
  return fstat(directory.get(), &opened) == 0 && stat(path.c_str(), &named) == 0 && opened.st_ino == named.st_ino &&
         opened.st_dev == named.st_dev;
}

// What was locked may have been exchanged for another directory between open and lock: then again.
absl::StatusOr<UniqueFd> OpenLocked(const std::string& path) {
  for (;;) {
    absl::StatusOr<UniqueFd> directory = OpenDirectory(path);
    if (!directory.ok()) return directory;
    if (absl::Status status = Lock(*directory, path); !status.ok()) return status;
    if (IsStillNamed(*directory, path)) return directory;
  }
}

// With all that is in it: a bpffs may be open to everybody (mode 1777). OK if there is none.
absl::Status RemoveDirectory(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  return error ? ErrnoStatus(error.value(), absl::StrCat("remove ", path)) : absl::OkStatus();
}

// The kernel takes its time with a link whose file is removed; a link that is detached has done its work. One that
// knows no detaching (a tracepoint's) goes with its file.
void DetachLinks(const std::string& directory) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (!absl::StartsWith(entry.path().filename().string(), "link_")) continue;
    const UniqueFd link(bpf_obj_get(entry.path().c_str()));
    if (link.valid()) bpf_link_detach(link.get());
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<PinDir>> PinDir::Open(const std::string& given_path) {
  const std::string path = WithoutTrailingSlash(given_path);
  if (absl::Status status = CheckBpffs(ParentOf(path)); !status.ok()) return status;
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return ErrnoStatus(errno, absl::StrCat("make ", path));
  absl::StatusOr<UniqueFd> lock = OpenLocked(path);
  if (!lock.ok()) return lock.status();
  return std::unique_ptr<PinDir>(new PinDir(path, *std::move(lock)));
}

PinDir::~PinDir() { rmdir(path_.c_str()); }

absl::StatusOr<UniqueFd> PinDir::Get(const std::string& name) const {
  const std::string path = absl::StrCat(path_, "/", name);
  UniqueFd fd(bpf_obj_get(path.c_str()));
  if (!fd.valid()) return ErrnoStatus(errno, absl::StrCat("open ", path));
  return fd;
}

absl::Status PinDir::Replace(const std::function<absl::Status(const std::string&)>& fill) {
  const std::string staging = StagingOf(path_);
  if (absl::Status status = RemoveDirectory(staging); !status.ok()) return status;
  if (mkdir(staging.c_str(), 0700) != 0) return ErrnoStatus(errno, absl::StrCat("make ", staging));
  absl::StatusOr<UniqueFd> lock = OpenLocked(staging);
  absl::Status status = lock.ok() ? fill(staging) : lock.status();
  if (status.ok() && renameat2(AT_FDCWD, staging.c_str(), AT_FDCWD, path_.c_str(), RENAME_EXCHANGE) != 0)
    status = ErrnoStatus(errno, absl::StrCat("exchange ", staging, " and ", path_));
  if (status.ok()) lock_ = *std::move(lock);
  const absl::Status removed = RemoveDirectory(staging);
  return status.ok() ? removed : status;
}

absl::Status PinDir::Remove(const std::string& given_path) {
  const std::string path = WithoutTrailingSlash(given_path);
  const std::string staging = StagingOf(path);
  absl::StatusOr<UniqueFd> lock = OpenLocked(path);
  if (absl::IsNotFound(lock.status())) return RemoveDirectory(staging);
  if (!lock.ok()) return lock.status();
  if (absl::Status status = CheckBpffs(path); !status.ok()) return status;
  if (absl::Status status = RemoveDirectory(staging); !status.ok()) return status;
  if (rename(path.c_str(), staging.c_str()) != 0) return ErrnoStatus(errno, absl::StrCat("rename ", path));
  DetachLinks(staging);
  return RemoveDirectory(staging);
}

}  // namespace forcebind
