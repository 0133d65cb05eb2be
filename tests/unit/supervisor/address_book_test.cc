// SPDX-License-Identifier: Apache-2.0
#include "supervisor/address_book.h"

#include <errno.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/address_plan.h"

namespace forcebind {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Prefix P(const char* text) { return *Prefix::Parse(text); }
IpAddress A(const char* text) { return *IpAddress::Parse(text); }

bool Nobody(const std::string&) { return false; }

class AddressBookTest : public ::testing::Test {
 protected:
  int Assign(const std::string& name, uint32_t uid, const PrivateAddresses& wanted = {}) {
    return book_
        .Assign(
            name, uid, wanted, [&](const std::string& n) { return n == running_; }, &assigned_)
        .error;
  }

  AddressBook book_{DefaultPool(), P("fd5e:1f2a:90c1::/48")};
  std::string running_;
  PrivateAddresses assigned_;
};

TEST_F(AddressBookTest, ANameKeepsItsAddresses) {
  ASSERT_EQ(Assign("web", 0), 0);
  const PrivateAddresses first = assigned_;
  ASSERT_EQ(Assign("api", 0), 0);
  EXPECT_NE(assigned_, first);
  ASSERT_EQ(Assign("web", 0), 0);
  EXPECT_EQ(assigned_, first);
}

TEST_F(AddressBookTest, ACollisionIsResolvedByTheNextCandidate) {
  const Prefix pool = DefaultPool();
  const Prefix ula = P("fd5e:1f2a:90c1::/48");
  // Somebody's profile names the address that the hash of "web" would give.
  ASSERT_EQ(Assign("squatter", 0, {.v4 = AddressesFor("web", 0, pool, ula).v4, .v6 = {}}), 0);
  ASSERT_EQ(Assign("web", 0), 0);
  EXPECT_EQ(assigned_, AddressesFor("web", 1, pool, ula));
}

TEST_F(AddressBookTest, OnlyItsOwnerGetsAName) {
  ASSERT_EQ(Assign("web", 1000), 0);
  EXPECT_EQ(Assign("web", 1001), EACCES);
  running_ = "web";
  EXPECT_EQ(Assign("web", 1001), EACCES);
}

TEST_F(AddressBookTest, RootTakesANameOverWithItsAddressesWhetherItRunsOrNot) {
  for (const char* running : {"", "web"}) {
    book_.Forget("web");
    running_ = running;
    ASSERT_EQ(Assign("web", 1000), 0);
    const PrivateAddresses before = assigned_;
    EXPECT_EQ(Assign("web", 0), 0);
    EXPECT_EQ(assigned_, before);
    EXPECT_EQ(Assign("web", 1000), EACCES) << "it is root's now";
  }
}

TEST_F(AddressBookTest, ARunningServiceDoesNotMove) {
  ASSERT_EQ(Assign("web", 0), 0);
  running_ = "web";
  EXPECT_EQ(Assign("web", 0, {.v4 = A("127.1.27.1"), .v6 = {}}), EADDRINUSE);
  running_ = "";
  EXPECT_EQ(Assign("web", 0, {.v4 = A("127.1.27.1"), .v6 = {}}), 0);
}

TEST_F(AddressBookTest, OnlyPrivateAddressesOfTheRightFamilyAreTaken) {
  EXPECT_EQ(Assign("web", 0, {.v4 = A("10.0.0.1"), .v6 = {}}), EINVAL);
  EXPECT_EQ(Assign("web", 0, {.v4 = A("fd5e::1"), .v6 = {}}), EINVAL);
  EXPECT_EQ(Assign("web", 0, {.v4 = {}, .v6 = A("2001:db8::1")}), EINVAL);
  EXPECT_EQ(Assign("-web", 0), EINVAL);
  EXPECT_TRUE(book_.entries().empty());
}

TEST_F(AddressBookTest, AUserHasOnlyAddressesOfThePoolAndOfTheHostsPrefix) {
  for (const char* address : {"127.0.0.1", "127.0.0.53", "127.1.27.1", "127.63.255.255", "127.128.0.1"}) {
    const Refusal refusal = book_.Assign("web", 1000, {.v4 = A(address), .v6 = {}}, Nobody, &assigned_);
    EXPECT_EQ(refusal.error, EACCES) << address;
    EXPECT_THAT(refusal.text, AllOf(HasSubstr(address), HasSubstr("127.64.0.0/10 or fd5e:1f2a:90c1::/48"),
                                    HasSubstr("leave the address out"), HasSubstr("root")));
  }
  EXPECT_EQ(Assign("web", 1000, {.v4 = {}, .v6 = A("fd00::1")}), EACCES);
  EXPECT_EQ(Assign("web", 1000, {.v4 = A("127.84.3.1"), .v6 = A("fd00::1")}), EACCES);
  EXPECT_TRUE(book_.entries().empty());
  EXPECT_EQ(Assign("web", 1000, {.v4 = A("127.84.3.1"), .v6 = A("fd5e:1f2a:90c1::3:1")}), 0);
  EXPECT_EQ(Assign("api", 0, {.v4 = A("127.0.0.53"), .v6 = A("fd00::1")}), 0);
}

TEST(AddressBook, AUserHasNoIpv6AddressWhereTheHostHasNone) {
  AddressBook book(DefaultPool(), std::nullopt);
  PrivateAddresses assigned;
  const Refusal refusal = book.Assign("web", 1000, {.v4 = {}, .v6 = A("fd5e::1")}, Nobody, &assigned);
  EXPECT_EQ(refusal.error, EACCES);
  EXPECT_THAT(refusal.text, HasSubstr("no IPv6 address on this host"));
}

TEST_F(AddressBookTest, WhatAUserMayNotHaveIsLeftOutOfATable) {
  std::vector<std::string> left_out;
  ASSERT_TRUE(book_
                  .FromJson(R"({"version": 1, "names": {
                      "dns": {"uid": 0, "v4": "127.0.0.53"},
                      "web": {"uid": 1000, "v4": "127.0.0.1", "v6": "fd5e:1f2a:90c1::3:1"}}})",
                            &left_out)
                  .ok());
  EXPECT_THAT(left_out, ElementsAre(AllOf(HasSubstr("\"web\""), HasSubstr("127.0.0.1"))));
  EXPECT_EQ(book_.FindOwner(A("127.0.0.1")), nullptr);
  EXPECT_NE(book_.FindOwner(A("127.0.0.53")), nullptr);
  EXPECT_EQ(Assign("web", 1001), EACCES) << "the name stays his";
  ASSERT_EQ(Assign("web", 1000), 0);
  EXPECT_EQ(assigned_.v4, AddressesFor("web", 0, DefaultPool(), P("fd5e:1f2a:90c1::/48")).v4);
  EXPECT_EQ(assigned_.v6, A("fd5e:1f2a:90c1::3:1"));
}

