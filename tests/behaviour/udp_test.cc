// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/behaviour/comparison.h"

namespace forcebind {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// What a client's socket is natively, it is under forcebind.
const Setting kEgress = {.addresses = {{"0.0.0.0", "0.0.0.0"}, {"[::]", "[::]"}}};
constexpr char kNoEgress[] = "egress = false\n";

TEST(Udp, FixedPortIsForced) {
  ExpectSame({"s=socket inet dgram", "bind s 0.0.0.0:5353", "getsockname s"});
  ExpectSame({"s=socket inet dgram", "bind s 192.0.2.7:5353", "getsockname s"});
  ExpectSame({"s=socket inet6 dgram", "bind s [::]:5353", "getsockname s"});
  ExpectSame({"s=socket inet6 dgram", "setsockopt s v6only 1", "bind s [::]:5353", "getsockname s"},
             {.addresses = {{"[::]", "[fd5e:1f2a:90c1::1]"}}});
}

TEST(Udp, PortZeroOnTheWildcardIsAClients) {
  ExpectSame({"s=socket inet dgram", "bind s 0.0.0.0:0", "getsockname s", "sendto s 192.0.2.100:9"}, kEgress);
  ExpectSame({"s=socket inet6 dgram", "bind s [::]:0", "getsockname s", "sendto s [2001:db8::100]:9",
              "sendto s [::ffff:192.0.2.100]:9"},
             kEgress);
}

TEST(Udp, ClientReachesTheOutside) {
  ExpectSame({"s=socket inet dgram", "bind s 0.0.0.0:0", "connect s 192.0.2.100:9", "sendto s null", "recvfrom s"},
             {.addresses = {{"192.0.2.7", "192.0.2.7"}}});
}

TEST(Udp, PortZeroOnTheWildcardIsForcedWithoutEgress) {
  ExpectSame({"s=socket inet dgram", "bind s 0.0.0.0:0", "getsockname s"}, {.profile = kNoEgress});
  ExpectSame({"s=socket inet6 dgram", "bind s [::]:0", "getsockname s"}, {.profile = kNoEgress});
}

TEST(Udp, SendWithoutBindIsForcedWithoutEgress) {
  for (const std::string program : {"probe", "probe_32"}) {
    for (const bool ordinary_user : {false, true}) {
      const Setting setting = {.program = program, .ordinary_user = ordinary_user, .profile = kNoEgress};
      const std::string forced = RunForced({"s=socket inet dgram", "getsockname s", "sendto s 192.0.2.100:9",
                                            "sendto s 127.84.3.1:9", "t=socket inet6 dgram", "getsockname t",
                                            "sendto t [::ffff:127.84.3.1]:9", "u=socket inet stream", "getsockname u"},
                                           setting);
      EXPECT_THAT(forced, HasSubstr("getsockname s -> 127.84.3.1:0 (16)\n"
                                    "sendto s 192.0.2.100:9 -> -1 EINVAL\n"
                                    "sendto s 127.84.3.1:9 -> 5\n"));
      EXPECT_THAT(forced, HasSubstr("getsockname t -> [::ffff:127.84.3.1]:0"));
      EXPECT_THAT(forced, HasSubstr("sendto t [::ffff:127.84.3.1]:9 -> 5\n"));
      EXPECT_THAT(forced, HasSubstr("getsockname u -> 0.0.0.0:0"));
      EXPECT_THAT(forced, HasSubstr("kernel: udp 127.84.3.1:"));
      EXPECT_THAT(forced, HasSubstr("kernel: udp [::ffff:127.84.3.1]:"));
      EXPECT_THAT(forced, Not(HasSubstr("kernel: udp 0.0.0.0")));
    }
  }
}

// Whoever cannot be looked at gets none.
TEST(Udp, AnUndumpableProcessGetsNoneWithoutEgress) {
  const std::string forced = RunForced({"dumpable 0", "s=socket inet dgram", "t=socket inet stream"},
                                       {.ordinary_user = true, .profile = kNoEgress});
  EXPECT_THAT(forced, HasSubstr("s=socket inet dgram -> -1 EPERM\n"));
  EXPECT_THAT(forced, Not(HasSubstr("t=socket inet stream -> -1")));
}

TEST(Udp, IsForcedWithoutEgressAlsoAfterABindThatFailed) {
  const std::string forced =
      RunForced({"s=socket inet dgram", "bind s 0.0.0.0:5353", "t=socket inet dgram", "bind t 0.0.0.0:5353",
                 "getsockname t", "bind t 198.18.5.5:5354", "getsockname t", "bind t 0.0.0.0:5355", "getsockname t"},
                {.profile = kNoEgress});
  EXPECT_THAT(forced, HasSubstr("bind t 0.0.0.0:5353 -> -1 EADDRINUSE\n"
                                "getsockname t -> 127.84.3.1:0 (16)\n"
                                "bind t 198.18.5.5:5354 -> -1 EADDRNOTAVAIL\n"
                                "getsockname t -> 127.84.3.1:0 (16)\n"
                                "bind t 0.0.0.0:5355 -> 0\n"
                                "getsockname t -> 127.84.3.1:5355 (16)\n"));
}

TEST(Udp, PortZeroOnAnAddressIsForced) {
  ExpectSame({"s=socket inet dgram", "bind s 127.0.0.1:0", "getsockname s", "t=socket inet dgram", "bind t 192.0.2.7:0",
              "getsockname t"});
}

TEST(Udp, SendWithoutBindReachesTheOutside) {
  ExpectSame({"s=socket inet dgram", "connect s 192.0.2.100:9", "sendto s null", "recvfrom s", "getsockname s"},
             {.addresses = {{"192.0.2.7", "192.0.2.7"}}});
}

TEST(Udp, ForeignAddressIsRefused) {
  ExpectSame({"s=socket inet dgram", "bind s 198.18.5.5:5353", "getsockname s", "t=socket inet6 dgram",
              "bind t [2001:db8:ffff::1]:5353", "getsockname t"});
}

TEST(Udp, DatagramsArriveAndAreAnswered) {
  ExpectSame({"s=socket inet dgram", "bind s 127.84.3.1:5353", "c=socket inet dgram", "bind c 127.84.3.1:5354",
              "sendto c 127.84.3.1:5353", "recvfrom s", "sendto s 127.84.3.1:5354", "recvfrom c"});
}

TEST(Udp, TakenPortIsRefused) {
  ExpectSame({"s=socket inet dgram", "bind s 0.0.0.0:5353", "t=socket inet dgram", "bind t 0.0.0.0:5353",
              "u=socket inet dgram", "setsockopt u reuseaddr 1", "bind u 0.0.0.0:5353"});
  ExpectSame({"s=socket inet dgram", "setsockopt s reuseaddr 1", "bind s 0.0.0.0:5353", "t=socket inet dgram",
              "setsockopt t reuseaddr 1", "bind t 0.0.0.0:5353", "getsockname t"});
}

TEST(Udp, SecondBindIsRefused) {
  ExpectSame(
      {"s=socket inet dgram", "bind s 0.0.0.0:5353", "bind s 0.0.0.0:5354", "bind s 0.0.0.0:0", "getsockname s"});
  ExpectSame({"s=socket inet dgram", "bind s 0.0.0.0:0", "bind s 0.0.0.0:0", "bind s 0.0.0.0:5354"}, kEgress);
}

TEST(Udp, UnspecifiedFamilyUnbinds) {
  ExpectSame({"s=socket inet dgram", "bind s 127.0.0.1:5353", "connect s unspec/0.0.0.0:0", "getsockname s"});
}

TEST(Udp, GroupsAreForTheProfileToAllow) {
  const Script script = {"s=socket inet dgram",  "bind s 224.0.0.251:5353",       "getsockname s",
                         "t=socket inet dgram",  "bind t 192.0.2.255:5354",       "getsockname t",
                         "u=socket inet6 dgram", "bind u [ff02::fb%public]:5353", "getsockname u",
                         "v=socket inet dgram",  "bind v 255.255.255.255:67",     "getsockname v"};
  ExpectSame(script, {.profile = "multicast = true\n"});
  const std::string forced = RunForced(script);
  EXPECT_THAT(forced, HasSubstr("bind s 224.0.0.251:5353 -> -1 EADDRNOTAVAIL\n"));
  EXPECT_THAT(forced, HasSubstr("bind t 192.0.2.255:5354 -> -1 EADDRNOTAVAIL\n"));
  EXPECT_THAT(forced, HasSubstr("bind u [ff02::fb%public]:5353 -> -1 EADDRNOTAVAIL\n"));
  EXPECT_THAT(forced, Not(HasSubstr("kernel:")));
}

}  // namespace
}  // namespace forcebind
