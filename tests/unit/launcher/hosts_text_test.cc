// SPDX-License-Identifier: Apache-2.0
#include "launcher/hosts_text.h"

#include <gtest/gtest.h>

namespace forcebind {
namespace {

TEST(FormatHosts, ALinePerAddressSortedByName) {
  EXPECT_EQ(*FormatHosts({{"web", {"127.84.3.2", "fd5e::2"}}, {"nginx", {"127.84.3.1"}}}),
            "127.84.3.1 nginx nginx.forcebind\n"
            "127.84.3.2 web web.forcebind\n"
            "fd5e::2 web web.forcebind\n");
}

TEST(FormatHosts, TheSameLineIsPrintedOnce) {
  EXPECT_EQ(*FormatHosts({{"a", {"127.84.3.1"}}, {"a", {"127.84.3.1"}}}), "127.84.3.1 a a.forcebind\n");
}

TEST(FormatHosts, LocalhostKeepsItsOwnMeaning) {
  EXPECT_EQ(*FormatHosts({{"Localhost", {"127.84.3.1"}}}), "127.84.3.1 Localhost.forcebind\n");
}

TEST(FormatHosts, NothingIsNothing) { EXPECT_EQ(*FormatHosts({}), ""); }

TEST(FormatHosts, ANameThatWouldAddALineIsAnError) {
  for (const char* name : {"", "a\n192.0.2.1 bank.example", "a b", "-a", "a#", "\x1b[2J"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(FormatHosts({{name, {"127.84.3.1"}}}).status())) << name;
  }
}

TEST(FormatHosts, AnAddressThatIsNotPrivateIsAnError) {
  for (const char* address : {"", "192.0.2.1", "2001:db8::1", "::1", "127.84.3.1 bank.example", "127.84.3.1\n"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(FormatHosts({{"a", {address}}}).status())) << address;
  }
}

}  // namespace
}  // namespace forcebind
