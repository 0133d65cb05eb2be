// SPDX-License-Identifier: Apache-2.0
#include "sys/proc_sockets.h"

#include <dirent.h>
#include <errno.h>
#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "sys/process_list.h"

namespace forcebind {
namespace {

// An errno, if the directory cannot be read.
int ForEachEntry(const std::string& path, const std::function<void(const std::string&)>& each) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(path.c_str()), closedir);
  if (directory == nullptr) return errno;
  while (const dirent* entry = readdir(directory.get())) each(entry->d_name);
  return 0;
}

// 4711 of "socket:[4711]".
std::optional<uint32_t> SocketInode(const std::string& link_path, int* error = nullptr) {
  char target[64];
  const ssize_t size = readlink(link_path.c_str(), target, sizeof(target));
  if (size < 0 && error != nullptr) *error = errno;
  if (size <= 0) return std::nullopt;
  absl::string_view text(target, static_cast<size_t>(size));
  uint32_t inode = 0;
  if (!absl::ConsumePrefix(&text, "socket:[") || !absl::ConsumeSuffix(&text, "]")) return std::nullopt;
  if (!absl::SimpleAtoi(text, &inode)) return std::nullopt;
  return inode;
}

// Two threads of one process may have a table of descriptors each (unshare(2), CLONE_FILES).
bool ShareDescriptors(pid_t one, pid_t other) {
  return one == other || syscall(SYS_kcmp, one, other, KCMP_FILES, 0, 0) == 0;
}

bool IsGone(int error) { return error == ENOENT || error == ESRCH; }

// An errno: not all of them could be looked at.
int AddSocketsOfThread(const std::string& fds, std::set<uint32_t>* inodes) {
  int refused = 0;
  const int error = ForEachEntry(fds, [&](const std::string& name) {
    int failed = 0;
    if (name[0] == '.') return;
    if (const auto inode = SocketInode(absl::StrCat(fds, "/", name), &failed)) inodes->insert(*inode);
    if (failed != 0 && !IsGone(failed)) refused = failed;
  });
  return error != 0 && !IsGone(error) ? error : refused;
}

}  // namespace

int SocketsOfProcess(pid_t pid, std::set<uint32_t>* inodes) {
  pid_t first = 0;  // of the threads, one whose table has been read
  int trouble = 0;
  const std::string tasks = absl::StrCat("/proc/", pid, "/task");
  const int error = ForEachEntry(tasks, [&](const std::string& name) {
    pid_t thread = 0;
    if (!absl::SimpleAtoi(name, &thread) || (first != 0 && ShareDescriptors(first, thread))) return;
    if (first == 0) first = thread;
    if (const int failed = AddSocketsOfThread(absl::StrCat(tasks, "/", name, "/fd"), inodes)) trouble = failed;
  });
  if (error != 0) return IsGone(error) ? ESRCH : error;
  return trouble;
}

std::map<uint32_t, SocketHolder> FindSocketHolders(const std::set<uint32_t>& wanted) {
  std::map<uint32_t, SocketHolder> holders;
  ForEachEntry("/proc", [&](const std::string& name) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(name, &pid) || pid <= 0) return;
    const std::string fds = absl::StrCat("/proc/", pid, "/fd");
    ForEachEntry(fds, [&](const std::string& name_of_fd) {
      const auto inode = SocketInode(absl::StrCat(fds, "/", name_of_fd));
      int fd = -1;
      if (!inode.has_value() || !wanted.contains(*inode) || !absl::SimpleAtoi(name_of_fd, &fd)) return;
      SocketHolder& holder = holders[*inode];
      if (holder.pid == 0 || pid < holder.pid) holder = {.pid = pid, .fd = fd, .command = CommandOf(pid)};
    });
  });
  return holders;
}

}  // namespace forcebind
