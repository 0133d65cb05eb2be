// SPDX-License-Identifier: Apache-2.0
#include "sys/proc_sockets.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "sys/small_file.h"

namespace forcebind {
namespace {

void ForEachEntry(const std::string& path, const std::function<void(const std::string&)>& each) {
  std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(path.c_str()), closedir);
  if (directory == nullptr) return;
  while (const dirent* entry = readdir(directory.get())) each(entry->d_name);
}

// 4711 of "socket:[4711]".
std::optional<uint32_t> SocketInode(const std::string& link_path) {
  char target[64];
  const ssize_t size = readlink(link_path.c_str(), target, sizeof(target));
  if (size <= 0) return std::nullopt;
  absl::string_view text(target, static_cast<size_t>(size));
  uint32_t inode = 0;
  if (!absl::ConsumePrefix(&text, "socket:[") || !absl::ConsumeSuffix(&text, "]")) return std::nullopt;
  if (!absl::SimpleAtoi(text, &inode)) return std::nullopt;
  return inode;
}

std::string CommandOf(pid_t pid) {
  auto text = ReadSmallFile(absl::StrCat("/proc/", pid, "/comm"), 256);
  return text.ok() ? std::string(absl::StripSuffix(*text, "\n")) : "";
}

}  // namespace

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
