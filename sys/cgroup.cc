// SPDX-License-Identifier: Apache-2.0
#include "sys/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "sys/small_file.h"
#include "sys/unique_fd.h"

namespace forcebind {
namespace {

constexpr size_t kMaxMountinfo = 4 << 20;
constexpr size_t kMaxProcs = 32 << 20;

// Blanks and the like stand as three octal digits in mountinfo.
std::string Unescaped(absl::string_view text) {
  std::string result;
  const auto digit = [&](size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '7'; };
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && digit(i + 1) && digit(i + 2) && digit(i + 3)) {
      result += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      result += text[i];
    }
  }
  return result;
}

bool OnlyRootMayChoose(const std::string& directory) {
  struct stat info;
  if (stat(absl::StrCat(directory, "/cgroup.procs").c_str(), &info) != 0) return false;
  return info.st_uid == 0 && (info.st_mode & S_IWOTH) == 0 && (info.st_gid == 0 || (info.st_mode & S_IWGRP) == 0);
}

// The cgroups right below.
std::vector<std::string> Children(const std::string& directory) {
  std::vector<std::string> children;
  std::error_code ignored;
  for (std::filesystem::directory_iterator entry(directory, ignored), end; entry != end; entry.increment(ignored)) {
    if (ignored) break;
    if (entry->is_directory(ignored) && !entry->is_symlink(ignored)) children.push_back(entry->path().string());
  }
  return children;
}

bool IsPopulated(const std::string& directory) {
  const absl::StatusOr<std::string> events = ReadSmallFile(directory + "/cgroup.events", 4096);
  return !events.ok() || !absl::StrContains(*events, "populated 0");
}

void Walk(const std::string& directory, const std::function<void(const std::string&)>& found) {
  for (const std::string& child : Children(directory)) {
    found(child);
    Walk(child, found);
  }
}

}  // namespace

std::optional<CgroupMount> ParseCgroupMount(const std::string& mountinfo) {
  std::optional<CgroupMount> part;
  for (const absl::string_view line : absl::StrSplit(mountinfo, '\n')) {
    const std::vector<absl::string_view> halves = absl::StrSplit(line, absl::MaxSplits(" - ", 1));
    if (halves.size() != 2 || !absl::StartsWith(halves[1], "cgroup2 ")) continue;
    const std::vector<absl::string_view> fields = absl::StrSplit(halves[0], ' ');
    if (fields.size() < 5) continue;
    CgroupMount mount{.path = Unescaped(fields[4]), .root = Unescaped(fields[3])};
    if (mount.root == "/") return mount;
    if (!part.has_value()) part = mount;
  }
  return part;
}

absl::StatusOr<CgroupMount> FindCgroupMount() {
  absl::StatusOr<std::string> text = ReadSmallFile("/proc/self/mountinfo", kMaxMountinfo);
  if (!text.ok()) return text.status();
  if (auto mount = ParseCgroupMount(*text)) return *mount;
  return absl::UnavailableError("no cgroup v2 hierarchy is mounted; mount one: mount -t cgroup2 none /sys/fs/cgroup");
}

std::string ParseCgroupOfProcess(const CgroupMount& mount, const std::string& proc_cgroup) {
  for (const absl::string_view line : absl::StrSplit(proc_cgroup, '\n')) {
    if (!absl::StartsWith(line, "0::/")) continue;
    std::string path(line.substr(3));
    // Outside this process's cgroup namespace, or removed.
    if (absl::StartsWith(path, "/..") || absl::EndsWith(path, " (deleted)")) return "";
    if (mount.root == "/") return path == "/" ? mount.path : mount.path + path;
    if (path == mount.root) return mount.path;
    if (!absl::StartsWith(path, mount.root + "/")) return "";
    return mount.path + path.substr(mount.root.size());
  }
  return "";
}

std::string CgroupOfProcess(const CgroupMount& mount, pid_t pid) {
  absl::StatusOr<std::string> text = ReadSmallFile(absl::StrCat("/proc/", pid, "/cgroup"), 1 << 16);
  return text.ok() ? ParseCgroupOfProcess(mount, *text) : "";
}

std::string UndelegatedCgroup(const CgroupMount& mount, const std::string& directory) {
  std::string place = directory;
  while (place.size() > mount.path.size() && !OnlyRootMayChoose(place)) place.resize(place.rfind('/'));
  return place;
}

int MakeCgroup(const std::string& directory) { return mkdir(directory.c_str(), 0755) == 0 ? 0 : errno; }

// With processes in it, the empty ones below may be about to be used.
int RemoveCgroup(const std::string& directory) {
  if (rmdir(directory.c_str()) == 0 || errno == ENOENT) return 0;
  const int error = errno;
  if (error != EBUSY || IsPopulated(directory)) return error;
  for (const std::string& child : Children(directory)) {
    if (const int failed = RemoveCgroup(child); failed != 0) return failed;
  }
  return rmdir(directory.c_str()) == 0 || errno == ENOENT ? 0 : errno;
}

int MoveToCgroup(const std::string& directory, pid_t pid) {
  UniqueFd procs(open(absl::StrCat(directory, "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
  if (!procs.valid()) return errno;
  const std::string text = absl::StrCat(pid);
  return write(procs.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : errno;
}

void ForEachCgroup(const CgroupMount& mount, const std::function<void(const std::string&)>& found) {
  Walk(mount.path, found);
}

CgroupTree ReadCgroupTree(const std::string& directory) {
  CgroupTree tree;
  const auto add = [&tree](const std::string& place) {
    struct stat info;
    if (stat(place.c_str(), &info) == 0) tree.ids.push_back(info.st_ino);
    const std::string text = ReadSmallFile(place + "/cgroup.procs", kMaxProcs).value_or("");
    for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
      pid_t pid = 0;
      if (absl::SimpleAtoi(line, &pid) && pid > 0) tree.processes.push_back(pid);
    }
  };
  add(directory);
  Walk(directory, add);
  return tree;
}

}  // namespace forcebind
