// SPDX-License-Identifier: Apache-2.0
// A plain recvfrom/sendto server on a host with several addresses answers each client from the address it addressed.
#include <errno.h>
#include <poll.h>

#include "tests/conformance/conformance.h"

namespace forcebind {
namespace {

// The server's part: one datagram back to whom it came from. Returns an errno value.
int Echo(int server) {
  pollfd wait{server, POLLIN, 0};
  if (poll(&wait, 1, kPatienceMs) != 1) return ETIMEDOUT;
  char buffer[16];
  sockaddr_storage from;
  socklen_t size = sizeof(from);
  const ssize_t got = recvfrom(server, buffer, sizeof(buffer), 0, reinterpret_cast<sockaddr*>(&from), &size);
  if (got < 0) return errno;
  return sendto(server, buffer, got, 0, reinterpret_cast<sockaddr*>(&from), size) == got ? 0 : errno;
}

// Asks the server at `dialled`; the text of who answered, or what went wrong.
std::string WhoEchoes(int client, const Endpoint& dialled, int server) {
  socklen_t size;
  const sockaddr_storage to = SockaddrOf(dialled, &size);
  if (sendto(client, "ping", 4, 0, reinterpret_cast<const sockaddr*>(&to), size) != 4) return "cannot ask";
  if (const int error = Echo(server); error != 0) return strerror(error);
  pollfd wait{client, POLLIN, 0};
  if (poll(&wait, 1, kPatienceMs) != 1) return "no answer";
  char buffer[16];
  sockaddr_storage from;
  size = sizeof(from);
  if (recvfrom(client, buffer, sizeof(buffer), 0, reinterpret_cast<sockaddr*>(&from), &size) != 4) return "bad answer";
  return EndpointOf(from).ToString();
}

struct Server {
  const char* address;
  bool dual_stack;
  std::vector<const char*> dialled;
};

}  // namespace

TEST_P(ForTheBackend, UdpAnswersLeaveFromTheAddressThatTheClientAddressed) {
  StartBackend(GetParam());
  const std::vector<const char*> ipv4 = {"192.0.2.8", "192.0.2.7", "198.51.100.7"};
  const std::vector<const char*> ipv6 = {"2001:db8::8", "2001:db8::7", "2001:db8:1::7"};
  std::vector<const char*> both = ipv4;
  both.insert(both.end(), ipv6.begin(), ipv6.end());
  for (const Server& server : {Server{"127.84.3.1", false, ipv4}, Server{"fd5e:1f2a:90c1::1", false, ipv6},
                               Server{"127.84.3.2", true, both}}) {
    SCOPED_TRACE(server.address);
    SocketSpec spec = At(Protocol::kUdp, server.address);
    spec.dual_stack = server.dual_stack;
    Player service("service", spec);
    ASSERT_OPEN(service);
    const GroupId group = Publish(Protocol::kUdp, {&service}, {"0.0.0.0/0", "::/0"});
    for (const char* address : server.dialled) {
      const Endpoint dialled{Ip(address), kPort};
      UniqueFd client = UdpClient(*network_, dialled.address.family());
      // A second round: the flow is known by then.
      for (int round = 0; round < 2; ++round)
        EXPECT_EQ(WhoEchoes(client.get(), dialled, service.fd()), dialled.ToString());
    }
    ASSERT_OK(backend_->RemoveRoutes(
        {{Protocol::kUdp, kPort, Prefix::All(Family::kIpv4)}, {Protocol::kUdp, kPort, Prefix::All(Family::kIpv6)}}));
    ASSERT_OK(backend_->RemoveGroup(group));
  }
}

TEST_P(ForTheBackend, AClientThatMovesToAnotherAddressOfTheHostIsAnsweredFromThere) {
  StartBackend(GetParam());
  Player service("service", At(Protocol::kUdp, "127.84.3.1"));
  ASSERT_OPEN(service);
  Publish(Protocol::kUdp, {&service}, {"0.0.0.0/0"});
  UniqueFd client = UdpClient(*network_, Family::kIpv4);
  for (const char* address : {"192.0.2.7", "192.0.2.8", "198.51.100.7", "192.0.2.7"}) {
    const Endpoint dialled{Ip(address), kPort};
    EXPECT_EQ(WhoEchoes(client.get(), dialled, service.fd()), dialled.ToString());
  }
}

TEST_P(ForTheBackend, ASocketThatIsNotPublishedAnyMoreSendsAsWithoutForcebind) {
  StartBackend(GetParam());
  Player service("service", At(Protocol::kUdp, "127.84.3.1"));
  ASSERT_OPEN(service);
  const GroupId group = Publish(Protocol::kUdp, {&service}, {"0.0.0.0/0"});
  UniqueFd client = UdpClient(*network_, Family::kIpv4);
  const Endpoint at{Ip("192.0.2.100"), 5000}, dialled{Ip("192.0.2.7"), kPort};
  ASSERT_EQ(BindTo(client.get(), at), 0);
  EXPECT_EQ(WhoEchoes(client.get(), dialled, service.fd()), dialled.ToString());
  ASSERT_OK(backend_->RemoveRoutes({{Protocol::kUdp, kPort, Prefix::All(Family::kIpv4)}}));
  ASSERT_OK(backend_->RemoveGroup(group));
  socklen_t size;
  const sockaddr_storage to = SockaddrOf(at, &size);
  EXPECT_EQ(sendto(service.fd(), "late", 4, 0, reinterpret_cast<const sockaddr*>(&to), size), -1);
  EXPECT_EQ(errno, EINVAL);
}

TEST_P(ForTheBackend, PrivateUdpPeersAreAnsweredFromThePrivateAddress) {
  StartBackend(GetParam());
  Player service("service", At(Protocol::kUdp, "127.84.3.1"));
  ASSERT_OPEN(service);
  ASSERT_OK(backend_->AddRoutes({{.key = {Protocol::kUdp, kPort, *Prefix::Parse("127.0.0.0/8")}}}));
  Publish(Protocol::kUdp, {&service}, {"0.0.0.0/0"});
  UniqueFd client(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const Endpoint dialled{Ip("127.84.3.1"), kPort};
  EXPECT_EQ(WhoEchoes(client.get(), dialled, service.fd()), dialled.ToString());
}

}  // namespace forcebind
