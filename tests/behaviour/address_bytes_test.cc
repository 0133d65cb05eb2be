// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/behaviour/comparison.h"

namespace forcebind {
namespace {

// sockaddr_in 0.0.0.0:8080 is 02 00 1f 90, four bytes of address, eight of padding.
constexpr char kIpv4[] = "hex/02001f900000000000000000000000000000000000000000000000000000000000";
constexpr char kIpv6[] = "hex/0a001f90000000000000000000000000000000000000000000000000000000000000";

Script WithLengths(const std::string& socket, const std::string& address, const std::vector<int>& lengths) {
  Script script;
  for (const int length : lengths) {
    script.push_back("s=socket " + socket);
    script.push_back("bind s " + address + " len=" + std::to_string(length));
    script.push_back("getsockname s");
    script.push_back("close s");
  }
  return script;
}

// Port 0 on the wildcard: a client's socket stays there.
const Setting kEgress = {.addresses = {{"0.0.0.0", "0.0.0.0"}}};

const std::vector<int> kLengths = {0,  1,  2,  3,  4,   7,   8,   15,  16,   17, 23,         24,
                                   25, 27, 28, 29, 110, 127, 128, 129, 4096, -1, -2147483647};

TEST(AddressBytes, EveryLengthIsAnsweredAsTheKernelDoes) {
  ExpectSame(WithLengths("inet stream", kIpv4, kLengths));
  ExpectSame(WithLengths("inet6 stream", kIpv6, kLengths));
  ExpectSame(WithLengths("inet dgram", kIpv4, kLengths));
  ExpectSame(WithLengths("unix stream", "family/1", {0, 1, 3, 110, 111, 128, 129, -1}));
  ExpectSame(WithLengths("netlink raw", "netlink/0/0", {0, 1, 2, 3, 11, 12, 13, 128, 129, -1}));
}

TEST(AddressBytes, EveryFamilyIsAnsweredAsTheKernelDoes) {
  for (const std::string socket : {"inet stream", "inet dgram", "inet6 stream", "unix stream", "netlink raw"}) {
    Script script = {"s=socket " + socket};
    for (const int family : {0, 1, 2, 3, 10, 16, 17, 255}) {
      // An AF_UNIX name of zeros is an abstract one.
      script.push_back("bind s family/" + std::to_string(family) + " len=64");
      script.push_back("getsockname s");
      script.push_back("close s");
      script.push_back("s=socket " + socket);
    }
    ExpectSame(script, socket == "inet dgram" ? kEgress : Setting());
  }
}

TEST(AddressBytes, BadPointersAreFaults) {
  for (const std::string socket : {"inet stream", "inet6 stream", "unix stream", "netlink raw"}) {
    ExpectSame({"s=socket " + socket, "bind s bad", "bind s null", "bind s bad len=0", "bind s null len=0",
                "bind s bad len=128", "bind s bad len=129", "bind s bad len=-1", "getsockname s"});
  }
}

TEST(AddressBytes, AddressOfAnotherFamilyIsRefused) {
  ExpectSame({"s=socket inet stream", "bind s [::]:8080", "bind s unix/mnt/open/x", "getsockname s",
              "t=socket inet6 stream", "bind t 0.0.0.0:8080", "getsockname t", "u=socket unix stream",
              "bind u 0.0.0.0:8080", "getsockname u"});
}

TEST(AddressBytes, BadDescriptorsAreRefusedBeforeTheAddressIsLookedAt) {
  ExpectSame({"bind 77 0.0.0.0:8080", "bind 77 bad", "bind -1 0.0.0.0:8080", "f=open /dev/null", "bind f 0.0.0.0:8080",
              "bind f bad", "p=opath /dev/null", "bind p 0.0.0.0:8080"});
}

TEST(AddressBytes, OtherAbisAreAnsweredAlike) {
  for (const std::string via : {"int80", "socketcall", "x32"}) {
    ExpectSame({"s=socket inet stream", "bind." + via + " s 0.0.0.0:8080", "getsockname s", "listen." + via + " s 5",
                "tcpstate s", "t=socket inet stream", "bind." + via + " t 0.0.0.0:8080", "bind." + via + " t bad",
                "bind." + via + " 77 0.0.0.0:8080", "listen." + via + " 77 5", "u=socket unix stream",
                "bind." + via + " u abstract/x", "getsockname u", "listen." + via + " u 5"});
  }
}

TEST(AddressBytes, SocketsOfTheMultiplexerAreLikeOthers) {
  ExpectSame({"s=socket.socketcall inet stream", "bind.socketcall s 0.0.0.0:8080", "getsockname s", "listen s 5",
              "t=socket.int80 inet stream", "bind.int80 t 0.0.0.0:8081", "listen.socketcall t 5", "getsockname t"});
}

}  // namespace
}  // namespace forcebind
