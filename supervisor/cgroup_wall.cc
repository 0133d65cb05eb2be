// SPDX-License-Identifier: Apache-2.0
#include "supervisor/cgroup_wall.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "bpf/wall.skel.h"
#include "supervisor/libbpf_words.h"
#include "sys/errno_status.h"
#include "sys/pidfd.h"
#include "sys/rtnetlink.h"
#include "sys/target.h"

namespace forcebind {
namespace {

constexpr char kPrefix[] = "forcebind-";

using Skeleton = std::unique_ptr<wall, decltype(&wall__destroy)>;

UniqueFd Copy(int fd) { return UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, 3)); }

// Ends every cgroup's name: which supervisor's it is, and which session's.
std::string Suffix(uint64_t netns_cookie) { return absl::StrCat("-", netns_cookie, "-"); }

std::string LastPart(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::set<std::string> CgroupsOf(const CgroupMount& mount, uint64_t netns_cookie) {
  std::set<std::string> found;
  ForEachCgroup(mount, [&](const std::string& directory) {
    const std::string name = LastPart(directory);
    if (!absl::StartsWith(name, kPrefix) || !absl::StrContains(name, Suffix(netns_cookie))) return;
    // Whoever has a cgroup delegated to him may make one of any name below it.
    if (UndelegatedCgroup(mount, directory) == directory) found.insert(directory);
  });
  return found;
}

// "web" of ".../forcebind-web-4711-3-815".
std::string ServiceOf(const std::string& directory, uint64_t netns_cookie) {
  const std::string name = LastPart(directory);
  const size_t end = name.rfind(Suffix(netns_cookie)), begin = sizeof(kPrefix) - 1;
  return end == std::string::npos || end < begin ? "" : name.substr(begin, end - begin);
}

Refusal NotMade(const std::string& directory, int error) {
  return {error, absl::StrCat("make the cgroup ", directory, ": ", ErrnoName(error))};
}

}  // namespace

absl::StatusOr<std::unique_ptr<CgroupWall>> CgroupWall::Create(const WallScope& scope, AddressesOfName addresses_of) {
  absl::StatusOr<CgroupMount> mount = FindCgroupMount();
  if (!mount.ok()) return mount.status();
  std::unique_ptr<CgroupWall> created(new CgroupWall(scope, *std::move(mount), std::move(addresses_of)));
  if (absl::Status status = created->Load(); !status.ok()) return status;
  return created;
}

absl::Status CgroupWall::Load() {
  LibbpfWords words;
  const Skeleton skeleton(wall__open(), &wall__destroy);
  if (skeleton == nullptr) return words.LoadError(errno);
  if (const int error = wall__load(skeleton.get()); error != 0) return words.LoadError(-error);
  policies_ = PolicyStorage(Copy(bpf_map__fd(skeleton->maps.wall_policies)));
  bpf_program* program;
  bpf_object__for_each_program(program, skeleton->obj) {
    programs_.emplace_back(bpf_program__expected_attach_type(program), Copy(bpf_program__fd(program)));
    if (!programs_.back().second.valid()) return ErrnoStatus(errno, "keep a program");
  }
  return policies_.valid() ? absl::OkStatus() : ErrnoStatus(errno, "keep a map");
}

std::string CgroupWall::NameOf(const Request& request, pid_t pid) const {
  return absl::StrCat(kPrefix, request.name, Suffix(scope_.netns_cookie), request.session, "-", pid);
}

Refusal CgroupWall::Enclose(const Request& request, int pidfd) {
  if (cgroups_.contains(request.session)) return {EALREADY, "the service is behind the cgroup wall already"};
  const pid_t pid = ProcessOfPidfd(pidfd);
  TaskIdentity task;
  if (pid == 0 || ReadTaskIdentity(pid, &task) != 0) return {ESRCH, "the service's process has ended"};
  if (!IsOf(task, request.uid)) return {EPERM, absl::StrCat("process ", pid, " is not user ", request.uid, "'s")};
  const std::string origin = CgroupOfProcess(mount_, pid);
  if (origin.empty()) return {ENOENT, absl::StrCat("the cgroup of process ", pid, " is not below ", mount_.path)};
  const std::string directory = absl::StrCat(UndelegatedCgroup(mount_, origin), "/", NameOf(request, pid));
  if (const int error = MakeCgroup(directory); error != 0) return NotMade(directory, error);
  fb_wall_policy policy = WallPolicy(scope_, request.addresses, request.rules);
  ResolveTargets(addresses_of_, &policy);
  policy.cgroup_id = CgroupId(directory);
  Refusal refusal = Furnish(directory, request.rules, policy);
  if (refusal.error == 0) refusal = MoveIn(directory, pid, pidfd, origin);
  if (refusal.error == 0) {
    const std::optional<IpAddress> lent = request.rules.alone ? request.addresses.v6 : std::nullopt;
    cgroups_[request.session] = {directory, lent};
    if (request.rules.connect) limited_[directory] = {policies_, policy};
    if (lent) LendUla(*lent);
  } else if (!Remove(directory)) {
    leftovers_.insert(directory);
  }
  return refusal;
}