TEST_F(AddressBookTest, WhatAUserMayNotHaveIsNotRestored) {
  EXPECT_FALSE(book_.Restore("web", {.addresses = {.v4 = A("127.0.0.1"), .v6 = {}}, .uid = 1000}));
  EXPECT_TRUE(book_.entries().empty());
  EXPECT_TRUE(book_.Restore("web", {.addresses = {.v4 = A("127.0.0.1"), .v6 = {}}, .uid = 0}));
}

TEST_F(AddressBookTest, JsonIsReadBackAsItWasWritten) {
  Assign("web", 1000);
  Assign("api", 0, {.v4 = A("127.1.27.1"), .v6 = {}});
  AddressBook copy(DefaultPool(), P("fd5e:1f2a:90c1::/48"));
  ASSERT_TRUE(copy.FromJson(book_.ToJson()).ok());
  EXPECT_EQ(copy.ToJson(), book_.ToJson());
  EXPECT_EQ(copy.CountOf(1000), 1u);
}

TEST_F(AddressBookTest, ABrokenTableIsAnErrorThatNamesTheEntry) {
  for (const char* text :
       {"", "[]", "{}", "{\"version\": 2, \"names\": {}}", "{\"version\": 1, \"names\": 3}", "{\"version\""}) {
    EXPECT_THAT(std::string(book_.FromJson(text).message()), HasSubstr("not a table of addresses")) << text;
  }
  for (const char* entry : {"3", "{}", "{\"uid\": -1}", "{\"uid\": 0, \"v4\": 3}", "{\"uid\": 0, \"v4\": \"8.8.8.8\"}",
                            "{\"uid\": 0, \"v6\": \"127.0.0.1\"}"}) {
    const std::string text = std::string("{\"version\": 1, \"names\": {\"web\": ") + entry + "}}";
    EXPECT_THAT(std::string(book_.FromJson(text).message()), HasSubstr("name \"web\"")) << text;
  }
}

TEST(AddressBook, WithoutIpv6ThereAreNoUlas) {
  AddressBook book(DefaultPool(), std::nullopt);
  PrivateAddresses assigned;
  ASSERT_EQ(book.Assign(
                    "web", 0, {}, [](const std::string&) { return false; }, &assigned)
                .error,
            0);
  EXPECT_TRUE(assigned.v4.has_value());
  EXPECT_FALSE(assigned.v6.has_value());
}

}  // namespace
}  // namespace forcebind
