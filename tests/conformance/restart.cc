// SPDX-License-Identifier: Apache-2.0
// The supervisor goes and comes: nothing that was published is lost, not for one connection.
#include <poll.h>

#include <atomic>
#include <thread>

#include "sys/socket_info.h"
#include "tests/conformance/conformance.h"

namespace forcebind {

TEST_P(ForEachProtocol, AllIsInForceWithoutASupervisor) {
  const auto& [factory, protocol] = GetParam();
  StartBackend(factory);
  Player service("service", At(protocol, "127.84.3.1")), stranger("stranger", At(protocol, "192.0.2.8"));
  ASSERT_OPEN(service);
  Publish(protocol, {&service}, {"0.0.0.0/0"});
  backend_.reset();
  const std::vector<Player*> all = {&service, &stranger};
  EXPECT_EQ(Who(protocol, "192.0.2.7", all), "service");
  EXPECT_EQ(Who(protocol, "192.0.2.8", all), "service");
  ASSERT_OPEN(stranger);
  EXPECT_EQ(Who(protocol, "192.0.2.8", all), "stranger");
  stranger.Close();
  EXPECT_EQ(Who(protocol, "192.0.2.8", all), "service");
  service.Close();
  EXPECT_EQ(Who(protocol, "192.0.2.7", all), kRefused);
}

TEST_P(ForEachProtocol, ARestartFindsEverythingAgain) {
  const auto& [factory, protocol] = GetParam();
  StartBackend(factory);
  Player service("service", At(protocol, "127.84.3.1")), stranger("stranger", At(protocol, "192.0.2.8"));
  Player late("late", At(protocol, "198.51.100.7"));
  ASSERT_OPEN(service);
  ASSERT_OPEN(stranger);
  const GroupId group = Publish(protocol, {&service}, {"0.0.0.0/0"});
  const std::vector<Player*> all = {&service, &stranger, &late};
  EXPECT_EQ(Who(protocol, "192.0.2.7", all), "service");
  const auto routes = backend_->Routes();
  backend_.reset();
  ASSERT_OPEN(late);
  for (int i = 0; i < 3; ++i) {
    RestartBackend(factory);
    ASSERT_NE(backend_, nullptr);
    const auto found = backend_->Routes();
    ASSERT_OK(found.status());
    EXPECT_EQ(*found, *routes);
    const auto live = backend_->LiveSockets(group);
    ASSERT_OK(live.status());
    EXPECT_EQ(*live, std::vector<uint64_t>{SocketCookie(service.fd())});
    EXPECT_EQ(Who(protocol, "192.0.2.7", all), "service");
    EXPECT_EQ(Who(protocol, "192.0.2.8", all), "stranger");
    EXPECT_EQ(Who(protocol, "198.51.100.7", all), "late");
  }
  // Counted once, however often it was seen: one close ends it.
  stranger.Close();
  EXPECT_EQ(Who(protocol, "192.0.2.8", all), "service");
  const auto other = backend_->NewGroup();
  ASSERT_OK(other.status());
  EXPECT_NE(*other, group);
  const auto counters = backend_->Count(group);
  ASSERT_OK(counters.status());
  EXPECT_GE(counters->dispatched, 5u);
}

TEST_P(ForEachProtocol, NoClientFailsWhileTheSupervisorRestarts) {
  const auto& [factory, protocol] = GetParam();
  StartBackend(factory);
  Player service("service", At(protocol, "127.84.3.1")), stranger("stranger", At(protocol, "192.0.2.8"));
  ASSERT_OPEN(service);
  ASSERT_OPEN(stranger);
  Publish(protocol, {&service}, {"0.0.0.0/0"}, [](Route& route) { route.refuse_when_gone = true; });
  std::atomic<bool> stop = false;
  std::atomic<int> answered = 0;
  std::string failure;
  std::thread clients([&, protocol = protocol] {
    const std::vector<Player*> all = {&service, &stranger};
    while (!stop && failure.empty()) {
      const std::string here = Who(protocol, "192.0.2.7", all), there = Who(protocol, "192.0.2.8", all);
      if (here != "service" || there != "stranger") failure = here + " and " + there;
      ++answered;
    }
  });
  for (int i = 0; i < 5; ++i) {
    RestartBackend(factory);
    const int before = answered;
    while (answered < before + 3 && !stop && failure.empty()) std::this_thread::yield();
  }
  stop = true;
  clients.join();
  EXPECT_EQ(failure, "");
  EXPECT_GE(answered, 15);
}

TEST_P(ForTheBackend, ASecondSupervisorRefusesToStart) {
  StartBackend(GetParam());
  const auto second = GetParam().create(*network_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists) << second.status().ToString();
  RestartBackend(GetParam());
  const auto third = GetParam().create(*network_);
  EXPECT_EQ(third.status().code(), absl::StatusCode::kAlreadyExists) << third.status().ToString();
}

}  // namespace forcebind
