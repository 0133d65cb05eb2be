// SPDX-License-Identifier: Apache-2.0
#include "tests/netns/wall_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "sys/cgroup.h"
#include "sys/errno_status.h"
#include "sys/netns.h"

namespace forcebind {

wire::Hello ServiceHello(const std::string& name) {
  wire::Hello hello = HelloOf(name);
  hello.addresses = {*IpAddress::Parse(kV4), *IpAddress::Parse(kV6)};
  return hello;
}

Waiting::Waiting(const std::function<int()>& body) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) abort();
  pid_ = fork();
  if (pid_ == 0) {
    close(ends[1]);
    char byte;
    _exit(read(ends[0], &byte, 1) == 1 ? body() : 99);
  }
  close(ends[0]);
  go_.reset(ends[1]);
  pidfd_.reset(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
}

Waiting::~Waiting() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void Waiting::Go() { EXPECT_EQ(write(go_.get(), "", 1), 1); }

int Waiting::Wait() {
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

UniqueFd Open(int domain, int type, int protocol) {
  UniqueFd fd(socket(domain, type | SOCK_CLOEXEC, protocol));
  const timeval limit = {.tv_sec = 30, .tv_usec = 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  return fd;
}

Name NameOf(const std::string& text) {
  const Endpoint endpoint = E(text);
  Name name;
  if (endpoint.address.is_v4()) {
    auto* in = reinterpret_cast<sockaddr_in*>(&name.storage);
    in->sin_family = AF_INET;
    in->sin_port = htons(endpoint.port);
    memcpy(&in->sin_addr, endpoint.address.bytes().data(), 4);
    name.size = sizeof(*in);
  } else {
    auto* in = reinterpret_cast<sockaddr_in6*>(&name.storage);
    in->sin6_family = AF_INET6;
    in->sin6_port = htons(endpoint.port);
    memcpy(&in->sin6_addr, endpoint.address.bytes().data(), 16);
    name.size = sizeof(*in);
  }
  return name;
}

std::string Text(const Name& name) {
  char address[INET6_ADDRSTRLEN];
  const auto* in = reinterpret_cast<const sockaddr_in*>(&name.storage);
  const auto* in6 = reinterpret_cast<const sockaddr_in6*>(&name.storage);
  const bool v4 = name.storage.ss_family == AF_INET;
  inet_ntop(name.storage.ss_family, v4 ? static_cast<const void*>(&in->sin_addr) : &in6->sin6_addr, address,
            sizeof(address));
  return absl::StrCat(v4 ? "" : "[", address, v4 ? "" : "]", ":", ntohs(v4 ? in->sin_port : in6->sin6_port));
}

std::string AddressOf(const std::string& name) { return name.substr(0, name.rfind(':')); }

std::string LocalName(int fd) {
  Name name;
  return getsockname(fd, name.get(), &name.size) == 0 ? Text(name) : ErrnoName(errno);
}

std::string PeerName(int fd) {
  Name name;
  return getpeername(fd, name.get(), &name.size) == 0 ? Text(name) : ErrnoName(errno);
}

int Bind(int fd, const std::string& to) {
  const Name name = NameOf(to);
  return bind(fd, name.get(), name.size) == 0 ? 0 : errno;
}

int Dial(int fd, const std::string& to) {
  const Name name = NameOf(to);
  return connect(fd, name.get(), name.size) == 0 ? 0 : errno;
}

int SendTo(int fd, const std::string& to) {
  const Name name = NameOf(to);
  return sendto(fd, "x", 1, 0, name.get(), name.size) == 1 ? 0 : errno;
}

std::string BindOutcome(int domain, int type, const std::string& to, bool v6only) {
  const UniqueFd fd = Open(domain, type);
  const int value = v6only;
  if (domain == AF_INET6) setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &value, sizeof(value));
  const int error = Bind(fd.get(), to);
  return error == 0 ? LocalName(fd.get()) : ErrnoName(error);
}

std::string ConnectOutcome(int domain, const std::string& to, int protocol) {
  const UniqueFd fd = Open(domain, SOCK_STREAM, protocol);
  const int error = Dial(fd.get(), to);
  return error == 0 ? absl::StrCat(PeerName(fd.get()), " from ", AddressOf(LocalName(fd.get()))) : ErrnoName(error);
}

std::string SenderSeenBy(int receiver) {
  Name from;
  char byte;
  if (recvfrom(receiver, &byte, 1, 0, from.get(), &from.size) != 1) return ErrnoName(errno);
  return absl::StrCat("from ", AddressOf(Text(from)));
}

UniqueFd HostSocket(const std::string& at, int type) {
  const Endpoint endpoint = E(at);
  UniqueFd fd = Bound(DomainOf(endpoint), type, 0, endpoint);
  EXPECT_TRUE(fd.valid()) << at;
  if (type == SOCK_STREAM) listen(fd.get(), 16);
  return fd;
}

int CgroupWallTest::Enclosed(const WallRules& rules, const std::function<int()>& body) {
  TestClient client = Connect();
  EXPECT_TRUE(client.Hello(ServiceHello()).has_value());
  Waiting process(body);
  std::string why;
  EXPECT_EQ(Enclose(&client, rules, process.pidfd(), &why), 0) << why;
  process.Go();
  return process.Wait();
}

int CgroupWallTest::Enclose(TestClient* client, WallRules rules, int pidfd, std::string* why) {
  rules.alone = true;
  client->Send(wire::Enclose{.rules = rules}, pidfd);
  return client->ReceiveError(why);
}

void CgroupWallTest::ExpectEnclosed(const WallRules& rules, const std::function<std::string()>& outcome,
                                    const std::string& expected) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  const UniqueFd here(ends[0]), there(ends[1]);
  const auto tell = [&] {
    const std::string text = outcome();
    return write(there.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 98;
  };
  EXPECT_EQ(Enclosed(rules, tell), 0);
  char text[256];
  const ssize_t size = read(here.get(), text, sizeof(text));
  EXPECT_EQ(std::string(text, static_cast<size_t>(std::max<ssize_t>(size, 0))), expected);
}

std::vector<std::string> CgroupWallTest::Cgroups() const {
  std::vector<std::string> found;
  const std::string name = absl::StrCat("/forcebind-web-", *OwnNetnsCookie(), "-");
  ForEachCgroup({network_->cgroup_root(), "/"}, [&](const std::string& directory) {
    if (directory.find(name) != std::string::npos) found.push_back(directory);
  });
  return found;
}

}  // namespace forcebind
