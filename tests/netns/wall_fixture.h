// SPDX-License-Identifier: Apache-2.0
// wall_fixture: processes behind the `cgroup` wall, without a companion, seccomp or forcebind run, and what they do.
#ifndef FORCEBIND_TESTS_NETNS_WALL_FIXTURE_H_
#define FORCEBIND_TESTS_NETNS_WALL_FIXTURE_H_

#include <sys/socket.h>
#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "core/wall_rules.h"
#include "sys/unique_fd.h"
#include "tests/netns/supervisor_fixture.h"

namespace forcebind {

// The private addresses of the service.
inline constexpr char kV4[] = "127.84.3.1";
inline constexpr char kV6[] = "fd77:1f2a:90c1::3:1";

wire::Hello ServiceHello(const std::string& name = "web");

// A child that waits until it is told to go on, and then does what it was made for.
class Waiting {
 public:
  explicit Waiting(const std::function<int()>& body);
  ~Waiting();
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }
  void Go();
  int Wait();

 private:
  pid_t pid_ = -1;
  UniqueFd go_, pidfd_;
};

// ---- what a process does by itself; results are errno values

UniqueFd Open(int domain, int type, int protocol = 0);

struct Name {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

Name NameOf(const std::string& text);
std::string Text(const Name& name);
// Without its port: "127.0.0.1", "[::1]".
std::string AddressOf(const std::string& name);
std::string LocalName(int fd);
std::string PeerName(int fd);
int Bind(int fd, const std::string& to);
int Dial(int fd, const std::string& to);
int SendTo(int fd, const std::string& to);

// The name that a socket has after this bind, or the errno's.
std::string BindOutcome(int domain, int type, const std::string& to, bool v6only = false);
// Whom a TCP connection to `to` reaches and from where: "127.0.0.1:8080 from 127.0.0.1".
std::string ConnectOutcome(int domain, const std::string& to, int protocol = 0);
// What a datagram looks like where it arrives: "from 127.84.3.1".
std::string SenderSeenBy(int receiver);

// A listener, or a bound UDP socket, of nobody's in particular.
UniqueFd HostSocket(const std::string& at, int type);

class CgroupWallTest : public SupervisorTest {
 protected:
  // What `body` returns, 0 if all is well, in a process behind the wall.
  int Enclosed(const WallRules& rules, const std::function<int()>& body);
  // As without any other wall.
  static int Enclose(TestClient* client, WallRules rules, int pidfd, std::string* why);
  // Fails with both values if what `outcome` says behind the wall is not `expected`.
  void ExpectEnclosed(const WallRules& rules, const std::function<std::string()>& outcome, const std::string& expected);
  std::vector<std::string> Cgroups() const;
};

}  // namespace forcebind

#endif  // FORCEBIND_TESTS_NETNS_WALL_FIXTURE_H_
