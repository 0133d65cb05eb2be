// SPDX-License-Identifier: Apache-2.0
// Routes of stage F: what neither an exact nor a wildcard listener takes. For backends that have it.
#include <algorithm>

#include "tests/conformance/conformance.h"

namespace forcebind {
namespace {

Route AtF(Protocol protocol, uint16_t port, const char* on, GroupId group = kNobody) {
  return {.key = {protocol, port, *Prefix::Parse(on), Stage::kF}, .group = group};
}

}  // namespace

TEST_P(ForEachProtocol, StageFYieldsToExactAndToWildcardListeners) {
  const auto& [factory, protocol] = GetParam();
  StartBackend(factory);
  SocketSpec dual{.protocol = protocol, .at = {Ip("127.84.3.1"), 9090}, .dual_stack = true};
  Player service("service", dual);
  ASSERT_OPEN(service);
  const GroupId group = Publish(protocol, {&service}, {});
  ASSERT_OK(backend_->AddRoutes({AtF(protocol, kPort, "0.0.0.0/0", group), AtF(protocol, kPort, "::/0", group)}));
  struct Family {
    const char *here, *there, *wildcard;
  };
  for (const Family& family :
       {Family{"192.0.2.7", "192.0.2.8", "0.0.0.0"}, Family{"2001:db8::7", "2001:db8::8", "::"}}) {
    SCOPED_TRACE(family.here);
    Player exact("exact", At(protocol, family.here)), wildcard("wildcard", At(protocol, family.wildcard));
    const std::vector<Player*> all = {&service, &exact, &wildcard};
    EXPECT_EQ(Who(protocol, family.here, all), "service");
    ASSERT_OPEN(exact);
    EXPECT_EQ(Who(protocol, family.here, all), "exact");
    EXPECT_EQ(Who(protocol, family.there, all), "service");
    exact.Close();
    ASSERT_OPEN(wildcard);
    EXPECT_EQ(Who(protocol, family.here, all), "wildcard");
    EXPECT_EQ(Who(protocol, family.there, all), "wildcard");
    wildcard.Close();
    EXPECT_EQ(Who(protocol, family.here, all), "service");
  }
  service.Close();
  EXPECT_EQ(Who(protocol, "192.0.2.7", {&service}), kRefused);
}

TEST_P(ForEachProtocol, StageFTakesAnyPortAfterThePortsOwnRoutes) {
  const auto& [factory, protocol] = GetParam();
  const Protocol other = protocol == Protocol::kTcp ? Protocol::kUdp : Protocol::kTcp;
  StartBackend(factory);
  Player any("any", {.protocol = protocol, .at = {Ip("127.84.3.1"), 9090}});
  Player own("own", {.protocol = protocol, .at = {Ip("127.84.3.2"), 9090}});
  Player published("published", {.protocol = protocol, .at = {Ip("127.84.3.3"), 9090}});
  for (Player* player : {&any, &own, &published}) ASSERT_OPEN(*player);
  const std::vector<Player*> all = {&any, &own, &published};
  const GroupId any_group = Publish(protocol, {&any}, {}), own_group = Publish(protocol, {&own}, {});
  ASSERT_OK(
      backend_->AddRoutes({AtF(protocol, kAnyPort, "0.0.0.0/0", any_group), AtF(protocol, kAnyPort, "198.51.100.0/24"),
                           AtF(protocol, kPort, "192.0.2.8/32", own_group)}));
  EXPECT_EQ(Who(protocol, "192.0.2.7", all), "any");
  EXPECT_EQ(WhoAnswers(*network_, protocol, {Ip("192.0.2.7"), 1}, all), "any");
  EXPECT_EQ(WhoAnswers(*network_, protocol, {Ip("192.0.2.7"), 65535}, all), "any");
  EXPECT_EQ(Who(protocol, "192.0.2.8", all), "own");
  EXPECT_EQ(WhoAnswers(*network_, protocol, {Ip("192.0.2.8"), kPort + 1}, all), "any");
  EXPECT_EQ(Who(protocol, "198.51.100.7", all), kRefused) << "a hole";
  EXPECT_EQ(Who(other, "192.0.2.7", all), kRefused);
  EXPECT_EQ(Who(protocol, "2001:db8::7", all), kRefused);
  // What is published at stage D comes first.
  Publish(protocol, {&published}, {"192.0.2.0/24"});
  EXPECT_EQ(Who(protocol, "192.0.2.7", all), "published");
  EXPECT_EQ(Who(protocol, "192.0.2.8", all), "published");
}

TEST_P(ForEachProtocol, StageFIsInForceWithoutASupervisorAndReadBack) {
  const auto& [factory, protocol] = GetParam();
  StartBackend(factory);
  Player service("service", {.protocol = protocol, .at = {Ip("127.84.3.1"), 9090}});
  ASSERT_OPEN(service);
  const GroupId group = Publish(protocol, {&service}, {});
  std::vector<Route> routes = {AtF(protocol, kAnyPort, "0.0.0.0/0", group),
                               AtF(protocol, kPort, "127.64.0.0/10"),
                               {.key = {protocol, kPort, *Prefix::Parse("0.0.0.0/0")}}};
  ASSERT_OK(backend_->AddRoutes(routes));
  backend_.reset();
  EXPECT_EQ(WhoAnswers(*network_, protocol, {Ip("192.0.2.7"), 1234}, {&service}), "service");
  RestartBackend(factory);
  auto found = backend_->Routes();
  ASSERT_OK(found.status());
  const auto by_key = [](const Route& a, const Route& b) { return a.key < b.key; };
  std::sort(found->begin(), found->end(), by_key);
  std::sort(routes.begin(), routes.end(), by_key);
  EXPECT_EQ(*found, routes);
  EXPECT_EQ(WhoAnswers(*network_, protocol, {Ip("192.0.2.7"), 1234}, {&service}), "service");
  ASSERT_OK(backend_->RemoveRoutes({routes[0].key, routes[1].key, routes[2].key}));
  EXPECT_EQ(WhoAnswers(*network_, protocol, {Ip("192.0.2.7"), 1234}, {&service}), kRefused);
}

TEST_P(ForEachProtocol, AtStageFAServiceThatIsGoneCanRefuse) {
  const auto& [factory, protocol] = GetParam();
  StartBackend(factory);
  Player service("service", {.protocol = protocol, .at = {Ip("127.84.3.1"), 9090}});
  ASSERT_OPEN(service);
  const GroupId group = Publish(protocol, {&service}, {});
  Route route = AtF(protocol, kAnyPort, "0.0.0.0/0", group);
  route.refuse_when_gone = true;
  ASSERT_OK(backend_->AddRoutes({route}));
  service.Close();
  Who(protocol, "192.0.2.7", {&service});
  auto totals = backend_->Totals();
  ASSERT_OK(totals.status());
  EXPECT_GE(totals->refused, 1u);
}

}  // namespace forcebind
