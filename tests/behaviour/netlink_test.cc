// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/behaviour/comparison.h"

namespace forcebind {
namespace {

TEST(Netlink, PortIdIsTheProcesss) {
  ExpectSame({"s=socket netlink raw", "bind s netlink/0/0", "getsockname s", "t=socket netlink raw",
              "bind t netlink/0/0", "getsockname t", "bind s netlink/0/0", "getsockname s", "bind s netlink/77/0",
              "u=socket netlink raw", "bind u netlink/77/0", "getsockname u", "v=socket netlink raw",
              "bind v netlink/77/0", "getsockname v"});
}

TEST(Netlink, PortIdOfAnotherProtocolIsFree) {
  ExpectSame({"s=socket netlink raw 0", "bind s netlink/0/0", "getsockname s", "t=socket netlink raw 4",
              "bind t netlink/0/0", "getsockname t"});
}

TEST(Netlink, GroupsAsRoot) {
  ExpectSame({"s=socket netlink raw 0", "bind s netlink/0/1", "getsockname s", "t=socket netlink raw 15",
              "bind t netlink/0/2", "getsockname t", "bind s netlink/0/17", "getsockname s", "u=socket netlink raw 9",
              "bind u netlink/0/1", "getsockname u"});
}

TEST(Netlink, GroupsAsAnotherUser) {
  const Script script = {"s=socket netlink raw 0",  "bind s netlink/0/1", "getsockname s",
                         "t=socket netlink raw 15", "bind t netlink/0/2", "getsockname t",
                         "u=socket netlink raw 9",  "bind u netlink/0/1", "getsockname u"};
  Script dropped = {"setgid 65534", "setuid 65534"};
  dropped.insert(dropped.end(), script.begin(), script.end());
  ExpectSame(dropped);
  ExpectSame(script, {.ordinary_user = true});
}

TEST(Netlink, ChildrenHaveTheirOwnPortId) {
  ExpectSame({"s=socket netlink raw", "bind s netlink/0/0",
              "fork c=socket netlink raw ; bind c netlink/0/0 ; "
              "getsockname c",
              "thread t=socket netlink raw ; bind t netlink/0/0 ; getsockname t"});
}

TEST(Netlink, OtherFamiliesAreRefused) {
  ExpectSame(
      {"s=socket netlink raw", "bind s 0.0.0.0:8080", "bind s hex/1100000000000000000000000", "bind s family/0"});
}

}  // namespace
}  // namespace forcebind
