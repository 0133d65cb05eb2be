// SPDX-License-Identifier: Apache-2.0
// Groups: SO_REUSEPORT workers that come and go, and what happens when none is left.
#include <algorithm>

#include "tests/conformance/conformance.h"

namespace forcebind {

TEST_P(ForEachProtocol, AReuseportGroupSurvivesTheDeathOfAnyWorkerInAnyOrder) {
  const auto& [factory, protocol] = GetParam();
  StartBackend(factory);
  SocketSpec spec = At(protocol, "127.84.3.1");
  spec.reuse_port = true;
  std::array<int, 3> order = {0, 1, 2};
  do {
    SCOPED_TRACE(testing::PrintToString(order));
    std::vector<Player> workers(3, Player("worker", spec));
    std::vector<Player*> all;
    for (Player& worker : workers) {
      ASSERT_OPEN(worker);
      all.push_back(&worker);
    }
    const GroupId group = Publish(protocol, all, {"0.0.0.0/0"});
    for (int dying : order) {
      EXPECT_EQ(Who(protocol, "192.0.2.7", all), "worker");
      workers[dying].Close();
    }
    EXPECT_EQ(Who(protocol, "192.0.2.7", all), kRefused);
    ASSERT_OK(backend_->RemoveRoutes({{protocol, kPort, *Prefix::Parse("0.0.0.0/0")}}));
    ASSERT_OK(backend_->RemoveGroup(group));
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_P(ForEachProtocol, AWorkerThatIsReplacedManyTimesNeverLeavesAGap) {
  const auto& [factory, protocol] = GetParam();
  StartBackend(factory);
  SocketSpec spec = At(protocol, "127.84.3.1");
  spec.reuse_port = true;
  Player current("worker", spec);
  ASSERT_OPEN(current);
  const GroupId group = Publish(protocol, {&current}, {"0.0.0.0/0"});
  for (int i = 0; i < 200; ++i) {
    Player next("worker", spec);
    ASSERT_OPEN(next);
    ASSERT_OK(backend_->AddSocket(group, next.fd()));
    current = std::move(next);
    ASSERT_EQ(Who(protocol, "192.0.2.7", {&current}), "worker") << i;
    if (i % 50 == 0) ASSERT_OK(backend_->Tick());
  }
  auto live = backend_->LiveSockets(group);
  ASSERT_OK(live.status());
  EXPECT_EQ(live->size(), 1u);
}

// The dead worker's place may go to another service at once; what is left of its group must not follow it there.
TEST_P(ForEachProtocol, ADeadWorkersPlaceLeadsNobodyToAnotherService) {
  const auto& [factory, protocol] = GetParam();
  StartBackend(factory);
  SocketSpec spec = At(protocol, "127.84.3.1");
  spec.reuse_port = true;
  Player oldest("web", spec), middle("web", spec), newest("web", spec), other("other", At(protocol, "127.84.3.2"));
  for (Player* player : {&oldest, &middle, &newest, &other}) ASSERT_OPEN(*player);
  Publish(protocol, {&oldest, &middle, &newest}, {"0.0.0.0/0"});
  middle.Close();
  ASSERT_OK(backend_->Tick());
  Publish(protocol, {&other}, {"198.51.100.0/24"});
  newest.Close();
  EXPECT_EQ(Who(protocol, "192.0.2.7", {&oldest, &other}), "web");
  oldest.Close();
  EXPECT_EQ(Who(protocol, "192.0.2.7", {&other}), kRefused);
  EXPECT_EQ(Who(protocol, "198.51.100.7", {&other}), "other");
}

TEST_P(ForEachProtocol, ASocketThatIsAddedTwiceIsThereOnce) {
  const auto& [factory, protocol] = GetParam();
  StartBackend(factory);
  Player service("service", At(protocol, "127.84.3.1"));
  ASSERT_OPEN(service);
  const GroupId group = Publish(protocol, {&service, &service}, {"0.0.0.0/0"});
  auto live = backend_->LiveSockets(group);
  ASSERT_OK(live.status());
  EXPECT_EQ(live->size(), 1u);
}

TEST_P(ForEachProtocol, WhenTheServiceIsGoneTheKernelsOwnLookupGoesOn) {
  const auto& [factory, protocol] = GetParam();
  StartBackend(factory);
  Player service("service", {.protocol = protocol, .at = {Ip("127.84.3.1"), 9090}});
  Player wildcard("wildcard", At(protocol, "0.0.0.0"));
  ASSERT_OPEN(service);
  ASSERT_OPEN(wildcard);
  const GroupId group = Publish(protocol, {&service}, {"0.0.0.0/0"});
  EXPECT_EQ(Who(protocol, "192.0.2.7", {&service, &wildcard}), "service");
  service.Close();
  EXPECT_EQ(Who(protocol, "192.0.2.7", {&service, &wildcard}), "wildcard");
  auto live = backend_->LiveSockets(group);
  ASSERT_OK(live.status());
  EXPECT_TRUE(live->empty());
}

TEST_P(ForEachProtocol, WhenTheServiceIsGoneItsPortIsRefusedIfTheRouteSaysSo) {
  const auto& [factory, protocol] = GetParam();
  StartBackend(factory);
  Player service("service", {.protocol = protocol, .at = {Ip("127.84.3.1"), 9090}});
  SocketSpec any = At(protocol, "0.0.0.0"), one = At(protocol, "192.0.2.8");
  any.reuse_port = one.reuse_port = true;
  Player wildcard("wildcard", any), exact("exact", one);
  ASSERT_OPEN(service);
  ASSERT_OPEN(wildcard);
  ASSERT_OPEN(exact);
  Publish(protocol, {&service}, {"0.0.0.0/0"}, [](Route& route) { route.refuse_when_gone = true; });
  service.Close();
  EXPECT_EQ(Who(protocol, "192.0.2.7", {&wildcard, &exact}), kRefused);
  EXPECT_EQ(Who(protocol, "192.0.2.8", {&wildcard, &exact}), "exact");
  auto totals = backend_->Totals();
  ASSERT_OK(totals.status());
  EXPECT_EQ(totals->refused, 1u);
}

TEST_P(ForTheBackend, AServiceThatShutItsListenerDownIsGoneUntilItIsAddedAgain) {
  StartBackend(GetParam());
  Player service("service", At(Protocol::kTcp, "127.84.3.1"));
  ASSERT_OPEN(service);
  const GroupId group = Publish(Protocol::kTcp, {&service}, {"0.0.0.0/0"});
  ASSERT_EQ(service.Shutdown(), 0);
  EXPECT_EQ(Who(Protocol::kTcp, "192.0.2.7", {}), kRefused);
  ASSERT_EQ(service.ListenAgain(), 0);
  ASSERT_OK(backend_->AddSocket(group, service.fd()));
  EXPECT_EQ(Who(Protocol::kTcp, "192.0.2.7", {&service}), "service");
}

TEST_P(ForTheBackend, GroupsAreHandedOutAgainOnlyWhenNothingOfThemIsLeft) {
  StartBackend(GetParam());
  Player first("first", At(Protocol::kTcp, "127.84.3.1")), second("second", At(Protocol::kTcp, "127.84.3.2"));
  ASSERT_OPEN(first);
  ASSERT_OPEN(second);
  const GroupId group = Publish(Protocol::kTcp, {&first}, {"0.0.0.0/0"});
  EXPECT_EQ(Who(Protocol::kTcp, "192.0.2.7", {&first, &second}), "first");
  ASSERT_OK(backend_->RemoveRoutes({{Protocol::kTcp, kPort, *Prefix::Parse("0.0.0.0/0")}}));
  ASSERT_OK(backend_->RemoveGroup(group));
  ASSERT_OK(backend_->Tick());
  auto live = backend_->LiveSockets(group);
  ASSERT_OK(live.status());
  EXPECT_TRUE(live->empty());
  EXPECT_FALSE(backend_->AddSocket(group, first.fd()).ok());
  const GroupId other = Publish(Protocol::kTcp, {&second}, {"0.0.0.0/0"});
  EXPECT_EQ(Who(Protocol::kTcp, "192.0.2.7", {&first, &second}), "second");
  auto counters = backend_->Count(other);
  ASSERT_OK(counters.status());
  EXPECT_EQ(counters->dispatched, 1u);
}

TEST_P(ForTheBackend, CountsWhoGotWhat) {
  StartBackend(GetParam());
  Player service("service", At(Protocol::kTcp, "127.84.3.1")), exact("exact", At(Protocol::kTcp, "192.0.2.8"));
  ASSERT_OPEN(service);
  ASSERT_OPEN(exact);
  const GroupId group = Publish(Protocol::kTcp, {&service}, {"192.0.2.0/24"});
  for (const char* address : {"192.0.2.7", "192.0.2.7", "192.0.2.8", "198.51.100.7"})
    Who(Protocol::kTcp, address, {&service, &exact});
  service.Close();
  EXPECT_EQ(Who(Protocol::kTcp, "192.0.2.7", {&exact}), kRefused);
  auto counters = backend_->Count(group);
  auto totals = backend_->Totals();
  ASSERT_OK(counters.status());
  ASSERT_OK(totals.status());
  EXPECT_EQ(counters->dispatched, 2u);
  EXPECT_EQ(counters->fell_through, 1u);
  EXPECT_EQ(totals->dispatched, 2u);
  EXPECT_EQ(totals->gone, 1u);
  EXPECT_EQ(totals->refused, 0u);
  EXPECT_EQ(totals->untracked, 0u);
}

TEST_P(ForTheBackend, SocketsThatCannotBePublishedAreRefusedWithAReason) {
  StartBackend(GetParam());
  auto group = backend_->NewGroup();
  ASSERT_OK(group.status());
  UniqueFd unbound(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  UniqueFd local(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_FALSE(backend_->AddSocket(*group, unbound.get()).ok());
  EXPECT_FALSE(backend_->AddSocket(*group, local.get()).ok());
  SocketSpec spec = At(Protocol::kTcp, "127.84.3.1");
  spec.mptcp = true;
  Player mptcp("mptcp", spec);
  if (mptcp.Open() != 0) GTEST_SKIP() << "this kernel has no MPTCP";
  EXPECT_EQ(backend_->AddSocket(*group, mptcp.fd()).code(), absl::StatusCode::kUnimplemented);
}

}  // namespace forcebind
