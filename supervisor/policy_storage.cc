// SPDX-License-Identifier: Apache-2.0
#include "supervisor/policy_storage.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <array>
#include <cstdint>

namespace forcebind {
namespace {

constexpr char kMapName[] = "wall_policies";
constexpr size_t kMaxPrograms = 64;  // of one attach type on one cgroup (BPF_CGROUP_MAX_PROGS)
constexpr size_t kMaxMaps = 16;      // of one program of ours

bool HoldsPolicies(int map) {
  bpf_map_info info = {};
  uint32_t size = sizeof(info);
  return bpf_obj_get_info_by_fd(map, &info, &size) == 0 && info.type == BPF_MAP_TYPE_CGROUP_STORAGE &&
         info.value_size == sizeof(fb_wall_policy) && strcmp(info.name, kMapName) == 0;
}

UniqueFd FindPolicies(uint32_t program_id) {
  const UniqueFd program(bpf_prog_get_fd_by_id(program_id));
  std::array<uint32_t, kMaxMaps> maps = {};
  bpf_prog_info info = {};
  info.nr_map_ids = maps.size();
  info.map_ids = reinterpret_cast<uintptr_t>(maps.data());
  uint32_t size = sizeof(info);
  if (!program.valid() || bpf_obj_get_info_by_fd(program.get(), &info, &size) != 0) return UniqueFd();
  for (uint32_t i = 0; i < info.nr_map_ids && i < maps.size(); ++i) {
    UniqueFd map(bpf_map_get_fd_by_id(maps[i]));
    if (map.valid() && HoldsPolicies(map.get())) return map;
  }
  return UniqueFd();
}

}  // namespace

// kernfs gives out one number for both.
uint64_t CgroupId(const std::string& directory) {
  struct stat info;
  return stat(directory.c_str(), &info) == 0 ? info.st_ino : 0;
}

PolicyStorage PolicyStorage::Of(const std::string& cgroup_directory) {
  const UniqueFd cgroup(open(cgroup_directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  std::array<uint32_t, kMaxPrograms> programs = {};
  uint32_t count = programs.size();
  if (!cgroup.valid() ||
      bpf_prog_query(cgroup.get(), BPF_CGROUP_INET4_CONNECT, 0, nullptr, programs.data(), &count) != 0) {
    return PolicyStorage();
  }
  for (uint32_t i = 0; i < count; ++i) {
    if (UniqueFd map = FindPolicies(programs[i]); map.valid()) return PolicyStorage(std::move(map));
  }
  return PolicyStorage();
}

int PolicyStorage::Write(const std::string& cgroup_directory, const fb_wall_policy& policy) const {
  const uint64_t id = CgroupId(cgroup_directory);
  return bpf_map_update_elem(map_->get(), &id, &policy, BPF_EXIST) == 0 ? 0 : errno;
}

int PolicyStorage::Read(const std::string& cgroup_directory, fb_wall_policy* policy) const {
  const uint64_t id = CgroupId(cgroup_directory);
  return bpf_map_lookup_elem(map_->get(), &id, policy) == 0 ? 0 : errno;
}

}  // namespace forcebind
