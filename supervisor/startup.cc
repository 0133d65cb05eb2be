// SPDX-License-Identifier: Apache-2.0
#include "supervisor/startup.h"

#include <errno.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/address_plan.h"
#include "sys/errno_status.h"
#include "sys/rtnetlink.h"
#include "sys/small_file.h"

namespace forcebind {
namespace {

constexpr size_t kMaxAddressesFile = 32 << 20;
constexpr size_t kMaxUlaFile = 256;
constexpr int kUlaLength = 48;

std::string Parent(const std::string& path) {
  const size_t slash =
      path.find_last_not_of('/') == std::string::npos ? 0 : path.rfind('/', path.find_last_not_of('/'));
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

// FAILED_PRECONDITION if `path` is in another kind of file system; NOT_FOUND if it is not there.
absl::Status CheckIsBpffs(const std::string& path) {
  struct statfs info;
  if (statfs(path.c_str(), &info) != 0) return ErrnoStatus(errno, absl::StrCat("look at ", path));
  if (info.f_type == BPF_FS_MAGIC) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(path, " is not in a bpffs"));
}

absl::StatusOr<UniqueFd> TakeLock(absl::StatusOr<UniqueFd> lock, const std::string& what) {
  if (absl::IsAlreadyExists(lock.status())) {
    return absl::AlreadyExistsError(absl::StrCat("another forcebind-supervisor runs with ", what));
  }
  return lock;
}

absl::StatusOr<Prefix> ParseUla(const std::string& text, const std::string& path) {
  auto prefix = Prefix::Parse(std::string(absl::StripAsciiWhitespace(text)));
  if (prefix.ok() && prefix->base.IsUla() && prefix->length == kUlaLength) return *prefix;
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": \"", absl::StripAsciiWhitespace(text),
                   "\" is not a /48 below fd00::/8; remove the file to get a new prefix"));
}

}  // namespace

absl::StatusOr<SupervisorConfig> LoadConfig(const std::string& path) {
  if (!path.empty()) return LoadSupervisorConfig(path);
  if (access(kDefaultConfigPath, F_OK) == 0) return LoadSupervisorConfig(kDefaultConfigPath);
  return ParseSupervisorConfig("", kDefaultConfigPath);
}

absl::StatusOr<std::vector<UniqueFd>> TakeLocks(const SupervisorOptions& options, const SupervisorConfig& config) {
  for (const std::string& directory : {options.socket_dir(), config.state_dir}) {
    absl::Status made = MakeDirectories(directory, 0755);
    if (!made.ok()) return made;
  }
  const std::string socket_lock = options.socket_path + ".lock";
  const std::string state_lock = config.state_dir + "/lock";
  std::vector<UniqueFd> locks;
  for (auto& [path, what] : {std::pair{socket_lock, "socket " + options.socket_path},
                             std::pair{state_lock, "state directory " + config.state_dir}}) {
    auto lock = TakeLock(LockFile(path), what);
    if (!lock.ok()) return lock.status();
    locks.push_back(*std::move(lock));
  }
  return locks;
}

absl::Status PrepareBpfDirectory(const std::string& bpf_dir, const Log& log) {
  const std::string parent = Parent(bpf_dir);
  absl::Status found = CheckIsBpffs(parent);
  if (absl::IsFailedPrecondition(found) && parent == "/sys/fs/bpf") {
    if (mount("bpffs", parent.c_str(), "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") != 0) {
      return ErrnoStatus(errno, absl::StrCat("mount a bpffs on ", parent));
    }
    log(absl::StrCat("mounted a bpffs on ", parent));
    found = absl::OkStatus();
  }
  return found;
}

absl::StatusOr<Prefix> ChooseUlaPrefix(const SupervisorConfig& config) {
  if (config.ula.has_value()) return *config.ula;
  const std::string path = config.state_dir + "/ula-prefix";
  auto text = ReadSmallFile(path, kMaxUlaFile);
  if (text.ok()) return ParseUla(*text, path);
  if (!absl::IsNotFound(text.status())) return text.status();
  std::array<uint8_t, 5> global_id;
  if (getrandom(global_id.data(), global_id.size(), 0) != static_cast<ssize_t>(global_id.size())) {
    return ErrnoStatus(errno, "get 40 random bits for the ULA prefix");
  }
  const Prefix prefix = UlaPrefix(global_id);
  absl::Status kept = ReplaceFile(path, prefix.ToString() + "\n", 0644);
  if (!kept.ok()) return kept;
  return prefix;
}

std::optional<Prefix> MakeUlaUsable(const Prefix& prefix, const Log& log) {
  absl::Status added = AddLocalRoute(prefix.base.bytes(), prefix.length);
  if (added.ok()) return prefix;
  log(absl::StrCat("no IPv6 for services, IPv4 alone: ", added.message()));
  return std::nullopt;
}

absl::Status LoadAddresses(const SupervisorConfig& config, const Log& log, AddressBook* book) {
  const std::string path = config.state_dir + "/addresses";
  auto text = ReadSmallFile(path, kMaxAddressesFile);
  if (absl::IsNotFound(text.status())) return absl::OkStatus();
  if (!text.ok()) return text.status();
  std::vector<std::string> left_out;
  absl::Status loaded = book->FromJson(*text, &left_out);
  for (const std::string& line : left_out) log(absl::StrCat(path, ": ", line));
  return loaded.ok() ? loaded : absl::InvalidArgumentError(absl::StrCat(path, ": ", loaded.message()));
}

absl::Status SaveAddresses(const SupervisorConfig& config, const AddressBook& book) {
  return ReplaceFile(config.state_dir + "/addresses", book.ToJson(), 0644);
}

size_t RaiseDescriptorLimit() {
  constexpr rlim_t kWanted = 65536;
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  const rlimit raised = {.rlim_cur = std::max(limit.rlim_cur, std::min(kWanted, limit.rlim_max)),
                         .rlim_max = limit.rlim_max};
  return setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur;
}

}  // namespace forcebind
