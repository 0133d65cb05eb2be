// SPDX-License-Identifier: Apache-2.0
#include "core/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace forcebind {
namespace {

using ::testing::HasSubstr;

Endpoint E(const char* text) { return *Endpoint::Parse(text); }

SocketFact V4(const char* local, const char* command) {
  SocketFact socket;
  socket.local = E(local);
  socket.command = command;
  socket.pid = 42;
  return socket;
}
SocketFact V6(const char* local, const char* command, bool v6only = false) {
  SocketFact socket = V4(local, command);
  socket.family = Family::kIpv6;
  socket.v6only = v6only;
  return socket;
}

// web publishes tcp/80 everywhere, from 127.84.3.1.
ExplainFacts Facts(const char* endpoint = "192.0.2.7:80") {
  ExplainFacts facts;
  facts.endpoint = E(endpoint);
  facts.backend = "hook-b";
  SocketFact web = V4("127.84.3.1:80", "nginx");
  web.service = "web";
  web.cookie = 1;
  facts.sockets = {web};
  const auto route = [](const char* on, GroupId group) {
    return Route{.key = {Protocol::kTcp, 80, *Prefix::Parse(on)}, .group = group};
  };
  facts.routes = {route("0.0.0.0/0", 1), route("127.64.0.0/10", kNobody)};
  facts.groups = {{.group = 1, .service = "web", .alive = {1}}};
  return facts;
}

std::string WinnerOf(const ExplainFacts& facts) {
  const Explanation explanation = Explain(facts);
  if (!explanation.winner.has_value()) return "nobody";
  return explanation.winner->stage + " " + explanation.winner->command;
}

TEST(Explain, ThePublishedServiceAnswersOnPublicAddresses) {
  const Explanation explanation = Explain(Facts());
  ASSERT_TRUE(explanation.winner.has_value());
  EXPECT_EQ(explanation.winner->stage, "B");
  EXPECT_EQ(explanation.winner->service, "web");
  EXPECT_EQ(explanation.winner->local, "127.84.3.1:80");
  EXPECT_EQ(explanation.winner->pid, 42);
  EXPECT_EQ(explanation.text,
            "tcp 192.0.2.7:80 goes to service \"web\" (process 42) at stage B, whose socket is on 127.84.3.1:80");
}

TEST(Explain, ThereAreSixStagesInOrder) {
  std::string order;
  for (const ExplainedStage& stage : Explain(Facts()).stages) order += stage.stage;
  EXPECT_EQ(order, "ABCDEF");
}

TEST(Explain, AnExactListenerKeepsItsPackets) {
  ExplainFacts facts = Facts();
  facts.sockets.push_back(V4("192.0.2.7:80", "admin"));
  EXPECT_EQ(WinnerOf(facts), "C admin");
  EXPECT_THAT(Explain(facts).stages[1].result, HasSubstr("yields"));
}

TEST(Explain, APublicationBeatsAStrangersWildcard) {
  ExplainFacts facts = Facts();
  facts.sockets.push_back(V4("0.0.0.0:80", "stranger"));
  EXPECT_EQ(WinnerOf(facts), "B nginx");
  EXPECT_EQ(Explain(facts).stages[4].result, "not reached");
}

TEST(Explain, OutsideThePrefixTheWildcardHasIt) {
  ExplainFacts facts = Facts("192.0.2.7:80");
  facts.routes[0].key.on = *Prefix::Parse("198.51.100.0/24");
  facts.sockets.push_back(V4("0.0.0.0:80", "stranger"));
  EXPECT_EQ(WinnerOf(facts), "E stranger");
}

TEST(Explain, AHoleLeavesPrivateAddressesAlone) {
  EXPECT_EQ(WinnerOf(Facts("127.84.3.2:80")), "nobody");
  EXPECT_THAT(Explain(Facts("127.84.3.2:80")).text, HasSubstr("refused"));
  EXPECT_EQ(WinnerOf(Facts("127.84.3.1:80")), "C nginx");
  EXPECT_EQ(Explain(Facts("127.84.3.1:80")).stages[1].result, "goes on");
}

TEST(Explain, TheLongestPrefixWins) {
  ExplainFacts facts = Facts();
  facts.routes.push_back({.key = {Protocol::kTcp, 80, *Prefix::Parse("192.0.2.0/24")}, .group = 2});
  facts.groups.push_back({.group = 2, .service = "api", .alive = {2}});
  EXPECT_EQ(Explain(facts).winner->service, "api");
}

TEST(Explain, AGoneServiceFallsThroughOrRefuses) {
  ExplainFacts facts = Facts();
  facts.groups[0].alive.clear();
  facts.sockets = {V4("0.0.0.0:80", "stranger")};
  EXPECT_EQ(WinnerOf(facts), "E stranger");
  facts.routes[0].refuse_when_gone = true;
  const Explanation explanation = Explain(facts);
  ASSERT_TRUE(explanation.winner.has_value());
  EXPECT_TRUE(explanation.winner->refused);
  EXPECT_THAT(explanation.text, HasSubstr("dropped"));
  facts.groups.clear();  // its number is all that is left
  EXPECT_TRUE(Explain(facts).winner->refused);
  facts.sockets.push_back(V4("192.0.2.7:80", "by hand"));
  EXPECT_EQ(WinnerOf(facts), "C by hand");
}

TEST(Explain, AnIpv4ListenerBeatsADualStackOneOnIpv4) {
  ExplainFacts facts = Facts("192.0.2.7:81");
  facts.sockets = {V6("[::]:81", "dual"), V4("0.0.0.0:81", "four")};
  EXPECT_EQ(WinnerOf(facts), "E four");
  EXPECT_THAT(Explain(facts).stages[4].what, HasSubstr("beaten by it: dual"));
  facts.endpoint = E("[2001:db8::7]:81");
  EXPECT_EQ(WinnerOf(facts), "E dual");
}

TEST(Explain, AnIpv6OnlyListenerIsNoneForIpv4) {
  ExplainFacts facts = Facts("192.0.2.7:81");
  facts.sockets = {V6("[::]:81", "six", true)};
  EXPECT_EQ(WinnerOf(facts), "nobody");
  facts.endpoint = E("[2001:db8::7]:81");
  EXPECT_EQ(WinnerOf(facts), "E six");
}

TEST(Explain, AMappedListenerIsExactForItsIpv4Address) {
  ExplainFacts facts = Facts("127.84.3.3:81");
  facts.sockets = {V6("[::ffff:127.84.3.3]:81", "dual")};
  EXPECT_EQ(WinnerOf(facts), "C dual");
}

TEST(Explain, ADualStackSocketGetsIpv6ByItsRoute) {
  ExplainFacts facts = Facts("[fd5e:1f2a:90c1::3:3]:80");
  facts.sockets = {V6("[::ffff:127.84.3.3]:80", "grafana")};
  facts.sockets[0].service = "grafana";
  facts.sockets[0].cookie = 3;
  facts.routes = {{.key = {Protocol::kTcp, 80, *Prefix::Parse("fd5e:1f2a:90c1::3:3/128")}, .group = 3}};
  facts.groups = {{.group = 3, .service = "grafana", .alive = {3}}};
  EXPECT_EQ(WinnerOf(facts), "B grafana");
}

TEST(Explain, ABoundDeviceWinsOnItsInterfaceAndIsNothingElsewhere) {
  ExplainFacts facts = Facts("192.0.2.7:81");
  facts.sockets = {V4("0.0.0.0:81", "any"), V4("0.0.0.0:81", "eth0")};
  facts.sockets[1].ifindex = 2;
  facts.ingress_ifindex = 2;
  EXPECT_EQ(WinnerOf(facts), "E eth0");
  facts.ingress_ifindex = 3;
  EXPECT_EQ(WinnerOf(facts), "E any");
  EXPECT_THAT(Explain(facts).stages[4].what, HasSubstr("bound to another interface: eth0"));
}

TEST(Explain, ProtocolsDoNotMix) {
  ExplainFacts facts = Facts();
  facts.protocol = Protocol::kUdp;
  EXPECT_EQ(WinnerOf(facts), "nobody");
}

TEST(Explain, ConnectedUdpSocketsAreStageAOnly) {
  ExplainFacts facts = Facts("192.0.2.7:53");
  facts.protocol = Protocol::kUdp;
  facts.sockets = {V4("192.0.2.7:53", "client")};
  facts.sockets[0].protocol = Protocol::kUdp;
  facts.sockets[0].connected = true;
  EXPECT_EQ(WinnerOf(facts), "nobody");
  EXPECT_EQ(Explain(facts).stages[0].what, "1 connected to one peer each");
}

TEST(Explain, AForeignAddressIsNotLookedUp) {
  ExplainFacts facts = Facts("203.0.113.1:80");
  facts.address_is_local = false;
  EXPECT_EQ(WinnerOf(facts), "nobody");
  EXPECT_THAT(Explain(facts).text, HasSubstr("not an address of this host"));
}

TEST(Explain, HookDStandsAfterTheExactListeners) {
  ExplainFacts facts = Facts();
  facts.backend = "hook-d";
  EXPECT_EQ(WinnerOf(facts), "D nginx");
}

TEST(Explain, StageFTakesWhatNobodyElseTakes) {
  const auto at_f = [](uint16_t port, GroupId group) {
    return Route{.key = {Protocol::kTcp, port, *Prefix::Parse("0.0.0.0/0"), Stage::kF}, .group = group};
  };
  ExplainFacts facts = Facts("192.0.2.7:81");
  facts.backend = "hook-d";
  facts.routes.push_back(at_f(kAnyPort, 2));
  facts.groups.push_back({.group = 2, .service = "rest", .alive = {2}});
  SocketFact younger = V4("127.84.3.2:81", "younger"), oldest = V4("127.84.3.2:9090", "oldest");
  younger.service = oldest.service = "rest";
  oldest.cookie = 2;
  facts.sockets.insert(facts.sockets.end(), {younger, oldest});
  EXPECT_EQ(WinnerOf(facts), "F oldest") << "every port leads to one socket, whatever its own";
  EXPECT_EQ(Explain(facts).winner->service, "rest");
  EXPECT_EQ(Explain(facts).winner->local, "127.84.3.2:9090");
  facts.routes.push_back(at_f(81, 1));
  EXPECT_EQ(Explain(facts).winner->service, "web") << "the port's own route comes first";
  facts.sockets.push_back(V4("0.0.0.0:81", "python3"));
  EXPECT_EQ(WinnerOf(facts), "E python3");
  facts.endpoint = E("192.0.2.7:80");
  EXPECT_EQ(WinnerOf(facts), "D nginx");
}

}  // namespace
}  // namespace forcebind
