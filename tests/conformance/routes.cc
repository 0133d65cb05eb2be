// SPDX-License-Identifier: Apache-2.0
// Routes: the longest prefix wins, a route to nobody is a hole, what was added is in force and can be read back.
#include <algorithm>

#include "tests/conformance/conformance.h"

namespace forcebind {

TEST_P(ForEachProtocol, TheLongestPrefixWins) {
  const auto& [factory, protocol] = GetParam();
  StartBackend(factory);
  Player wide("wide", At(protocol, "127.84.3.1")), narrow("narrow", At(protocol, "127.84.3.2"));
  ASSERT_OPEN(wide);
  ASSERT_OPEN(narrow);
  Publish(protocol, {&narrow}, {"192.0.2.8/32"});
  Publish(protocol, {&wide}, {"0.0.0.0/0"});
  EXPECT_EQ(Who(protocol, "192.0.2.7", {&wide, &narrow}), "wide");
  EXPECT_EQ(Who(protocol, "192.0.2.8", {&wide, &narrow}), "narrow");
  EXPECT_EQ(Who(protocol, "198.51.100.7", {&wide, &narrow}), "wide");
  ASSERT_OK(backend_->RemoveRoutes({{protocol, kPort, *Prefix::Parse("192.0.2.8/32")}}));
  EXPECT_EQ(Who(protocol, "192.0.2.8", {&wide, &narrow}), "wide");
}

TEST_P(ForEachProtocol, AHoleLeavesPrivateAddressesAlone) {
  const auto& [factory, protocol] = GetParam();
  StartBackend(factory);
  Player nginx("nginx", At(protocol, "127.84.3.1")), gitea("gitea", At(protocol, "127.84.3.2"));
  Player grafana("grafana", At(protocol, "fd5e:1f2a:90c1::3"));
  ASSERT_OPEN(nginx);
  ASSERT_OPEN(gitea);
  ASSERT_OPEN(grafana);
  const std::vector<Player*> all = {&nginx, &gitea, &grafana};
  ASSERT_OK(backend_->AddRoutes({{.key = {protocol, kPort, *Prefix::Parse("127.0.0.0/8")}},
                                 {.key = {protocol, kPort, *Prefix::Parse("fd5e:1f2a:90c1::/48")}}}));
  Publish(protocol, {&nginx}, {"0.0.0.0/0"});
  EXPECT_EQ(WhoAnswersLocally(protocol, {Ip("192.0.2.7"), kPort}, all), "nginx");
  EXPECT_EQ(WhoAnswersLocally(protocol, {Ip("127.84.3.2"), kPort}, all), "gitea");
  EXPECT_EQ(WhoAnswersLocally(protocol, {Ip("fd5e:1f2a:90c1::3"), kPort}, all), "grafana");
  EXPECT_EQ(WhoAnswersLocally(protocol, {Ip("127.84.3.3"), kPort}, all), kRefused);
  EXPECT_EQ(WhoAnswersLocally(protocol, {Ip("fd5e:1f2a:90c1::4"), kPort}, all), kRefused);
}

TEST_P(ForEachProtocol, APublishedPortBeatsAStrangersWildcard) {
  const auto& [factory, protocol] = GetParam();
  StartBackend(factory);
  Player service("service", {.protocol = protocol, .at = {Ip("127.84.3.1"), 9090}});
  Player stranger("stranger", At(protocol, "0.0.0.0"));
  ASSERT_OPEN(service);
  ASSERT_OPEN(stranger);
  Publish(protocol, {&service}, {"192.0.2.0/24"});
  EXPECT_EQ(Who(protocol, "192.0.2.7", {&service, &stranger}), "service");
  EXPECT_EQ(Who(protocol, "198.51.100.7", {&service, &stranger}), "stranger");
}

TEST_P(ForEachProtocol, AnotherPortAndTheOtherProtocolAreLeftAlone) {
  const auto& [factory, protocol] = GetParam();
  const Protocol other = protocol == Protocol::kTcp ? Protocol::kUdp : Protocol::kTcp;
  StartBackend(factory);
  Player service("service", At(protocol, "127.84.3.1"));
  ASSERT_OPEN(service);
  Publish(protocol, {&service}, {"0.0.0.0/0"});
  EXPECT_EQ(WhoAnswers(*network_, protocol, {Ip("192.0.2.7"), kPort + 1}, {&service}), kRefused);
  EXPECT_EQ(Who(other, "192.0.2.7", {&service}), kRefused);
}

TEST_P(ForTheBackend, ReadsBackTheRoutesInForce) {
  StartBackend(GetParam());
  auto group = backend_->NewGroup();
  ASSERT_OK(group.status());
  std::vector<Route> routes = {
      {.key = {Protocol::kTcp, 443, *Prefix::Parse("0.0.0.0/0")}, .group = *group, .guard = true},
      {.key = {Protocol::kTcp, 443, *Prefix::Parse("127.0.0.0/8")}},
      {.key = {Protocol::kUdp, 443, *Prefix::Parse("2001:db8::/32")}, .group = *group, .refuse_when_gone = true}};
  ASSERT_OK(backend_->AddRoutes(routes));
  routes[0].guard = false;
  ASSERT_OK(backend_->AddRoutes({routes[0]}));
  auto found = backend_->Routes();
  ASSERT_OK(found.status());
  auto by_key = [](const Route& a, const Route& b) { return a.key < b.key; };
  std::sort(found->begin(), found->end(), by_key);
  std::sort(routes.begin(), routes.end(), by_key);
  EXPECT_EQ(*found, routes);
}

}  // namespace forcebind
