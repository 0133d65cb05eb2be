// SPDX-License-Identifier: Apache-2.0
#include "supervisor/registry.h"

#include <errno.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "absl/strings/str_cat.h"
#include "core/address_plan.h"
#include "supervisor/state_codec.h"
#include "tests/fakes/fake_backend.h"

namespace forcebind {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr uint64_t kNetns = 77;
constexpr char kUla[] = "fd5e:1f2a:90c1::/48";

Endpoint E(const std::string& text) { return *Endpoint::Parse(text); }
Prefix P(const char* text) { return *Prefix::Parse(text); }
Publication Tcp(uint16_t port) {
  Publication publication;
  publication.port = port;
  return publication;
}
Publication RefusingTcp(uint16_t port) {
  Publication publication = Tcp(port);
  publication.when_gone = WhenGone::kRefuse;
  return publication;
}

wire::Hello HelloOf(const std::string& name, std::vector<Publication> publish = {}) {
  wire::Hello hello;
  hello.name = name;
  hello.pid = 4711;
  hello.publish = std::move(publish);
  return hello;
}

class RegistryTest : public ::testing::Test {
 protected:
  RegistryTest() { Restart(); }

  // A supervisor in the place of the one before, which left routes, groups and records behind.
  void Restart(const std::function<bool(const ProcessId&)>& is_alive = [](const ProcessId&) { return true; }) {
    registry_.reset();
    book_ = std::make_unique<AddressBook>(DefaultPool(), P(kUla));
    registry_ = std::make_unique<Registry>(options_, backend_, state_, *book_);
    ASSERT_TRUE(registry_->Restore(is_alive).ok());
  }

  Registry::SessionId Admit(const std::string& name, std::vector<Publication> publish = {}, uint32_t uid = 0,
                            int pid = 100) {
    auto admission =
        registry_->Admit({.uid = uid, .gid = uid, .groups = {}}, {pid, 1}, HelloOf(name, std::move(publish)));
    EXPECT_EQ(admission.refusal.error, 0) << admission.refusal.text;
    addresses_[name] = admission.welcome.addresses;
    return admission.session;
  }
  Refusal TryAdmit(const wire::Hello& hello, uint32_t uid = 0) {
    return registry_->Admit({.uid = uid, .gid = uid, .groups = {}}, {100, 1}, hello).refusal;
  }

  SocketReport V4Socket(const std::string& name, uint16_t port, uint64_t cookie) {
    SocketReport report;
    report.is_socket = report.accepting = true;
    report.domain = AF_INET;
    report.type = SOCK_STREAM;
    report.protocol = IPPROTO_TCP;
    report.local = {*addresses_[name].v4, port};
    report.netns_cookie = kNetns;
    report.cookie = cookie;
    return report;
  }
  SocketReport DualSocket(const std::string& name, uint16_t port, uint64_t cookie) {
    SocketReport report = V4Socket(name, port, cookie);
    report.domain = AF_INET6;
    report.local.address = report.local.address.Mapped();
    return report;
  }
  SocketReport V6Socket(const std::string& name, uint16_t port, uint64_t cookie) {
    SocketReport report = V4Socket(name, port, cookie);
    report.domain = AF_INET6;
    report.v6only = true;
    report.local.address = *addresses_[name].v6;
    return report;
  }

  Refusal Listen(Registry::SessionId session, const SocketReport& report, bool published = true) {
    wire::Listener listener;
    listener.requested = E("0.0.0.0:80");
    listener.published = published;
    return registry_->AddListener(session, listener, report, static_cast<int>(report.cookie));
  }
  // A socket on the address of `name`.
  Refusal Open(Registry::SessionId session, const std::string& name, uint16_t port, uint64_t cookie) {
    return registry_->AddOpened(session, {.bound = {*addresses_[name].v4, port}, .cookie = cookie});
  }
  size_t Shown() {
    size_t listeners = 0;
    for (const auto& service : registry_->Services()) listeners += service.listeners.size();
    return listeners;
  }
  Refusal Claim(Registry::SessionId session, const std::string& name, uint16_t port) {
    return registry_->Claim(session, {.protocol = Protocol::kTcp, .target = {*addresses_[name].v4, port}});
  }
  bool Answers(const std::string& endpoint) { return backend_.Lookup(Protocol::kTcp, E(endpoint)) != kNobody; }
  const Route& Everywhere(uint16_t port) { return backend_.routes.at({Protocol::kTcp, port, P("0.0.0.0/0")}); }

