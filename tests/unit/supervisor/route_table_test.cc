// SPDX-License-Identifier: Apache-2.0
#include "supervisor/route_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/fake_backend.h"

namespace forcebind {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Prefix P(const char* text) { return *Prefix::Parse(text); }

class RouteTableTest : public ::testing::Test {
 protected:
  PublishedGroup Published(uint16_t port = 80) {
    PublishedGroup group;
    group.group = *backend_.NewGroup();
    group.port = port;
    group.serves_v4 = true;
    group.published = true;
    return group;
  }
  GroupId At(const char* on, uint16_t port = 80) { return backend_.routes.at({Protocol::kTcp, port, P(on)}).group; }

  FakeBackend backend_;
  RouteTable table_{backend_, {.pools = {P("127.64.0.0/10")}, .addresses = {}}};
};

TEST_F(RouteTableTest, PutAndRemoveAreEachOthersInverse) {
  const PublishedGroup group = Published();
  ASSERT_TRUE(table_.Put(group).ok());
  EXPECT_EQ(At("0.0.0.0/0"), group.group);
  ASSERT_TRUE(table_.Remove(group.group).ok());
  EXPECT_THAT(backend_.routes, IsEmpty());
}

TEST_F(RouteTableTest, WhenTheHolderLeavesTheOtherTakesOver) {
  const PublishedGroup first = Published(), second = Published();
  ASSERT_TRUE(table_.Put(first).ok());
  ASSERT_TRUE(table_.Put(second).ok());
  EXPECT_EQ(At("0.0.0.0/0"), second.group);
  ASSERT_TRUE(table_.Remove(second.group).ok());
  EXPECT_EQ(At("0.0.0.0/0"), first.group);
}

TEST_F(RouteTableTest, AFailureLeavesTheTableAsItWas) {
  const PublishedGroup first = Published(), second = Published();
  ASSERT_TRUE(table_.Put(first).ok());
  backend_.Fail("AddRoutes");
  EXPECT_FALSE(table_.Put(second).ok());
  EXPECT_EQ(At("0.0.0.0/0"), first.group);
  EXPECT_EQ(table_.Find(second.group), nullptr);
}

TEST_F(RouteTableTest, ARemnantRefusesUntilSomebodyLivingHasItsRoute) {
  PublishedGroup gone = Published();
  gone.refuse_when_gone = gone.guard = true;
  ASSERT_TRUE(table_.Put(gone).ok());
  ASSERT_TRUE(table_.TurnIntoRemnant(gone.group).ok());
  EXPECT_THAT(table_.TakeOverriddenRemnants(), IsEmpty());
  const PublishedGroup next = Published();
  EXPECT_THAT(table_.FindConflicts(next), IsEmpty());
  ASSERT_TRUE(table_.Put(next).ok());
  EXPECT_EQ(At("0.0.0.0/0"), next.group);
  EXPECT_THAT(table_.TakeOverriddenRemnants(), ElementsAre(gone.group));
}

TEST_F(RouteTableTest, ConflictsAreEqualPrefixesOfLivingGroups) {
  PublishedGroup narrow = Published();
  narrow.on = {P("192.0.2.0/24")};
  const PublishedGroup wide = Published(), other_port = Published(81);
  ASSERT_TRUE(table_.Put(wide).ok());
  EXPECT_THAT(table_.FindConflicts(narrow), IsEmpty());
  EXPECT_THAT(table_.FindConflicts(other_port), IsEmpty());
  EXPECT_THAT(table_.FindConflicts(Published()), ElementsAre(wide.group));
  EXPECT_THAT(table_.FindConflicts(wide), IsEmpty());
}

TEST_F(RouteTableTest, WhatNobodyAskedForIsRemovedWhenItSettles) {
  const PublishedGroup stale = Published(), kept = Published(81);
  ASSERT_TRUE(table_.Put(stale).ok());
  ASSERT_TRUE(table_.Put(kept).ok());
  RouteTable next(backend_, {.pools = {P("127.64.0.0/10")}, .addresses = {}});
  ASSERT_TRUE(next.Load().ok());
  next.Adopt(kept, false);
  ASSERT_TRUE(next.Settle().ok());
  EXPECT_EQ(At("0.0.0.0/0", 81), kept.group);
  EXPECT_FALSE(backend_.routes.contains({Protocol::kTcp, 80, P("0.0.0.0/0")}));
}

TEST_F(RouteTableTest, AWayToAUlaComesAndGoesWithoutTouchingTheRest) {
  RouteTable table(backend_, {.pools = {P("127.64.0.0/10"), P("fd5e::/48")}, .addresses = {}});
  ASSERT_TRUE(table.Put(Published()).ok());
  const RouteMap before = backend_.routes;
  PublishedGroup dual = Published();
  dual.published = false;
  for (const char* reach : {"fd5e::7", "fd99::7"}) {
    dual.reach = *IpAddress::Parse(reach);
    backend_.Fail("AddRoutes");
    EXPECT_FALSE(table.Put(dual).ok());
    EXPECT_EQ(backend_.routes, before);
    ASSERT_TRUE(table.Put(dual).ok());
    EXPECT_EQ(backend_.Lookup(Protocol::kTcp, {*dual.reach, 80}), dual.group);
    const RouteMap with = backend_.routes;
    ASSERT_TRUE(table.Settle().ok());
    EXPECT_EQ(backend_.routes, with) << "as if computed as a whole";
    ASSERT_TRUE(table.Remove(dual.group).ok());
    EXPECT_EQ(backend_.routes, before);
  }
}

TEST_F(RouteTableTest, ANewPrivateAddressIsAHoleInEveryRoute) {
  ASSERT_TRUE(table_.Put(Published(80)).ok());
  ASSERT_TRUE(table_.Put(Published(81)).ok());
  ASSERT_TRUE(table_.SetPrivateAddresses({*IpAddress::Parse("127.1.27.1")}).ok());
  EXPECT_EQ(At("127.1.27.1/32", 80), kNobody);
  EXPECT_EQ(At("127.1.27.1/32", 81), kNobody);
}

TEST_F(RouteTableTest, OnAnyPortTheOldestGroupIsPublishedAndEachKeepsItsUla) {
  PublishedGroup first = Published(9090), second = Published(9091);
  const IpAddress ula = *IpAddress::Parse("fd5e::7");
  for (PublishedGroup* group : {&first, &second}) {
    group->stage = Stage::kF;
    group->any_port = true;
    group->serves_v6 = true;
    group->reach = ula;
    ASSERT_TRUE(table_.Put(*group).ok());
  }
  const Endpoint dialled{*IpAddress::Parse("192.0.2.7"), kAnyPort};
  EXPECT_EQ(backend_.Lookup(Protocol::kTcp, dialled, Stage::kF), first.group);
  EXPECT_EQ(backend_.Lookup(Protocol::kTcp, {*IpAddress::Parse("127.84.3.9"), kAnyPort}, Stage::kF), kNobody);
  EXPECT_EQ(backend_.Lookup(Protocol::kTcp, {ula, 9090}), first.group);
  EXPECT_EQ(backend_.Lookup(Protocol::kTcp, {ula, 9091}), second.group);
  EXPECT_THAT(table_.PublicPrefixesOf(second.group), IsEmpty());
  EXPECT_THAT(table_.PublicPrefixesOf(first.group), ElementsAre(P("0.0.0.0/0"), P("::/0")));
  ASSERT_TRUE(table_.Remove(first.group).ok());
  EXPECT_EQ(backend_.Lookup(Protocol::kTcp, dialled, Stage::kF), second.group);
  EXPECT_EQ(backend_.Lookup(Protocol::kTcp, {ula, 9090}), kNobody);
  ASSERT_TRUE(table_.Remove(second.group).ok());
  EXPECT_THAT(backend_.routes, IsEmpty());
}

TEST_F(RouteTableTest, StagesDoNotConflict) {
  PublishedGroup early = Published(), late = Published();
  late.stage = Stage::kF;
  ASSERT_TRUE(table_.Put(early).ok());
  EXPECT_THAT(table_.FindConflicts(late), IsEmpty());
  ASSERT_TRUE(table_.Put(late).ok());
  EXPECT_EQ(At("0.0.0.0/0"), early.group);
  EXPECT_EQ(backend_.Lookup(Protocol::kTcp, {*IpAddress::Parse("192.0.2.7"), 80}, Stage::kF), late.group);
}

}  // namespace
}  // namespace forcebind
