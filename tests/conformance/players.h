// SPDX-License-Identifier: Apache-2.0
// players: who takes part in a row of the conformance table: listeners with names, and a client that dials.
//
// Every wait has an end: an answer that does not come within kPatience is "nobody".
#ifndef FORCEBIND_TESTS_CONFORMANCE_PLAYERS_H_
#define FORCEBIND_TESTS_CONFORMANCE_PLAYERS_H_

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/endpoint.h"
#include "sys/unique_fd.h"
#include "tests/support/netns.h"

namespace forcebind {

inline constexpr int kPatienceMs = 30000;
inline constexpr char kRefused[] = "refused";

// What inet_pton(3) would take; dies on anything else.
IpAddress Ip(const char* text);

struct SocketSpec {
  Protocol protocol = Protocol::kTcp;
  Endpoint at;
  bool reuse_port = false;
  bool mptcp = false;
  bool late_port = false;   // IP_BIND_ADDRESS_NO_PORT: in listen() or at the first send
  std::string device;       // SO_BINDTODEVICE
  bool dual_stack = false;  // an IPv4 address is bound as ::ffff:a.b.c.d on an IPv6 socket that takes both
};

// A named listener of this thread's network namespace: a listening TCP socket, or a bound UDP socket.
class Player {
 public:
  Player(std::string name, SocketSpec spec);
  // A copy is another socket of the same kind, not yet open.
  Player(const Player& other) : Player(other.name_, other.spec_) {}
  Player(Player&&) = default;
  Player& operator=(Player&&) = default;

  // 0, or the errno of the call that failed.
  int Open();
  void Adopt(UniqueFd fd) { fd_ = std::move(fd); }
  void Close() { fd_.reset(); }
  // shutdown(2) of the listener, and listen(2) again.
  int Shutdown();
  int ListenAgain();

  const std::string& name() const { return name_; }
  int fd() const { return fd_.get(); }
  const SocketSpec& spec() const { return spec_; }

 private:
  std::string name_;
  SocketSpec spec_;
  UniqueFd fd_;
};

// The name of the player that a new client on the other host reaches there, or "refused"; everything else is a failure
// and says what happened.
std::string WhoAnswers(const TestNetwork& network, Protocol protocol, const Endpoint& dialled,
                       const std::vector<Player*>& players);
// The same for a client on the same host.
std::string WhoAnswersLocally(Protocol protocol, const Endpoint& dialled, const std::vector<Player*>& players);

// A client's UDP socket that is not connected, on the other host.
UniqueFd UdpClient(const TestNetwork& network, Family family);
// Who gets a datagram that `client` sends to `dialled`.
std::string WhoHears(int client, const Endpoint& dialled, const std::vector<Player*>& players);

// A network namespace with nothing in it.
UniqueFd NewNetns();

// bind(2) and connect(2): 0, or the errno.
int BindTo(int fd, const Endpoint& endpoint);
int ConnectTo(int fd, const Endpoint& endpoint);

// The name of a socket in text: getsockname(2) or getpeername(2) results.
Endpoint EndpointOf(const sockaddr_storage& address);
sockaddr_storage SockaddrOf(const Endpoint& endpoint, socklen_t* size);

}  // namespace forcebind

#endif  // FORCEBIND_TESTS_CONFORMANCE_PLAYERS_H_
