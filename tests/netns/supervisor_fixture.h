// SPDX-License-Identifier: Apache-2.0
// supervisor_fixture: the real supervisor over the real backend, on a host of its own with a client, and sockets that a
// service would have.
#ifndef FORCEBIND_TESTS_NETNS_SUPERVISOR_FIXTURE_H_
#define FORCEBIND_TESTS_NETNS_SUPERVISOR_FIXTURE_H_

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/netns.h"
#include "tests/support/supervisor_process.h"

namespace forcebind {

using Json = nlohmann::json;

inline constexpr char kUla[] = "fd77:1f2a:90c1::/48";
inline constexpr uid_t kUser = 1000;

Endpoint E(const std::string& text);
int DomainOf(const Endpoint& endpoint);

// A TCP socket, or one of `type`, on `endpoint`; invalid if it cannot be had. In a socket of another domain than the
// endpoint's own, an IPv4 address is mapped.
UniqueFd Bound(int domain, int type, int protocol, const Endpoint& endpoint);
UniqueFd ListenOn(const Endpoint& endpoint, int domain = 0, int protocol = 0);

// 0, or why the connection failed.
int ConnectTo(const std::string& endpoint);
// Accepts a connection that comes within 5 s.
bool HasWaiting(int listener);

wire::Hello HelloOf(const std::string& name, const std::vector<uint16_t>& ports = {});
// What a companion says of a listener on a published port 80.
wire::Listener Published();
bool KernelHasHookD();
// In a child: true if it has become an ordinary user.
bool BecomeUser();

class SupervisorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto network = TestNetwork::Create();
    ASSERT_TRUE(network.ok()) << network.status();
    network_ = *std::move(network);
    supervisor_ =
        std::make_unique<SupervisorProcess>(network_->bpffs(), absl::StrCat("ula = \"", kUla, "\"\n", config_));
    ASSERT_EQ(supervisor_->Start(), absl::OkStatus());
  }
  void TearDown() override {
    supervisor_.reset();
    network_.reset();
  }

  TestClient Connect() { return TestClient(supervisor_->socket_path()); }
  int FromClient(const std::string& endpoint) {
    return network_->OnClient([&] { return ConnectTo(endpoint); });
  }
  Json Status() {
    TestClient client = Connect();
    client.Send(wire::StatusRequest{});
    return Json::parse(client.ReceiveDocument(), nullptr, false);
  }
  // A service that publishes tcp/80 from its IPv4 address.
  UniqueFd Publish(TestClient* client, const std::string& name, int domain = AF_INET) {
    const auto welcome = client->Hello(HelloOf(name, {80}));
    if (!welcome.has_value()) return UniqueFd();
    const Endpoint target{*welcome->addresses.v4, 80};
    EXPECT_EQ(client->Claim({.protocol = Protocol::kTcp, .target = target, .dual_stack = domain == AF_INET6}), 0);
    UniqueFd listener = ListenOn(target, domain);
    EXPECT_EQ(client->Listener(Published(), listener.get()), 0);
    return listener;
  }

  std::string config_;
  std::unique_ptr<TestNetwork> network_;
  std::unique_ptr<SupervisorProcess> supervisor_;
};

}  // namespace forcebind

#endif  // FORCEBIND_TESTS_NETNS_SUPERVISOR_FIXTURE_H_
