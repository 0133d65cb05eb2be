// SPDX-License-Identifier: Apache-2.0
#include "tests/support/service_host.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "build_paths.h"
#include "sys/sock_diag.h"

namespace forcebind {
namespace {

constexpr uid_t kOrdinaryUser = 65534;

[[noreturn]] void Die(const std::string& what) {
  perror(what.c_str());
  abort();
}

std::map<std::string, UniqueFd> OpenPrograms(const std::vector<std::string>& more) {
  std::map<std::string, UniqueFd> programs;
  for (const std::string& name : Join({"forcebind", "probe", "probe_static", "probe_32"}, more)) {
    const std::string path = absl::StrCat(name == "forcebind" ? FORCEBIND_BIN_DIR : FORCEBIND_PROBE_DIR, "/", name);
    programs[name].reset(open(path.c_str(), O_PATH | O_CLOEXEC));
    if (!programs[name].valid()) Die(path);
  }
  return programs;
}

// A file is mounted, since its own directory may not be open to everybody.
void MountProgram(const std::string& name, int fd) {
  const std::string place = "/mnt/bin/" + name;
  const UniqueFd made(open(place.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0755));
  if (!made.valid()) Die("open " + place);
  const std::string source = absl::StrCat("/proc/", getpid(), "/fd/", fd);
  if (mount(source.c_str(), place.c_str(), nullptr, MS_BIND, nullptr) != 0) Die("mount " + place);
}

void MakeDirectory(const char* path, mode_t mode) {
  if (mkdir(path, mode) != 0 || chmod(path, mode) != 0) Die(path);
}

std::string Describe(const DiagSocket& socket) {
  char address[INET6_ADDRSTRLEN];
  inet_ntop(socket.family, socket.address.data(), address, sizeof(address));
  const bool v6 = socket.family == AF_INET6;
  return absl::StrCat(socket.protocol == IPPROTO_TCP ? "tcp " : "udp ", v6 ? "[" : "", address, v6 ? "]" : "", ":",
                      socket.port, v6 && socket.v6only ? " v6only" : "");
}

}  // namespace

ServiceHost::ServiceHost(const std::vector<std::string>& more_programs) {
  auto network = TestNetwork::Create();
  if (!network.ok()) Die(std::string(network.status().message()));
  network_ = *std::move(network);
  // From the mounts of this host, and before one of them is covered.
  const std::map<std::string, UniqueFd> programs = OpenPrograms(more_programs);
  if (mount("none", "/mnt", "tmpfs", 0, "mode=0755") != 0) Die("mount a tmpfs at /mnt");
  MakeDirectory("/mnt/bin", 0755);
  MakeDirectory("/mnt/open", 0777);
  MakeDirectory("/mnt/closed", 0755);
  for (const auto& [name, fd] : programs) MountProgram(name, fd.get());
}

std::vector<std::string> ServiceHost::Listeners() const {
  auto sockets = ListListeners();
  if (!sockets.ok()) Die(std::string(sockets.status().message()));
  std::vector<std::string> lines;
  for (const DiagSocket& socket : *sockets) lines.push_back(Describe(socket));
  std::sort(lines.begin(), lines.end());
  return lines;
}

std::vector<std::string> Join(std::vector<std::string> front, const std::vector<std::string>& back) {
  front.insert(front.end(), back.begin(), back.end());
  return front;
}

std::vector<std::string> PrivateRun(const std::vector<std::string>& more_options, const std::string& supervisor) {
  std::vector<std::string> words = {kForcebind, "run",       "--supervisor", supervisor,  "--name",
                                    "probe",    "--address", kPrivateV4,     "--address", kPrivateV6};
  return Join(Join(std::move(words), more_options), {"--"});
}

void BecomeOrdinaryUser() {
  if (setgroups(0, nullptr) != 0 || setresgid(kOrdinaryUser, kOrdinaryUser, kOrdinaryUser) != 0 ||
      setresuid(kOrdinaryUser, kOrdinaryUser, kOrdinaryUser) != 0) {
    _exit(95);
  }
}

}  // namespace forcebind
