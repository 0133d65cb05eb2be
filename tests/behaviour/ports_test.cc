// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/behaviour/comparison.h"

namespace forcebind {
namespace {

using ::testing::HasSubstr;

constexpr char kAllowList[] = "allow = [\"tcp/8080-8090\"]\n";

TEST(Ports, PrivilegedPortNeedsTheRight) {
  const Script script = {"s=socket inet stream",  "bind s 0.0.0.0:80", "getsockname s",
                         "t=socket inet6 stream", "bind t [::]:81",    "getsockname t",
                         "u=socket inet dgram",   "bind u 0.0.0.0:53", "getsockname u"};
  ExpectSame(script);
  ExpectSame(script, {.ordinary_user = true});
}

TEST(Ports, RightIsGoneWithTheUser) {
  ExpectSame({"setgid 65534", "setuid 65534", "s=socket inet stream", "bind s 0.0.0.0:80", "getsockname s",
              "bind s 0.0.0.0:8080", "getsockname s", "listen s 5", "t=socket inet6 stream", "bind t [::]:80",
              "bind t [2001:db8:ffff::1]:80"});
}

TEST(Ports, RightStaysIfTheCapabilityIsKept) {
  ExpectSame({"keepcaps", "setgid 65534", "setuid 65534", "setcaps 10", "s=socket inet stream", "bind s 0.0.0.0:80",
              "getsockname s", "listen s 5", "t=socket inet dgram", "bind t 0.0.0.0:53", "getsockname t"});
}

TEST(Ports, RootWithoutTheCapabilityHasNoRight) {
  ExpectSame({"setcaps 7 6", "s=socket inet stream", "bind s 0.0.0.0:80", "getsockname s", "bind s 0.0.0.0:8080",
              "getsockname s"});
}

TEST(Ports, EffectiveUserCounts) {
  ExpectSame({"seteuid 65534", "s=socket inet stream", "bind s 0.0.0.0:80", "seteuid 0", "bind s 0.0.0.0:80",
              "getsockname s"});
}

TEST(Ports, CapabilityOfAnotherUserNamespaceIsNoRight) {
  ExpectSame({"setgid 65534", "setuid 65534", "unshare user", "s=socket inet stream", "bind s 0.0.0.0:80",
              "bind s 0.0.0.0:8080", "getsockname s"});
}

TEST(Ports, PortsThatTheProfileDoesNotAllowAreRefused) {
  const std::string forced =
      RunForced({"s=socket inet stream", "bind s 0.0.0.0:8079", "bind s 0.0.0.0:8080", "getsockname s",
                 "t=socket inet6 stream", "bind t [::]:9000", "bind t [::]:8090", "getsockname t",
                 "u=socket inet dgram", "bind u 0.0.0.0:8085", "v=socket inet stream", "listen v 5"},
                {.profile = kAllowList});
  EXPECT_THAT(forced, HasSubstr("bind s 0.0.0.0:8079 -> -1 EACCES\n"));
  EXPECT_THAT(forced, HasSubstr("getsockname s -> 127.84.3.1:8080 (16)\n"));
  EXPECT_THAT(forced, HasSubstr("bind t [::]:9000 -> -1 EACCES\n"));
  EXPECT_THAT(forced, HasSubstr("getsockname t -> [::ffff:127.84.3.1]:8090 scope 0 (28)\n"));
  EXPECT_THAT(forced, HasSubstr("bind u 0.0.0.0:8085 -> -1 EACCES\n"));
  EXPECT_THAT(forced, HasSubstr("listen v 5 -> 0\n"));
}

TEST(Ports, OrdinaryUserBindsLikeRoot) {
  ExpectSame({"s=socket inet stream", "bind s 0.0.0.0:8080", "getsockname s", "listen s 5", "t=socket inet6 stream",
              "bind t [::]:8081", "getsockname t", "listen t 5", "u=socket inet dgram", "bind u 0.0.0.0:5353",
              "getsockname u", "v=socket inet stream", "listen v 5", "getsockname v", "w=socket inet stream",
              "bind w 198.18.5.5:8080", "bind w 192.0.2.7:8082", "getsockname w"},
             {.ordinary_user = true});
}

}  // namespace
}  // namespace forcebind