  Registry::Options options_{.pool = DefaultPool(), .ula = P(kUla), .grants = {}, .own_netns_cookie = kNetns};
  FakeBackend backend_;
  MemoryStateStore state_;
  std::unique_ptr<AddressBook> book_;
  std::unique_ptr<Registry> registry_;
  std::map<std::string, PrivateAddresses> addresses_;
};

TEST_F(RegistryTest, AddressesComeFromTheName) {
  Admit("web");
  EXPECT_EQ(addresses_["web"], AddressesFor("web", 0, DefaultPool(), P(kUla)));
}

TEST_F(RegistryTest, AnotherUserDoesNotGetTheName) {
  Admit("web", {}, 1000);
  EXPECT_EQ(TryAdmit(HelloOf("web"), 1001).error, EACCES);
}

TEST_F(RegistryTest, RootTakesANameFromTheUserWhoRunsIt) {
  const auto users = Admit("web", {}, 1000);
  const auto users_other = Admit("web", {}, 1000, 101);
  const auto bystander = Admit("api", {}, 1000);
  const PrivateAddresses addresses = addresses_["web"];
  ASSERT_EQ(Open(users, "web", 8080, 9).error, 0);
  const auto admission = registry_->Admit({}, {102, 1}, HelloOf("web"));
  ASSERT_EQ(admission.refusal.error, 0) << admission.refusal.text;
  EXPECT_THAT(admission.ended, UnorderedElementsAre(users, users_other));
  EXPECT_EQ(admission.welcome.addresses, addresses);
  ASSERT_THAT(registry_->Services(), SizeIs(2));
  EXPECT_EQ(registry_->Services()[1].uid, 0u);
  EXPECT_THAT(registry_->Services()[1].listeners, IsEmpty());
  EXPECT_THAT(*state_.Services(), UnorderedElementsAre(Key(bystander), Key(admission.session)));
  EXPECT_EQ(TryAdmit(HelloOf("web"), 1000).error, EACCES);
}

TEST_F(RegistryTest, RootTakesNothingWhenItIsRefused) {
  Admit("web", {}, 1000);
  Admit("api");
  wire::Hello hello = HelloOf("web");
  hello.addresses.v4 = addresses_["api"].v4;
  const auto admission = registry_->Admit({}, {102, 1}, hello);
  EXPECT_EQ(admission.refusal.error, EADDRINUSE);
  EXPECT_THAT(admission.ended, IsEmpty());
  EXPECT_EQ(registry_->Services()[1].uid, 1000u);
}

TEST_F(RegistryTest, RootTakesNothingFromItself) {
  Admit("web");
  EXPECT_THAT(registry_->Admit({}, {102, 1}, HelloOf("web")).ended, IsEmpty());
  EXPECT_THAT(*state_.Services(), SizeIs(2));
}

TEST_F(RegistryTest, AnotherNamesAddressIsRefusedWithItsOwnersName) {
  Admit("web");
  wire::Hello hello = HelloOf("api");
  hello.addresses.v4 = addresses_["web"].v4;
  const Refusal refusal = TryAdmit(hello);
  EXPECT_EQ(refusal.error, EADDRINUSE);
  EXPECT_THAT(refusal.text, HasSubstr("\"web\""));
}

TEST_F(RegistryTest, StageFIsRefusedWhereTheKernelHasNone) {
  const Publication at_f{.protocol = Protocol::kTcp, .port = 80, .guard = false, .stage = Stage::kF};
  backend_.stage_f = absl::FailedPreconditionError("no hook F");
  const Refusal refusal = TryAdmit(HelloOf("web", {at_f}));
  EXPECT_EQ(refusal.error, EOPNOTSUPP);
  EXPECT_EQ(refusal.text, "no hook F");
  backend_.stage_f = absl::OkStatus();
  EXPECT_EQ(TryAdmit(HelloOf("web", {at_f})).error, 0);
}

TEST_F(RegistryTest, AnyPortLeadsToTheFirstListenerAndSurvivesARestart) {
  const Publication any{.protocol = Protocol::kTcp, .port = kAnyPort, .guard = false, .stage = Stage::kF};
  const auto session = Admit("rest", {any, {.protocol = Protocol::kTcp, .port = 80}});
  ASSERT_EQ(Claim(session, "rest", 9090).error, 0);
  ASSERT_EQ(Listen(session, V4Socket("rest", 80, 1)).error, 0);
  ASSERT_EQ(Listen(session, V4Socket("rest", 9090, 2)).error, 0);
  ASSERT_EQ(Listen(session, V4Socket("rest", 9091, 3)).error, 0);
  const Endpoint dialled = E("192.0.2.7:0");
  const GroupId first = backend_.Lookup(Protocol::kTcp, dialled, Stage::kF);
  ASSERT_NE(first, kNobody);
  EXPECT_EQ(backend_.groups.at(first), std::set<uint64_t>{2});
  EXPECT_TRUE(Answers("192.0.2.7:80"));
  EXPECT_FALSE(Answers("192.0.2.7:9090"));
  const auto other = Admit("other", {any});
  EXPECT_EQ(Claim(other, "other", 9090).error, EADDRINUSE);
  EXPECT_EQ(Claim(other, "other", 9090).text, "tcp/* is published by \"rest\"");
  Restart();
  EXPECT_EQ(backend_.Lookup(Protocol::kTcp, dialled, Stage::kF), first);
  EXPECT_TRUE(Answers("192.0.2.7:80"));
}

TEST_F(RegistryTest, APublicAddressIsNoPrivateOne) {
  wire::Hello hello = HelloOf("web");
  hello.addresses.v4 = *IpAddress::Parse("192.0.2.7");
  EXPECT_EQ(TryAdmit(hello).error, EINVAL);
}

TEST_F(RegistryTest, APublishedListenerAnswersOnPublicAddressesAtOnce) {
  const auto web = Admit("web", {Tcp(80)});
  EXPECT_EQ(Claim(web, "web", 80).error, 0);
  EXPECT_EQ(Listen(web, V4Socket("web", 80, 9)).error, 0);
  EXPECT_TRUE(Answers("192.0.2.7:80"));
  EXPECT_FALSE(Answers("192.0.2.7:81"));
  EXPECT_FALSE(Answers("[2001:db8::7]:80"));
}

TEST_F(RegistryTest, APublishedListenerDoesNotAnswerOnPrivateAddresses) {
  const auto web = Admit("web", {Tcp(80)});
  wire::Hello outside = HelloOf("outside");
  outside.addresses.v4 = *IpAddress::Parse("127.1.27.1");
  ASSERT_EQ(TryAdmit(outside).error, 0);
  ASSERT_EQ(Listen(web, V4Socket("web", 80, 9)).error, 0);
  EXPECT_FALSE(Answers("127.84.3.2:80"));
  EXPECT_FALSE(Answers("127.1.27.1:80"));
  EXPECT_TRUE(Answers("127.0.0.1:80"));
  outside.name = "later";
  outside.addresses.v4 = *IpAddress::Parse("127.1.27.2");
  ASSERT_EQ(TryAdmit(outside).error, 0);
  EXPECT_FALSE(Answers("127.1.27.2:80"));
}

TEST_F(RegistryTest, ADualStackSocketAnswersOnBothFamiliesAndItsUla) {
  const auto web = Admit("web", {Tcp(80)});
  ASSERT_EQ(Listen(web, DualSocket("web", 80, 9)).error, 0);
  EXPECT_TRUE(Answers("192.0.2.7:80"));
  EXPECT_TRUE(Answers("[2001:db8::7]:80"));
  EXPECT_TRUE(Answers(Endpoint{*addresses_["web"].v6, 80}.ToString()));
  EXPECT_FALSE(Answers("[fd5e:1f2a:90c1::99]:80"));
}

TEST_F(RegistryTest, AnUnpublishedDualStackSocketAnswersOnItsUlaAlone) {
  const auto web = Admit("web");
  ASSERT_EQ(Listen(web, DualSocket("web", 80, 9), false).error, 0);
  EXPECT_TRUE(Answers(Endpoint{*addresses_["web"].v6, 80}.ToString()));
  EXPECT_FALSE(Answers("[2001:db8::7]:80"));
}

TEST_F(RegistryTest, Ipv4AndIpv6SocketsOfOneServicePublishSideBySide) {
  const auto web = Admit("web", {Tcp(80)});
  ASSERT_EQ(Listen(web, V4Socket("web", 80, 9)).error, 0);
  ASSERT_EQ(Listen(web, V6Socket("web", 80, 10)).error, 0);
  ASSERT_TRUE(Answers("192.0.2.7:80"));
  ASSERT_TRUE(Answers("[2001:db8::7]:80"));
  EXPECT_NE(backend_.Lookup(Protocol::kTcp, E("192.0.2.7:80")), backend_.Lookup(Protocol::kTcp, E("[2001:db8::7]:80")));
}

TEST_F(RegistryTest, AServicesPortIsNotAnothers) {
  const auto web = Admit("web", {Tcp(80)});
  const auto api = Admit("api", {Tcp(80)});
  ASSERT_EQ(Listen(web, V4Socket("web", 80, 9)).error, 0);
  const Refusal refusal = Claim(api, "api", 80);
  EXPECT_EQ(refusal.error, EADDRINUSE);
  EXPECT_THAT(refusal.text, HasSubstr("\"web\""));
  EXPECT_EQ(Listen(api, V4Socket("api", 80, 10)).error, EADDRINUSE);
}

TEST_F(RegistryTest, AClaimHoldsThePortUntilItsConnectionEnds) {
  const auto web = Admit("web", {Tcp(80)});
  const auto api = Admit("api", {Tcp(80)});
  ASSERT_EQ(Claim(web, "web", 80).error, 0);
  EXPECT_EQ(Claim(api, "api", 80).error, EADDRINUSE);
  registry_->End(web);
  EXPECT_EQ(Claim(api, "api", 80).error, 0);
}

TEST_F(RegistryTest, DifferentPrefixesOfOnePortGoToDifferentServices) {
  Publication narrow = Tcp(80);
  narrow.on = {P("192.0.2.0/24")};
  const auto web = Admit("web", {Tcp(80)});
  const auto api = Admit("api", {narrow});
  ASSERT_EQ(Listen(web, V4Socket("web", 80, 9)).error, 0);
  ASSERT_EQ(Listen(api, V4Socket("api", 80, 10)).error, 0);
  EXPECT_NE(backend_.Lookup(Protocol::kTcp, E("192.0.2.7:80")), backend_.Lookup(Protocol::kTcp, E("198.51.100.7:80")));
}

TEST_F(RegistryTest, ADeadListenerIsInNobodysWay) {
  const auto web = Admit("web", {Tcp(80)});
  const auto api = Admit("api", {Tcp(80)});
  ASSERT_EQ(Listen(web, V4Socket("web", 80, 9)).error, 0);
  backend_.Kill(9);
  EXPECT_EQ(Claim(api, "api", 80).error, 0);
  EXPECT_FALSE(Answers("192.0.2.7:80"));
}

TEST_F(RegistryTest, AClaimThatCameToNothingEndsWithTheNextWord) {
  const auto web = Admit("web", {Tcp(80), Tcp(81)});
  const auto api = Admit("api", {Tcp(80)});
  const std::vector<std::function<void()>> words = {
      [&] { registry_->Count(web, {}); },
      [&] { EXPECT_EQ(Open(web, "web", 8080, 9).error, 0); },
      [&] { EXPECT_EQ(Claim(web, "web", 81).error, 0); },
      [&] { EXPECT_EQ(Listen(web, V4Socket("web", 81, 10)).error, 0); },
  };
  for (const auto& word : words) {
    ASSERT_EQ(Claim(web, "web", 80).error, 0);
    EXPECT_EQ(Claim(api, "api", 80).error, EADDRINUSE);
    word();
    EXPECT_EQ(Claim(api, "api", 80).error, 0);
    registry_->Count(api, {});
  }
}

TEST_F(RegistryTest, GroupsOfADeadCompanionAreFreeAgain) {
  const auto web = Admit("web", {Tcp(80)});
  ASSERT_EQ(Listen(web, V4Socket("web", 80, 9)).error, 0);
  EXPECT_THAT(backend_.groups, SizeIs(1));
  Restart([](const ProcessId&) { return false; });  // its service lives on, with its socket
  EXPECT_THAT(backend_.groups, IsEmpty());
  EXPECT_FALSE(Answers("192.0.2.7:80"));
}

TEST_F(RegistryTest, APortOutsideTheProfileIsNotClaimed) {
  const auto web = Admit("web", {Tcp(80)});
  EXPECT_EQ(Claim(web, "web", 81).error, EACCES);
  EXPECT_EQ(registry_->Claim(web, {.protocol = Protocol::kUdp, .target = {*addresses_["web"].v4, 80}}).error, EACCES);
}

TEST_F(RegistryTest, AnAddressOfAnotherServiceIsNotClaimed) {
  const auto web = Admit("web", {Tcp(80)});
  Admit("api");
  EXPECT_EQ(Claim(web, "api", 80).error, EACCES);
}

TEST_F(RegistryTest, OthersThanRootNeedAGrant) {
  const auto web = Admit("web", {Tcp(80)}, 1000);
  const Refusal refusal = Claim(web, "web", 80);
  EXPECT_EQ(refusal.error, EACCES);
  EXPECT_THAT(refusal.text, HasSubstr("[[grant]]"));
  EXPECT_EQ(Listen(web, V4Socket("web", 80, 9)).error, EACCES);
  EXPECT_THAT(backend_.groups, IsEmpty());
}

TEST_F(RegistryTest, AGrantIsEnough) {
  Grant grant;
  grant.uid = 1000;
  grant.publish = {{.ports = {Protocol::kTcp, 80, 80}, .on = {}}};
  options_.grants = {grant};
  Restart();
  const auto web = Admit("web", {Tcp(80)}, 1000);
  EXPECT_EQ(Claim(web, "web", 80).error, 0);
  EXPECT_EQ(Listen(web, V4Socket("web", 80, 9)).error, 0);
}

TEST_F(RegistryTest, TheEndOfTheConnectionIsTheEndOfItsListeners) {
  const auto web = Admit("web", {Tcp(80)});
  ASSERT_EQ(Listen(web, V4Socket("web", 80, 9)).error, 0);
  registry_->End(web);
  EXPECT_THAT(backend_.routes, IsEmpty());
  EXPECT_THAT(backend_.groups, IsEmpty());
  EXPECT_THAT(*state_.Services(), IsEmpty());
  EXPECT_THAT(*state_.Listeners(), IsEmpty());
  EXPECT_THAT(registry_->Services(), IsEmpty());
}

TEST_F(RegistryTest, AnOverlappingRestartKeepsTheGroup) {
  const auto before = Admit("web", {Tcp(80)});
  ASSERT_EQ(Listen(before, V4Socket("web", 80, 9)).error, 0);
  const auto after = Admit("web", {Tcp(80)});
  ASSERT_EQ(Listen(after, V4Socket("web", 80, 10)).error, 0);
  EXPECT_THAT(backend_.groups, SizeIs(1));
  registry_->End(before);
  EXPECT_TRUE(Answers("192.0.2.7:80"));
  registry_->End(after);
  EXPECT_FALSE(Answers("192.0.2.7:80"));
}

TEST_F(RegistryTest, ASocketShownAgainChangesHands) {
  const auto before = Admit("web", {Tcp(80)});
  ASSERT_EQ(Listen(before, V4Socket("web", 80, 9)).error, 0);
  const auto after = Admit("web", {Tcp(80)});
  ASSERT_EQ(Listen(after, V4Socket("web", 80, 9)).error, 0);
  registry_->End(before);
  EXPECT_TRUE(Answers("192.0.2.7:80"));
  ASSERT_THAT(registry_->Services(), SizeIs(1));
  EXPECT_THAT(registry_->Services()[0].listeners, SizeIs(1));
}

TEST_F(RegistryTest, ReuseportWorkersAreOneListenerWithSeveralSockets) {
  const auto web = Admit("web", {Tcp(80)});
  for (uint64_t cookie : {9, 10, 11}) ASSERT_EQ(Listen(web, V4Socket("web", 80, cookie)).error, 0);
  ASSERT_THAT(registry_->Services()[0].listeners, SizeIs(1));
  EXPECT_EQ(registry_->Services()[0].listeners[0].sockets, 3);
  backend_.Kill(9);
  backend_.Kill(10);
  registry_->Prune(nullptr);
  EXPECT_EQ(registry_->Services()[0].listeners[0].sockets, 1);
  EXPECT_TRUE(Answers("192.0.2.7:80"));
}

TEST_F(RegistryTest, OfWhatIsOnlySaidNothingIsShownButWhatTheKernelLists) {
  const auto web = Admit("web");
  const IpAddress address = *addresses_["web"].v4;
  for (uint16_t port : {80, 81, 82, 83}) ASSERT_EQ(Open(web, "web", port, port).error, 0);
  EXPECT_EQ(Shown(), 0u);
  const Registry::Listening listening = {{80, {Protocol::kTcp, {address, 80}}},
                                         {81, {Protocol::kTcp, {address, 8081}}},
                                         {82, {Protocol::kUdp, {address, 82}}}};
  registry_->Prune(&listening);
  ASSERT_EQ(Shown(), 1u);
  EXPECT_EQ(registry_->Services()[0].listeners[0].bound.port, 80);
  EXPECT_EQ(registry_->ServiceOfCookie(80), "web");
  const Registry::Listening nothing;
  registry_->Prune(&nothing);
  EXPECT_EQ(Shown(), 0u);
}

TEST_F(RegistryTest, AUsersSocketIsHisOwn) {
  const auto own = Admit("own", {}, 1000), foreign = Admit("foreign", {}, 1000), roots = Admit("roots");
  const Registry::Listening listening = {{1, {Protocol::kTcp, {*addresses_["own"].v4, 80}, 1000}},
                                         {2, {Protocol::kTcp, {*addresses_["foreign"].v4, 80}, 0}},
                                         {3, {Protocol::kTcp, {*addresses_["roots"].v4, 80}, 33}}};
  ASSERT_EQ(Open(own, "own", 80, 1).error, 0);
  ASSERT_EQ(Open(foreign, "foreign", 80, 2).error, 0);
  ASSERT_EQ(Open(roots, "roots", 80, 3).error, 0);  // a service that has changed its user
  EXPECT_EQ(Open(roots, "own", 80, 1).error, EACCES);
  registry_->Prune(&listening);
  EXPECT_EQ(registry_->ServiceOfCookie(1), "own");
  EXPECT_EQ(registry_->ServiceOfCookie(2), "");
  EXPECT_EQ(registry_->ServiceOfCookie(3), "roots");
}

TEST_F(RegistryTest, AUserHasSoManyListenersAndRootHasNoLimit) {
  options_.listeners_per_user = 3;
  Restart();
  const auto one = Admit("one", {}, 1000), two = Admit("two", {}, 1000), roots = Admit("roots");
  ASSERT_EQ(Listen(one, V4Socket("one", 80, 1), false).error, 0);
  ASSERT_EQ(Open(one, "one", 81, 2).error, 0);
  ASSERT_EQ(Open(two, "two", 80, 3).error, 0);
  EXPECT_EQ(Open(two, "two", 81, 4).error, ENOBUFS);
  EXPECT_EQ(Listen(one, V4Socket("one", 82, 5), false).error, ENOBUFS);
  for (uint16_t port = 1; port < 9; ++port) EXPECT_EQ(Open(roots, "roots", port, port).error, 0);
}

TEST_F(RegistryTest, ARefusingPublicationRefusesWhenItsServiceIsGone) {
  const auto web = Admit("web", {RefusingTcp(80)});
  ASSERT_EQ(Listen(web, V4Socket("web", 80, 9)).error, 0);
  registry_->End(web);
  EXPECT_TRUE(Everywhere(80).refuse_when_gone);
  EXPECT_FALSE(Everywhere(80).guard);
}

TEST_F(RegistryTest, ARefusalOutlivesTheSupervisorAndEndsWithTheNextPublication) {
  const auto web = Admit("web", {RefusingTcp(80)});
  ASSERT_EQ(Listen(web, V4Socket("web", 80, 9)).error, 0);
  registry_->End(web);
  Restart();
  EXPECT_TRUE(Everywhere(80).refuse_when_gone);
  const auto again = Admit("web", {Tcp(80)});
  ASSERT_EQ(Listen(again, V4Socket("web", 80, 10)).error, 0);
  EXPECT_FALSE(Everywhere(80).refuse_when_gone);
  registry_->End(again);
  EXPECT_THAT(backend_.routes, IsEmpty());
  EXPECT_THAT(backend_.groups, IsEmpty());
}

TEST_F(RegistryTest, ARefusalEndsWhenTheProfileNoLongerAsksForIt) {
  const auto web = Admit("web", {RefusingTcp(80)});
  ASSERT_EQ(Listen(web, V4Socket("web", 80, 9)).error, 0);
  registry_->End(web);
  Admit("web", {});
  EXPECT_THAT(backend_.routes, IsEmpty());
}

TEST_F(RegistryTest, ARestartFindsEverything) {
  const auto web = Admit("web", {Tcp(80)});
  ASSERT_EQ(Listen(web, DualSocket("web", 80, 9)).error, 0);
  ASSERT_EQ(Listen(web, V4Socket("web", 8080, 10), false).error, 0);
  const RouteMap routes = backend_.routes;
  const auto before = registry_->Services();
  Restart();
  EXPECT_EQ(backend_.routes, routes);
  const auto after = registry_->Services();
  ASSERT_THAT(after, SizeIs(1));
  EXPECT_FALSE(after[0].attached);
  EXPECT_EQ(after[0].pid, 4711);
  EXPECT_EQ(after[0].addresses, before[0].addresses);
  ASSERT_THAT(after[0].listeners, SizeIs(2));
  EXPECT_EQ(after[0].listeners[0].on, before[0].listeners[0].on);
}

TEST_F(RegistryTest, ACompanionComesBackToItsListeners) {
  const auto web = Admit("web", {Tcp(80)});
  ASSERT_EQ(Listen(web, V4Socket("web", 80, 9)).error, 0);
  Restart();
  ASSERT_THAT(registry_->Detached(), SizeIs(1));
  wire::Hello hello = HelloOf("web", {Tcp(80)});
  hello.resumed = true;
  const auto back = registry_->Admit({}, {100, 1}, hello);
  ASSERT_EQ(back.refusal.error, 0);
  EXPECT_EQ(back.session, web);
  EXPECT_THAT(registry_->Detached(), IsEmpty());
  registry_->EndDetached(web);
  EXPECT_TRUE(Answers("192.0.2.7:80"));
  registry_->End(web);
  EXPECT_FALSE(Answers("192.0.2.7:80"));
}

TEST_F(RegistryTest, AnotherProcessDoesNotComeBackInItsPlace) {
  const auto web = Admit("web", {Tcp(80)});
  ASSERT_EQ(Listen(web, V4Socket("web", 80, 9)).error, 0);
  Restart();
  wire::Hello hello = HelloOf("web", {Tcp(80)});
  hello.resumed = true;
  EXPECT_NE(registry_->Admit({}, {100, 2}, hello).session, web);
  EXPECT_NE(registry_->Admit({}, {101, 1}, hello).session, web);
}

TEST_F(RegistryTest, ASuccessorIsTheCompanionThatComesBack) {
  const auto web = Admit("web", {Tcp(80)});
  ASSERT_EQ(Listen(web, V4Socket("web", 80, 9)).error, 0);
  registry_->Succeed(web, {200, 5});
  EXPECT_TRUE(Answers("192.0.2.7:80"));
  Restart([](const ProcessId& process) { return process.pid == 200; });
  EXPECT_THAT(registry_->Detached(), testing::ElementsAre(testing::Pair(web, ProcessId{200, 5})));
  wire::Hello hello = HelloOf("web", {Tcp(80)});
  hello.resumed = true;
  EXPECT_NE(registry_->Admit({}, {100, 1}, hello).session, web) << "the one that was killed";
  EXPECT_EQ(registry_->Admit({}, {200, 5}, hello).session, web);
  EXPECT_TRUE(Answers("192.0.2.7:80"));
}

TEST_F(RegistryTest, ASuccessorClaimsNothing) {
  const auto web = Admit("web", {Tcp(80)}), api = Admit("api", {Tcp(80)});
  ASSERT_EQ(Claim(web, "web", 80).error, 0);
  ASSERT_EQ(Claim(api, "api", 80).error, EADDRINUSE);
  registry_->Succeed(web, {200, 5});
  EXPECT_EQ(Claim(api, "api", 80).error, 0);
}

TEST_F(RegistryTest, ARestartForgetsThoseWhoseCompanionIsGone) {
  const auto web = Admit("web", {Tcp(80)}, 0, 100);
  ASSERT_EQ(Listen(web, V4Socket("web", 80, 9)).error, 0);
  const auto api = Admit("api", {Tcp(81)}, 0, 101);
  ASSERT_EQ(Listen(api, V4Socket("api", 81, 10)).error, 0);
  Restart([](const ProcessId& process) { return process.pid == 101; });
  EXPECT_FALSE(Answers("192.0.2.7:80"));
  EXPECT_TRUE(Answers("192.0.2.7:81"));
  EXPECT_THAT(registry_->Services(), SizeIs(1));
}

TEST_F(RegistryTest, ARestartForgetsDeadSockets) {
  const auto web = Admit("web", {Tcp(80)});
  ASSERT_EQ(Listen(web, V4Socket("web", 80, 9)).error, 0);
  backend_.Kill(9);
  Restart();
  EXPECT_THAT(backend_.routes, IsEmpty());
  EXPECT_THAT(registry_->Services()[0].listeners, IsEmpty());
}

TEST_F(RegistryTest, ABackendThatFailsLeavesNothingHalfDone) {
  for (const char* call : {"NewGroup", "AddSocket", "AddRoutes"}) {
    const auto web = Admit("web", {Tcp(80)});
    backend_.Fail(call);
    EXPECT_EQ(Listen(web, V4Socket("web", 80, 9)).error, ENOBUFS) << call;
    EXPECT_THAT(backend_.routes, IsEmpty()) << call;
    EXPECT_THAT(*state_.Listeners(), IsEmpty()) << call;
    EXPECT_THAT(registry_->Services()[0].listeners, IsEmpty()) << call;
    EXPECT_EQ(Listen(web, V4Socket("web", 80, 9)).error, 0) << call;
    registry_->End(web);
    EXPECT_THAT(backend_.groups, IsEmpty()) << call;
  }
}

TEST_F(RegistryTest, NamesPerUserAreLimitedButForRoot) {
  options_.names_per_user = 2;
  Restart();
  const auto first = Admit("a", {}, 1000);
  Admit("b", {}, 1000);
  EXPECT_EQ(TryAdmit(HelloOf("c"), 1000).error, EMFILE);
  EXPECT_EQ(TryAdmit(HelloOf("d"), 1001).error, 0);
  for (const char* name : {"e", "f", "g"}) EXPECT_EQ(TryAdmit(HelloOf(name), 0).error, 0);
  // The name of a service that has ended makes room.
  registry_->End(first);
  EXPECT_EQ(TryAdmit(HelloOf("c"), 1000).error, 0);
}

TEST_F(RegistryTest, ListenersPerServiceAreLimited) {
  options_.listeners_per_service = 1;
  Restart();
  const auto web = Admit("web", {Tcp(80), Tcp(81)});
  ASSERT_EQ(Listen(web, V4Socket("web", 80, 9)).error, 0);
  EXPECT_EQ(Listen(web, V4Socket("web", 81, 10)).error, ENOBUFS);
  EXPECT_EQ(Listen(web, V4Socket("web", 80, 9)).error, 0) << "shown again, it is not one more";
  ASSERT_EQ(Listen(web, V4Socket("web", 90, 11), false).error, 0);
  EXPECT_EQ(Listen(web, V4Socket("web", 91, 12), false).error, ENOBUFS);
}

TEST_F(RegistryTest, ManyServicesShareOnePort) {
  for (int i = 0; i < 200; ++i) {
    const std::string name = absl::StrCat("service-", i);
    const auto session = Admit(name, {}, 0, 100 + i);
    ASSERT_EQ(Listen(session, DualSocket(name, 80, 1000 + static_cast<uint64_t>(i)), false).error, 0);
  }
  EXPECT_THAT(backend_.routes, SizeIs(200));
}

}  // namespace
}  // namespace forcebind