bool CgroupWall::Attaches(uint32_t type, const WallRules& rules) const {
  switch (type) {
    case BPF_CGROUP_INET4_GETSOCKNAME:
    case BPF_CGROUP_INET6_GETSOCKNAME:
    case BPF_CGROUP_INET4_GETPEERNAME:
    case BPF_CGROUP_INET6_GETPEERNAME:
    case BPF_CGROUP_UDP4_RECVMSG:
    case BPF_CGROUP_UDP6_RECVMSG:
      return rules.report_requested;
    default:
      return true;
  }
}

// The storage is made by the first attachment.
Refusal CgroupWall::Furnish(const std::string& directory, const WallRules& rules, const fb_wall_policy& policy) const {
  const UniqueFd cgroup(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!cgroup.valid()) return NotMade(directory, errno);
  for (const auto& [type, program] : programs_) {
    if (!Attaches(type, rules)) continue;
    if (bpf_prog_attach(program.get(), cgroup.get(), static_cast<bpf_attach_type>(type), BPF_F_ALLOW_MULTI) == 0)
      continue;
    const int error = errno;
    return {error, absl::StrCat("attach a program to the cgroup ", directory, ": ", ErrnoName(error))};
  }
  const int error = policies_.Write(directory, policy);
  if (error == 0) return {};
  return {error, absl::StrCat("write the policy of the cgroup ", directory, ": ", ErrnoName(error))};
}

// A process id that is still the pidfd's after the move was so before it.
Refusal CgroupWall::MoveIn(const std::string& directory, pid_t pid, int pidfd, const std::string& origin) const {
  if (!PidfdHasProcess(pidfd)) return {ESRCH, "the service's process has ended"};
  if (const int error = MoveToCgroup(directory, pid); error != 0) {
    return {error, absl::StrCat("move process ", pid, " into the cgroup ", directory, ": ", ErrnoName(error))};
  }
  if (PidfdHasProcess(pidfd)) return {};
  MoveToCgroup(origin, pid);
  return {ESRCH, "the service's process has ended"};
}

void CgroupWall::End(uint64_t session) {
  const auto found = cgroups_.find(session);
  if (found == cgroups_.end()) return;
  const Enclosed& enclosed = found->second;
  if (!Remove(enclosed.directory)) leftovers_.insert(enclosed.directory);
  if (enclosed.ula) TakeUlaBack(*enclosed.ula);
  cgroups_.erase(found);
}

// Where it cannot be had, the service's own binds of it fail (EADDRNOTAVAIL); the companion's do not.
void CgroupWall::LendUla(const IpAddress& ula) {
  const auto lent = lent_.find(ula);
  if (lent != lent_.end()) {
    ++lent->second;
  } else if (AddLoopbackAddress(ula.bytes()).ok()) {
    lent_[ula] = 1;
  }
}

void CgroupWall::TakeUlaBack(const IpAddress& ula) {
  const auto lent = lent_.find(ula);
  if (lent == lent_.end() || --lent->second > 0) return;
  RemoveLoopbackAddress(ula.bytes()).IgnoreError();
  lent_.erase(lent);
}

void CgroupWall::RemoveEmpty(uint64_t netns_cookie) {
  const absl::StatusOr<CgroupMount> mount = FindCgroupMount();
  if (!mount.ok()) return;
  for (const std::string& directory : CgroupsOf(*mount, netns_cookie)) RemoveCgroup(directory);
}

void CgroupWall::FindLeftovers() {
  leftovers_.merge(CgroupsOf(mount_, scope_.netns_cookie));
  Sweep();
  for (const std::string& directory : leftovers_) Adopt(directory);
}

void CgroupWall::Adopt(const std::string& directory) {
  Limited limited{PolicyStorage::Of(directory), {}};
  if (!limited.storage.valid() || limited.storage.Read(directory, &limited.policy) != 0) return;
  if ((limited.policy.flags & FB_WALL_LIMITED) != 0) limited_[directory] = std::move(limited);
}

std::vector<std::pair<std::string, std::string>> CgroupWall::Directories() const {
  std::vector<std::pair<std::string, std::string>> all;
  const auto add = [&](const std::string& directory) {
    all.emplace_back(ServiceOf(directory, scope_.netns_cookie), directory);
  };
  for (const auto& [session, enclosed] : cgroups_) add(enclosed.directory);
  for (const std::string& directory : leftovers_) add(directory);
  return all;
}

void CgroupWall::Sweep() {
  for (auto it = leftovers_.begin(); it != leftovers_.end();) it = Remove(*it) ? leftovers_.erase(it) : std::next(it);
}

// False: there are processes in it.
bool CgroupWall::Remove(const std::string& directory) {
  if (RemoveCgroup(directory) != 0) return false;
  limited_.erase(directory);
  return true;
}

absl::Status CgroupWall::Readdress() {
  absl::Status status;
  for (auto it = limited_.begin(); it != limited_.end();) {
    auto& [directory, limited] = *it++;
    fb_wall_policy policy = limited.policy;
    if (!ResolveTargets(addresses_of_, &policy)) continue;
    const int error = limited.storage.Write(directory, policy);
    if (error == 0) {
      limited.policy = policy;
    } else if (error == ENOENT) {  // the cgroup is gone, and whoever was in it
      limited_.erase(std::prev(it));
    } else {
      status.Update(ErrnoStatus(error, absl::StrCat("write the policy of the cgroup ", directory)));
    }
  }
  return status;
}

}  // namespace forcebind
