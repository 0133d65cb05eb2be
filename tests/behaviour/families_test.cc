// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/behaviour/comparison.h"

namespace forcebind {
namespace {

using ::testing::HasSubstr;

constexpr char kPacket[] = "families = [\"inet\", \"inet6\", \"unix\", \"netlink\", \"packet\"]\n";

TEST(Families, OthersThanTheProfilesAreNotSupported) {
  const std::string forced =
      RunForced({"s=socket packet raw", "s=socket 38 seqpacket", "s=socket 40 stream", "s=socket 43 stream",
                 "s=socket 21 seqpacket", "s=socket 63 stream", "s=socket 64 stream", "s=socket 1000000 stream",
                 "s=socket -1 stream", "socketpair 30 stream", "socketpair unix stream"});
  EXPECT_EQ(forced,
            "s=socket packet raw -> -1 EAFNOSUPPORT\n"
            "s=socket 38 seqpacket -> -1 EAFNOSUPPORT\n"
            "s=socket 40 stream -> -1 EAFNOSUPPORT\n"
            "s=socket 43 stream -> -1 EAFNOSUPPORT\n"
            "s=socket 21 seqpacket -> -1 EAFNOSUPPORT\n"
            "s=socket 63 stream -> -1 EAFNOSUPPORT\n"
            "s=socket 64 stream -> -1 EAFNOSUPPORT\n"
            "s=socket 1000000 stream -> -1 EAFNOSUPPORT\n"
            "s=socket -1 stream -> -1 EAFNOSUPPORT\n"
            "socketpair 30 stream -> -1 EAFNOSUPPORT\n"
            "socketpair unix stream -> 0\n");
}

TEST(Families, FewerThanUsualMayBeAllowed) {
  const std::string forced = RunForced({"s=socket inet stream", "t=socket inet6 stream", "u=socket unix stream"},
                                       {.profile = "families = [\"inet\"]\n"});
  EXPECT_EQ(forced,
            "s=socket inet stream -> 3\n"
            "t=socket inet6 stream -> -1 EAFNOSUPPORT\n"
            "u=socket unix stream -> -1 EAFNOSUPPORT\n");
}

TEST(Families, PacketSocketsByProfile) {
  ExpectSame({"s=socket packet raw", "bind s packet/lo", "bind s packet/nowhere", "s=socket packet dgram",
              "bind s packet/public", "listen s 5"},
             {.profile = kPacket});
  ExpectSame({"setgid 65534", "setuid 65534", "s=socket packet raw"}, {.profile = kPacket});
}

// socket(AF_INET, SOCK_PACKET) is a packet socket under another name.
TEST(Families, OldPacketSocketsAreRefusedWithTheFamily) {
  const std::string forced = RunForced({"s=socket inet packet 768", "bind s family/0"});
  EXPECT_THAT(forced, HasSubstr("s=socket inet packet 768 -> -1 E"));
}

TEST(Families, RawSocketsAreForced) {
  ExpectSame(
      {"s=socket inet raw 253", "bind s 127.0.0.1:0", "listen s 5", "t=socket inet raw 253", "bind t 198.18.5.5:0"});
}

TEST(Families, MptcpListensLikeTcp) {
  ExpectSame({"s=socket inet stream 262", "bind s 0.0.0.0:8080", "getsockname s", "listen s 5", "getsockname s",
              "t=socket inet stream 262", "listen t 5", "u=socket inet6 stream 262", "bind u [::]:8081",
              "getsockname u", "listen u 5", "listen u 6"});
}

// As a kernel says that has not got them, as this one may be.
TEST(Families, OtherProtocolsAreNotSupported) {
  for (const std::string call : {"socket", "socket.int80", "socket.socketcall"}) {
    const std::string made = RunForced({"s=" + call + " inet stream 132", "s=" + call + " inet6 seqpacket",
                                        "s=" + call + " inet dgram 115", "s=" + call + " inet stream 256"});
    EXPECT_EQ(made, "s=" + call + " inet stream 132 -> -1 EPROTONOSUPPORT\n" + "s=" + call +
                        " inet6 seqpacket -> -1 ESOCKTNOSUPPORT\n" + "s=" + call +
                        " inet dgram 115 -> -1 EPROTONOSUPPORT\n" + "s=" + call +
                        " inet stream 256 -> -1 EPROTONOSUPPORT\n");
  }
}

TEST(Families, PingSocketsAreClients) { ExpectSame({"s=socket inet dgram 1", "bind s 0.0.0.0:0"}); }

TEST(Families, UdpLiteIsForced) { ExpectSame({"s=socket inet dgram 136", "bind s 0.0.0.0:5353", "getsockname s"}); }

}  // namespace
}  // namespace forcebind
