// SPDX-License-Identifier: Apache-2.0
#include "core/published_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace forcebind {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Prefix P(const char* text) { return *Prefix::Parse(text); }
IpAddress A(const char* text) { return *IpAddress::Parse(text); }
RouteKey Tcp(uint16_t port, const char* on) { return {Protocol::kTcp, port, P(on)}; }

PrivateRanges Ranges() { return {.pools = {P("127.64.0.0/10"), P("fd5e:1f2a:90c1::/48")}, .addresses = {}}; }

PublishedGroup Web(GroupId group = 1) {
  return {
      .group = group, .protocol = Protocol::kTcp, .port = 80, .serves_v4 = true, .serves_v6 = false, .published = true};
}

RouteMap Desired(const std::vector<PublishedGroup>& groups, const PrivateRanges& ranges = Ranges()) {
  std::vector<const PublishedGroup*> pointers;
  for (const PublishedGroup& group : groups) pointers.push_back(&group);
  return DesiredRoutes(pointers, ranges);
}

TEST(PublishedTable, EverywhereLeavesAHoleForThePool) {
  const RouteMap routes = Desired({Web()});
  ASSERT_EQ(routes.size(), 2u);
  EXPECT_EQ(routes.at(Tcp(80, "0.0.0.0/0")).group, 1u);
  EXPECT_EQ(routes.at(Tcp(80, "127.64.0.0/10")).group, kNobody);
}

TEST(PublishedTable, ADualStackSocketServesBothFamilies) {
  PublishedGroup web = Web();
  web.serves_v6 = true;
  const RouteMap routes = Desired({web});
  ASSERT_EQ(routes.size(), 4u);
  EXPECT_EQ(routes.at(Tcp(80, "::/0")).group, 1u);
  EXPECT_EQ(routes.at(Tcp(80, "fd5e:1f2a:90c1::/48")).group, kNobody);
}

TEST(PublishedTable, AnUnpublishedDualStackSocketIsReachableOnItsUlaOnly) {
  PublishedGroup web = Web();
  web.published = false;
  web.guard = true;
  web.reach = A("fd5e:1f2a:90c1::3:3");
  const RouteMap routes = Desired({web});
  ASSERT_EQ(routes.size(), 1u);
  const Route& route = routes.at(Tcp(80, "fd5e:1f2a:90c1::3:3/128"));
  EXPECT_EQ(route.group, 1u);
  EXPECT_FALSE(route.guard);
}

TEST(PublishedTable, PrivateAddressesOutsideThePoolsAreHolesOfTheirOwn) {
  PrivateRanges ranges = Ranges();
  ranges.addresses = {A("127.1.27.1"), A("127.84.3.2"), A("fd99::1")};
  const RouteMap routes = Desired({Web()}, ranges);
  ASSERT_EQ(routes.size(), 3u);
  EXPECT_EQ(routes.at(Tcp(80, "127.1.27.1/32")).group, kNobody);
}

TEST(PublishedTable, AServicesOwnUlaOutsideThePrefixIsNoHoleForItself) {
  PrivateRanges ranges = Ranges();
  ranges.addresses = {A("fd99::1")};
  PublishedGroup web = Web();
  web.serves_v6 = true;
  web.reach = A("fd99::1");
  EXPECT_EQ(Desired({web}, ranges).at(Tcp(80, "fd99::1/128")).group, 1u);
}

TEST(PublishedTable, HolesAreCutOnlyWhereAPrefixHoldsThem) {
  PublishedGroup web = Web();
  web.on = {P("192.0.2.0/24"), P("2001:db8::/32")};
  const RouteMap routes = Desired({web});
  ASSERT_EQ(routes.size(), 1u);
  EXPECT_EQ(routes.begin()->first, Tcp(80, "192.0.2.0/24"));
}

TEST(PublishedTable, APrefixInsideAPrivateRangeIsLeftOut) {
  PublishedGroup web = Web();
  web.on = {P("127.84.0.0/16"), P("127.64.0.0/10"), P("192.0.2.1")};
  EXPECT_THAT(PublicPrefixes(web, Ranges()), ElementsAre(P("192.0.2.1/32")));
}

TEST(PublishedTable, WithoutPublicationThereAreNoPublicPrefixes) {
  PublishedGroup web = Web();
  web.published = false;
  EXPECT_THAT(PublicPrefixes(web, Ranges()), IsEmpty());
}

TEST(PublishedTable, GuardAndRefusalAreOnThePublicRouteAlone) {
  PublishedGroup web = Web();
  web.guard = web.refuse_when_gone = true;
  const RouteMap routes = Desired({web});
  EXPECT_TRUE(routes.at(Tcp(80, "0.0.0.0/0")).guard);
  EXPECT_TRUE(routes.at(Tcp(80, "0.0.0.0/0")).refuse_when_gone);
  EXPECT_FALSE(routes.at(Tcp(80, "127.64.0.0/10")).guard);
  EXPECT_FALSE(routes.at(Tcp(80, "127.64.0.0/10")).refuse_when_gone);
}

TEST(PublishedTable, TheLaterOfTwoGroupsWithAnEqualKeyHasIt) {
  EXPECT_EQ(Desired({Web(1), Web(2)}).at(Tcp(80, "0.0.0.0/0")).group, 2u);
}

TEST(PublishedTable, HolesComeBeforeTheRouteThatNeedsThemAndGoAfterIt) {
  const RouteMap routes = Desired({Web()});
  const RouteChanges up = ChangesBetween({}, routes);
  ASSERT_EQ(up.add.size(), 2u);
  EXPECT_EQ(up.add[0].key, Tcp(80, "127.64.0.0/10"));
  EXPECT_THAT(up.remove, IsEmpty());
  const RouteChanges down = ChangesBetween(routes, {});
  EXPECT_THAT(down.remove, ElementsAre(Tcp(80, "0.0.0.0/0"), Tcp(80, "127.64.0.0/10")));
}

TEST(PublishedTable, OnlyDifferencesAreChanges) {
  RouteMap current = Desired({Web(1)});
  EXPECT_THAT(ChangesBetween(current, current).add, IsEmpty());
  const RouteChanges changes = ChangesBetween(current, Desired({Web(2)}));
  ASSERT_EQ(changes.add.size(), 1u);
  EXPECT_EQ(changes.add[0].group, 2u);
  EXPECT_THAT(changes.remove, IsEmpty());
}

}  // namespace
}  // namespace forcebind
