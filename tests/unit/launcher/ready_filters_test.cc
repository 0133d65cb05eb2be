// SPDX-License-Identifier: Apache-2.0
#include "launcher/ready_filters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstring>

#include "config/profile_file.h"

namespace forcebind {
namespace {

std::vector<int> FamiliesOf(uint64_t bits) {
  std::vector<int> families;
  for (int family = 0; family < 64; ++family) {
    if ((bits >> family & 1) != 0) families.push_back(family);
  }
  return families;
}

bool SameProgram(absl::Span<const sock_filter> a, absl::Span<const sock_filter> b) {
  return a.size() == b.size() && memcmp(a.data(), b.data(), a.size() * sizeof(sock_filter)) == 0;
}

TEST(ReadyFilters, AreWhatLibseccompBuilds) {
  for (const ReadyFilter& ready : ReadyFilters()) {
    const std::vector<int> families = FamiliesOf(ready.families);
    const auto built =
        BuildFilter({.families = families, .deny_mptcp = ready.deny_mptcp, .own_loopback = ready.own_loopback});
    ASSERT_TRUE(built.ok()) << built.status().ToString();
    EXPECT_TRUE(SameProgram(*built, ready.program))
        << ready.families << " " << ready.deny_mptcp << " " << ready.own_loopback;
  }
}

TEST(ReadyFilters, HoldTheDefaultFamiliesWithAndWithoutASupervisor) {
  const std::vector<int> families = DefaultPolicy("any").families;
  for (const bool deny_mptcp : {false, true}) {
    for (const bool own_loopback : {false, true}) {
      EXPECT_THAT(ReadyFilters(),
                  testing::Contains(testing::AllOf(testing::Field(&ReadyFilter::families, FamilyBits(families).value()),
                                                   testing::Field(&ReadyFilter::deny_mptcp, deny_mptcp),
                                                   testing::Field(&ReadyFilter::own_loopback, own_loopback))));
    }
  }
}

TEST(FilterFor, TakesTheReadyOneWhateverTheOrderOfTheFamilies) {
  const int families[] = {AF_NETLINK, AF_UNIX, AF_INET6, AF_INET, AF_INET};
  const auto filter = FilterFor({.families = families, .deny_mptcp = true, .own_loopback = true});
  const auto built = BuildFilter({.families = DefaultPolicy("any").families, .deny_mptcp = true, .own_loopback = true});
  ASSERT_TRUE(filter.ok() && built.ok());
  EXPECT_TRUE(SameProgram(*filter, *built));
}

TEST(FilterFor, BuildsWhatIsNotReady) {
  const int families[] = {AF_INET, AF_VSOCK};
  const auto filter = FilterFor({.families = families});
  const auto built = BuildFilter({.families = families});
  ASSERT_TRUE(filter.ok() && built.ok());
  EXPECT_TRUE(SameProgram(*filter, *built));
}

TEST(FamilyBits, AFamilyBeyondTheTableHasNone) {
  EXPECT_EQ(FamilyBits({AF_UNIX, AF_INET}), 0b110u);
  EXPECT_EQ(FamilyBits({AF_INET, 64}), std::nullopt);
  EXPECT_EQ(FamilyBits({-1}), std::nullopt);
}

}  // namespace
}  // namespace forcebind
