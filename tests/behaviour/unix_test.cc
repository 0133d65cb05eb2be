// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/behaviour/comparison.h"

namespace forcebind {
namespace {

TEST(Unix, PathIsMadeAsWithoutForcebind) {
  ExpectSame({"umask 022", "s=socket unix stream", "bind s unix//mnt/open/a", "getsockname s", "stat /mnt/open/a",
              "listen s 5", "c=socket unix stream", "connect c @s", "peercred c", "a=accept s", "peercred a",
              "getpeername c"});
}

TEST(Unix, UmaskGivesTheMode) {
  ExpectSame({"umask 077", "s=socket unix stream", "bind s unix//mnt/open/a", "stat /mnt/open/a", "umask 0",
              "t=socket unix dgram", "bind t unix//mnt/open/b", "stat /mnt/open/b", "umask 0177",
              "u=socket unix seqpacket", "bind u unix//mnt/open/c", "stat /mnt/open/c", "listen u 5"});
}

TEST(Unix, RelativePathIsMadeInTheServicesDirectory) {
  ExpectSame({"chdir /mnt/open", "s=socket unix stream", "bind s unix/here", "getsockname s", "stat /mnt/open/here",
              "listen s 5", "mkdir sub 0755", "chdir sub", "t=socket unix stream", "bind t unix/../there",
              "getsockname t", "stat /mnt/open/there"});
}

TEST(Unix, DirectoryThatIsGoneIsNoEntry) {
  ExpectSame({"mkdir /mnt/open/gone 0755", "chdir /mnt/open/gone", "rmdir /mnt/open/gone", "s=socket unix stream",
              "bind s unix/x", "getsockname s"});
}

TEST(Unix, AbstractNames) {
  ExpectSame({"s=socket unix stream", "bind s abstract/forcebind", "getsockname s", "listen s 5",
              "t=socket unix stream", "bind t abstract/forcebind", "getsockname t", "c=socket unix stream",
              "connect c abstract/forcebind", "peercred c", "u=socket unix dgram", "bind u hex/0100006100620000",
              "getsockname u"});
}

TEST(Unix, AutobindTakesANameOfFiveDigits) {
  // Which one is up to the kernel.
  const std::string forced = RunForced({"s=socket unix stream", "bind s family/1", "getsockname s", "bind s family/1",
                                        "bind s abstract/x", "listen s 5"});
  EXPECT_THAT(forced, ::testing::ContainsRegex("getsockname s -> abstract/[0-9a-f]{5} \\(8\\)\n"));
  EXPECT_EQ(
      RunNatively({"s=socket unix stream", "bind s family/1", "bind s family/1", "bind s abstract/x", "listen s 5"}),
      RunForced({"s=socket unix stream", "bind s family/1", "bind s family/1", "bind s abstract/x", "listen s 5"}));
}

TEST(Unix, SecondBindIsRefused) {
  ExpectSame({"s=socket unix stream", "bind s unix//mnt/open/a", "bind s unix//mnt/open/b", "getsockname s",
              "stat /mnt/open/b"});
}

TEST(Unix, PathThatExistsIsTaken) {
  ExpectSame({"s=socket unix stream", "bind s unix//mnt/open/a", "t=socket unix stream", "bind t unix//mnt/open/a",
              "getsockname t", "bind t unix//mnt/open", "unlink /mnt/open/a", "bind t unix//mnt/open/a",
              "getsockname t"});
}

TEST(Unix, PathsThatCannotBeMade) {
  const std::string too_long(107, 'x'), longer(108, 'y'), over(109, 'z');
  ExpectSame({"s=socket unix stream", "bind s unix//mnt/nowhere/a", "bind s unix//mnt/bin/probe/a",
              "bind s unix//proc/a", "chdir /mnt/open", "bind s unix/" + over, "bind s unix/" + longer, "getsockname s",
              "t=socket unix stream", "bind t unix/" + too_long, "getsockname t"});
}

TEST(Unix, DirectoryThatIsNotWritableIsRefused) {
  ExpectSame({"s=socket unix stream", "bind s unix//mnt/closed/a", "getsockname s", "bind s unix//mnt/open/a",
              "stat /mnt/open/a"},
             {.ordinary_user = true});
  ExpectSame({"setgid 65534", "setuid 65534", "s=socket unix stream", "bind s unix//mnt/closed/a",
              "bind s unix//mnt/open/a", "stat /mnt/open/a"});
}

TEST(Unix, OwnerIsTheUserThatTheServiceHasBecome) {
  ExpectSame({"setgroups 5 6", "setgid 1234", "setuid 4321", "umask 027", "s=socket unix stream",
              "bind s unix//mnt/open/a", "stat /mnt/open/a", "listen s 5", "c=socket unix stream", "connect c @s",
              "peercred c"});
  ExpectSame({"setegid 1234", "seteuid 4321", "s=socket unix stream", "bind s unix//mnt/open/a", "stat /mnt/open/a",
              "listen s 5", "c=socket unix stream", "connect c @s", "peercred c", "seteuid 0", "u=socket unix stream",
              "bind u unix//mnt/open/u", "stat /mnt/open/u"});
}

TEST(Unix, GroupOfTheDirectoryCounts) {
  ExpectSame({"mkdir /mnt/open/shared 0775", "chmod /mnt/open/shared 02770", "setgroups 0", "setgid 1234",
              "setuid 4321", "s=socket unix stream", "bind s unix//mnt/open/shared/a", "stat /mnt/open/shared/a"});
}

TEST(Unix, InAChrootPathsAreTheServices) {
  ExpectSame({"mkdir /mnt/open/root 0755", "mkdir /mnt/open/root/run 0777", "chroot /mnt/open/root", "chdir /",
              "s=socket unix stream", "bind s unix//run/a", "getsockname s", "stat /run/a", "listen s 5",
              "c=socket unix stream", "connect c @s", "chdir /run", "t=socket unix stream", "bind t unix/b",
              "getsockname t", "stat /run/b"});
  ExpectSame({"mkdir /mnt/open/root 0755", "mkdir /mnt/open/root/run 0777", "chroot /mnt/open/root", "chdir /",
              "setgid 1234", "setuid 4321", "s=socket unix stream", "bind s unix//run/a", "getsockname s",
              "stat /run/a", "bind s unix//a"});
}

TEST(Unix, InAnotherMountNamespacePathsAreTheServices) {
  ExpectSame({"mkdir /mnt/open/mount 0755", "unshare mnt", "tmpfs /mnt/open/mount", "s=socket unix stream",
              "bind s unix//mnt/open/mount/a", "getsockname s", "stat /mnt/open/mount/a", "listen s 5",
              "c=socket unix stream", "connect c @s", "peercred c", "chdir /mnt/open/mount", "t=socket unix stream",
              "bind t unix/b", "stat /mnt/open/mount/b"});
}

TEST(Unix, ThreadWithItsOwnDirectory) {
  ExpectSame({"chdir /mnt/closed",
              "thread unshare fs ; chdir /mnt/open ; umask 077 ; s=socket unix stream ; "
              "bind s unix/here ; getsockname s ; stat /mnt/open/here",
              "t=socket unix stream", "bind t unix/here", "stat /mnt/closed/here"});
}

TEST(Unix, ListenersOfEveryTypeAcceptPeers) {
  ExpectSame({"s=socket unix seqpacket", "listen s 5", "bind s unix//mnt/open/a", "listen s 5", "listen s 50",
              "c=socket unix seqpacket", "connect c @s", "a=accept s", "peercred c", "bind c unix//mnt/open/c",
              "listen c 5"});
}

TEST(Unix, PeerSeesTheUserThatListened) {
  ExpectSame({"s=socket unix stream", "bind s unix//mnt/open/a", "chmod /mnt/open/a 0777", "setegid 77", "seteuid 99",
              "listen s 5", "seteuid 0", "c=socket unix stream", "connect c @s", "peercred c"});
}

TEST(Unix, OrdinaryUsersPathsAreTheirOwn) {
  ExpectSame(
      {"umask 027", "s=socket unix stream", "bind s unix//mnt/open/a", "stat /mnt/open/a", "listen s 5",
       "c=socket unix stream", "connect c @s", "peercred c", "t=socket unix stream", "bind t abstract/y", "listen t 5"},
      {.ordinary_user = true});
}

TEST(Unix, UnlinkedAndRenamedNamesAnswerAlike) {
  ExpectSame({"s=socket unix dgram", "bind s unix//mnt/open/a", "unlink /mnt/open/a", "getsockname s",
              "t=socket unix dgram", "bind t unix//mnt/open/a", "getsockname t"});
}

TEST(Unix, ProfileMayRefuseThem) {
  EXPECT_EQ(RunForced({"s=socket unix stream"}, {.profile = "unix = \"deny\"\n"}),
            "s=socket unix stream -> -1 EAFNOSUPPORT\n");
}

}  // namespace
}  // namespace forcebind
