// SPDX-License-Identifier: Apache-2.0
#include "tests/escape/verdict.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <iterator>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "sys/netns.h"
#include "sys/sockaddr.h"
#include "sys/socket_info.h"
#include "sys/unique_fd.h"
#include "tests/support/child_process.h"

namespace forcebind {
namespace {

constexpr char kVariable[] = "FORCEBIND_ESCAPE";
constexpr char kCompanion[] = "forcebind";  // its sockets are its own

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void ForEachEntry(const std::string& path, const std::function<void(int)>& body) {
  DIR* directory = opendir(path.c_str());
  if (directory == nullptr) return;  // the process is gone
  while (const dirent* entry = readdir(directory)) {
    int number;
    if (absl::SimpleAtoi(entry->d_name, &number)) body(number);
  }
  closedir(directory);
}

UniqueFd OpenPidfd(pid_t pid) { return UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))); }

std::string Ipv4Name(const sockaddr_in& name) {
  char text[INET_ADDRSTRLEN] = "";
  inet_ntop(AF_INET, &name.sin_addr, text, sizeof(text));
  return absl::StrCat(text, ":", ntohs(name.sin_port));
}

std::string NameOf(int fd) {
  sockaddr_storage name = {};
  socklen_t size = sizeof(name);
  char text[INET6_ADDRSTRLEN] = "";
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) != 0) return "?";
  if (name.ss_family == AF_INET) return Ipv4Name(reinterpret_cast<const sockaddr_in&>(name));
  if (name.ss_family != AF_INET6) return "";
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&name);
  inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
  return absl::StrCat("[", text, "]:", ntohs(v6->sin6_port));
}

// SCTP sockets have several, of which getsockname(2) says the first: SCTP_GET_LOCAL_ADDRS of linux/sctp.h.
std::string NamesOfSctp(int fd) {
  struct {
    int32_t association;
    uint32_t count;
    sockaddr_in addresses[8];
  } answer = {};
  socklen_t size = sizeof(answer);
  if (getsockopt(fd, IPPROTO_SCTP, 109, &answer, &size) != 0) return "";
  std::string names;
  for (uint32_t i = 0; i < answer.count && i < 8 && answer.addresses[i].sin_family == AF_INET; ++i) {
    const std::string name = Ipv4Name(answer.addresses[i]);
    if (name.rfind(kPrivateV4, 0) != 0) absl::StrAppend(&names, " ", name);
  }
  return names;
}

// Of an IPv4 or IPv6 socket; empty: it is no matter of ours, or sock_diag has it.
std::string DescribeInet(int fd) {
  const int type = IntOption(fd, SOL_SOCKET, SO_TYPE, 0), protocol = IntOption(fd, SOL_SOCKET, SO_PROTOCOL, 0);
  const bool listens = IntOption(fd, SOL_SOCKET, SO_ACCEPTCONN, 0) != 0;
  const bool foreign = SocketNetnsCookie(fd) != *OwnNetnsCookie();
  const std::string name = NameOf(fd);
  const bool bound = name.substr(name.rfind(':')) != ":0";
  const std::string place = foreign ? " of another namespace" : "";
  if (type == SOCK_RAW) return absl::StrCat("raw ", name, place);
  if (type == SOCK_STREAM && (protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP)) {
    return foreign && listens ? absl::StrCat("tcp ", name, place) : "";
  }
  if (type == SOCK_DGRAM && protocol == IPPROTO_UDP) return foreign && bound ? absl::StrCat("udp ", name, place) : "";
  if (protocol == IPPROTO_UDPLITE) return bound ? absl::StrCat("udplite ", name, place) : "";
  if (!listens) return "";
  const std::string more = protocol == IPPROTO_SCTP ? NamesOfSctp(fd) : "";
  return absl::StrCat("protocol ", protocol, more.empty() ? absl::StrCat(" ", name) : more, place);
}

std::string Describe(int fd) {
  const int domain = SocketDomain(fd);
  const bool listens = IntOption(fd, SOL_SOCKET, SO_ACCEPTCONN, 0) != 0;
  switch (domain) {
    case AF_UNIX:
    case AF_NETLINK:
      return "";
    case AF_INET:
    case AF_INET6:
      return DescribeInet(fd);
    case AF_PACKET:
      return "packet";
    default:
      return listens ? absl::StrCat("family ", domain, " ", NameOf(fd)) : "";
  }
}

bool IsPrivate(const std::string& socket) {
  for (const std::string& address : {absl::StrCat(" ", kPrivateV4, ":"), absl::StrCat(" [::ffff:", kPrivateV4, "]:"),
                                     absl::StrCat(" [", kPrivateV6, "]:")}) {
    if (socket.find(address) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

std::vector<std::string> NotPrivate(std::vector<std::string> sockets) {
  std::erase_if(sockets, IsPrivate);
  return sockets;
}

MarkedRun::MarkedRun() {
  static int count = 0;
  mark_ = absl::StrCat(kVariable, "=", getpid(), "/", ++count);
}

MarkedRun::~MarkedRun() {
  for (const pid_t pid : Processes()) {
    const UniqueFd pidfd = OpenPidfd(pid);
    if (!pidfd.valid() || syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0) != 0) continue;
    AwaitExit(pidfd.get());
  }
}

void MarkedRun::Mark() const {
  const size_t equals = mark_.find('=');
  setenv(mark_.substr(0, equals).c_str(), mark_.substr(equals + 1).c_str(), 1);
}

std::vector<pid_t> MarkedRun::Processes() const {
  std::vector<pid_t> found;
  ForEachEntry("/proc", [&](int pid) {
    const std::string environment = std::string("\0", 1) + ReadAll(absl::StrCat("/proc/", pid, "/environ"));
    const std::string wanted = std::string("\0", 1) + mark_ + std::string("\0", 1);
    if (environment.find(wanted) != std::string::npos) found.push_back(pid);
  });
  return found;
}

std::vector<std::string> MarkedRun::Escaped(const ServiceHost& host) const {
  std::vector<std::string> found = host.Listeners();
  for (const pid_t pid : Processes()) {
    if (ReadAll(absl::StrCat("/proc/", pid, "/comm")) == absl::StrCat(kCompanion, "\n")) continue;
    const UniqueFd pidfd = OpenPidfd(pid);
    ForEachEntry(absl::StrCat("/proc/", pid, "/fd"), [&](int number) {
      const UniqueFd fd(static_cast<int>(syscall(SYS_pidfd_getfd, pidfd.get(), number, 0)));
      if (!fd.valid() || SocketDomain(fd.get()) < 0) return;
      const std::string line = Describe(fd.get());
      if (!line.empty()) found.push_back(line);
    });
  }
  std::sort(found.begin(), found.end());
  return NotPrivate(found);
}

}  // namespace forcebind
