// SPDX-License-Identifier: Apache-2.0
#include "tests/support/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "sys/errno_status.h"

namespace forcebind {
namespace {

constexpr char kHostLines[] =
    "link set lo up\n"
    "addr add fd5e:1f2a:90c1::1/128 dev lo nodad\n"
    "addr add fd5e:1f2a:90c1::2/128 dev lo nodad\n"
    "addr add fd5e:1f2a:90c1::3/128 dev lo nodad\n"
    "addr add fd5e:1f2a:90c1::4/128 dev lo nodad\n"
    "addr add fd5e:1f2a:90c1::9/128 dev lo nodad\n"
    "addr add 192.0.2.7/24 dev public\n"
    "addr add 192.0.2.8/24 dev public\n"
    "addr add 198.51.100.7/24 dev public\n"
    "addr add 2001:db8::7/64 dev public nodad\n"
    "addr add 2001:db8::8/64 dev public nodad\n"
    "addr add 2001:db8:1::7/64 dev public nodad\n"
    "link set public up\n";
constexpr char kClientLines[] =
    "link set lo up\n"
    "addr add 192.0.2.100/24 dev public\n"
    "addr add 198.51.100.100/24 dev public\n"
    "addr add 2001:db8::100/64 dev public nodad\n"
    "addr add 2001:db8:1::100/64 dev public nodad\n"
    "link set public up\n";

UniqueFd OpenNamespace(const char* path) { return UniqueFd(open(path, O_RDONLY | O_CLOEXEC)); }

// The path of a descriptor of ours that a child can open, too.
std::string PathOfFd(int fd) { return absl::StrCat("/proc/", getpid(), "/fd/", fd); }

bool IsRunning(int socket, const char* device) {
  ifreq request{};
  strncpy(request.ifr_name, device, IFNAMSIZ - 1);
  return ioctl(socket, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_RUNNING) != 0;
}

// A veth end carries packets only after a work queue of the kernel has seen its carrier: wait for that news.
absl::Status WaitUntilRunning(const char* device) {
  UniqueFd news(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_LINK;
  const timeval timeout{60, 0};
  if (!news.valid() || bind(news.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
      setsockopt(news.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) != 0)
    return ErrnoStatus(errno, "listen for news of network devices");
  char buffer[8192];
  while (!IsRunning(news.get(), device))
    if (recv(news.get(), buffer, sizeof(buffer), 0) < 0) return ErrnoStatus(errno, absl::StrCat("wait for ", device));
  return absl::OkStatus();
}

// The sender of many stray packets in a row is told of each: tests wait for that answer.
absl::Status AnswerEveryStrayPacket() {
  for (const char* path : {"/proc/sys/net/ipv4/icmp_ratelimit", "/proc/sys/net/ipv6/icmp/ratelimit"}) {
    std::ofstream limit(path);
    limit << "0" << std::flush;
    if (!limit) return absl::InternalError(absl::StrCat("write ", path));
  }
  return absl::OkStatus();
}

std::string FindCgroupRoot() {
  std::ifstream mounts("/proc/self/mounts");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string device, path, type;
    fields >> device >> path >> type;
    if (type == "cgroup2") return path;
  }
  return "";
}

}  // namespace

EnteredNetns::EnteredNetns(int netns_fd) : previous_(OpenNamespace("/proc/thread-self/ns/net")) {
  if (setns(netns_fd, CLONE_NEWNET) != 0) {
    perror("setns");
    abort();
  }
}

EnteredNetns::~EnteredNetns() {
  if (setns(previous_.get(), CLONE_NEWNET) != 0) {
    perror("setns");
    abort();
  }
}

absl::Status IpBatch(const std::string& lines) {
  FILE* ip = popen("ip -batch -", "we");
  if (ip == nullptr) return ErrnoStatus(errno, "start ip(8)");
  fwrite(lines.data(), 1, lines.size(), ip);
  if (pclose(ip) != 0) return absl::InternalError(absl::StrCat("ip -batch failed at one of:\n", lines));
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<TestNetwork>> TestNetwork::Create() {
  std::unique_ptr<TestNetwork> network(new TestNetwork);
  if (absl::Status status = network->Enter(); !status.ok()) return status;
  if (absl::Status status = network->MountBpffs(); !status.ok()) return status;
  if (absl::Status status = network->ConnectHosts(); !status.ok()) return status;
  network->cgroup_root_ = FindCgroupRoot();
  return network;
}

absl::Status TestNetwork::Enter() {
  previous_netns_ = OpenNamespace("/proc/thread-self/ns/net");
  previous_mounts_ = OpenNamespace("/proc/thread-self/ns/mnt");
  previous_root_ = UniqueFd(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  previous_directory_ = UniqueFd(open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (unshare(CLONE_NEWNET) != 0) return ErrnoStatus(errno, "make the client's network namespace");
  client_ = OpenNamespace("/proc/thread-self/ns/net");
  if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) return ErrnoStatus(errno, "make the host's namespaces");
  host_ = OpenNamespace("/proc/thread-self/ns/net");
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return ErrnoStatus(errno, "make mounts private");
  return absl::OkStatus();
}

absl::Status TestNetwork::MountBpffs() {
  char directory[] = "/tmp/forcebind-test-XXXXXX";
  if (mkdtemp(directory) == nullptr) return ErrnoStatus(errno, "make a directory");
  bpffs_ = directory;
  if (mount("bpf", directory, "bpf", 0, nullptr) != 0) return ErrnoStatus(errno, "mount a bpffs");
  return absl::OkStatus();
}

absl::Status TestNetwork::ConnectHosts() {
  // With equal indices at both ends the kernel would take the carrier's news for not urgent, and wait a second.
  const std::string pair = absl::StrCat("link add public index 100 type veth peer name public index 200 netns ",
                                        PathOfFd(client_.get()), "\n");
  if (absl::Status status = IpBatch(pair + kHostLines); !status.ok()) return status;
  if (absl::Status status = OnClient([] { return IpBatch(kClientLines); }); !status.ok()) return status;
  if (absl::Status status = AnswerEveryStrayPacket(); !status.ok()) return status;
  if (absl::Status status = WaitUntilRunning("public"); !status.ok()) return status;
  return OnClient([] { return WaitUntilRunning("public"); });
}

std::string TestNetwork::OwnCgroup() const { return absl::StrCat(cgroup_root_, "/forcebind_test-", getpid()); }

TestNetwork::~TestNetwork() {
  if (previous_netns_.valid()) (void)setns(previous_netns_.get(), CLONE_NEWNET);
  if (previous_mounts_.valid()) (void)setns(previous_mounts_.get(), CLONE_NEWNS);
  // setns(2) goes to the root of the namespace, which is another one than that of a test run in a chroot.
  if (previous_root_.valid() && (fchdir(previous_root_.get()) != 0 || chroot(".") != 0)) perror("chroot");
  if (previous_directory_.valid() && fchdir(previous_directory_.get()) != 0) perror("fchdir");
  if (!bpffs_.empty()) rmdir(bpffs_.c_str());
}

}  // namespace forcebind
