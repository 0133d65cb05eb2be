// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/behaviour/comparison.h"

namespace forcebind {
namespace {

TEST(Unix, PathIsMadeAsWithoutForcebind) {
  ExpectSame({"umask 022", "s=socket unix stream", "bind s unix//mnt/work/a", "getsockname s", "stat /mnt/work/a",
              "listen s 5", "c=socket unix stream", "connect c @s", "peercred c", "a=accept s", "peercred a",
              "getpeername c"});
}

TEST(Unix, UmaskGivesTheMode) {
  ExpectSame({"umask 077", "s=socket unix stream", "bind s unix//mnt/work/a", "stat /mnt/work/a", "umask 0",
              "t=socket unix dgram", "bind t unix//mnt/work/b", "stat /mnt/work/b", "umask 0177",
              "u=socket unix seqpacket", "bind u unix//mnt/work/c", "stat /mnt/work/c", "listen u 5"});
}

TEST(Unix, RelativePathIsMadeInTheServicesDirectory) {
  ExpectSame({"chdir /mnt/work", "s=socket unix stream", "bind s unix/here", "getsockname s", "stat /mnt/work/here",
              "listen s 5", "mkdir sub 0755", "chdir sub", "t=socket unix stream", "bind t unix/../there",
              "getsockname t", "stat /mnt/work/there"});
}

TEST(Unix, DirectoryThatIsGoneIsNoEntry) {
  ExpectSame({"mkdir /mnt/work/gone 0755", "chdir /mnt/work/gone", "rmdir /mnt/work/gone", "s=socket unix stream",
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
  ExpectSame({"s=socket unix stream", "bind s unix//mnt/work/a", "bind s unix//mnt/work/b", "getsockname s",
              "stat /mnt/work/b"});
}

TEST(Unix, PathThatExistsIsTaken) {
  ExpectSame({"s=socket unix stream", "bind s unix//mnt/work/a", "t=socket unix stream", "bind t unix//mnt/work/a",
              "getsockname t", "bind t unix//mnt/work", "unlink /mnt/work/a", "bind t unix//mnt/work/a",
              "getsockname t"});
}

TEST(Unix, PathsThatCannotBeMade) {
  const std::string too_long(107, 'x'), longer(108, 'y'), over(109, 'z');
  ExpectSame({"s=socket unix stream", "bind s unix//mnt/nowhere/a", "bind s unix//mnt/bin/probe/a",
              "bind s unix//proc/a", "chdir /mnt/work", "bind s unix/" + over, "bind s unix/" + longer, "getsockname s",
              "t=socket unix stream", "bind t unix/" + too_long, "getsockname t"});
}

TEST(Unix, DirectoryThatIsNotWritableIsRefused) {
  ExpectSame({"s=socket unix stream", "bind s unix//mnt/closed/a", "getsockname s", "bind s unix//mnt/work/a",
              "stat /mnt/work/a"},
             {.ordinary_user = true});
  ExpectSame({"setgid 65534", "setuid 65534", "s=socket unix stream", "bind s unix//mnt/closed/a",
              "bind s unix//mnt/work/a", "stat /mnt/work/a"});
}

TEST(Unix, OwnerIsTheUserThatTheServiceHasBecome) {
  ExpectSame({"setgroups 5 6", "setgid 1234", "setuid 4321", "umask 027", "s=socket unix stream",
              "bind s unix//mnt/work/a", "stat /mnt/work/a", "listen s 5", "c=socket unix stream", "connect c @s",
              "peercred c"});
  ExpectSame({"setegid 1234", "seteuid 4321", "s=socket unix stream", "bind s unix//mnt/work/a", "stat /mnt/work/a",
              "listen s 5", "c=socket unix stream", "connect c @s", "peercred c", "seteuid 0", "u=socket unix stream",
              "bind u unix//mnt/work/u", "stat /mnt/work/u"});
}

TEST(Unix, GroupOfTheDirectoryCounts) {
  ExpectSame({"mkdir /mnt/work/shared 0775", "chmod /mnt/work/shared 02770", "setgroups 0", "setgid 1234",
              "setuid 4321", "s=socket unix stream", "bind s unix//mnt/work/shared/a", "stat /mnt/work/shared/a"});
}

TEST(Unix, InAChrootPathsAreTheServices) {
  ExpectSame({"mkdir /mnt/work/root 0755", "mkdir /mnt/work/root/run 0777", "chroot /mnt/work/root", "chdir /",
              "s=socket unix stream", "bind s unix//run/a", "getsockname s", "stat /run/a", "listen s 5",
              "c=socket unix stream", "connect c @s", "chdir /run", "t=socket unix stream", "bind t unix/b",
              "getsockname t", "stat /run/b"});
  ExpectSame({"mkdir /mnt/work/root 0755", "mkdir /mnt/work/root/run 0777", "chroot /mnt/work/root", "chdir /",
              "setgid 1234", "setuid 4321", "s=socket unix stream", "bind s unix//run/a", "getsockname s",
              "stat /run/a", "bind s unix//a"});
}

TEST(Unix, InAnotherMountNamespacePathsAreTheServices) {
  ExpectSame({"mkdir /mnt/work/mount 0755", "unshare mnt", "tmpfs /mnt/work/mount", "s=socket unix stream",
              "bind s unix//mnt/work/mount/a", "getsockname s", "stat /mnt/work/mount/a", "listen s 5",
              "c=socket unix stream", "connect c @s", "peercred c", "chdir /mnt/work/mount", "t=socket unix stream",
              "bind t unix/b", "stat /mnt/work/mount/b"});
}

TEST(Unix, ThreadWithItsOwnDirectory) {
  ExpectSame({"chdir /mnt/closed",
              "thread unshare fs ; chdir /mnt/work ; umask 077 ; s=socket unix stream ; "
              "bind s unix/here ; getsockname s ; stat /mnt/work/here",
              "t=socket unix stream", "bind t unix/here", "stat /mnt/closed/here"});
}

TEST(Unix, ListenersOfEveryTypeAcceptPeers) {
  ExpectSame({"s=socket unix seqpacket", "listen s 5", "bind s unix//mnt/work/a", "listen s 5", "listen s 50",
              "c=socket unix seqpacket", "connect c @s", "a=accept s", "peercred c", "bind c unix//mnt/work/c",
              "listen c 5"});
}

TEST(Unix, PeerSeesTheUserThatListened) {
  ExpectSame({"s=socket unix stream", "bind s unix//mnt/work/a", "chmod /mnt/work/a 0777", "setegid 77", "seteuid 99",
              "listen s 5", "seteuid 0", "c=socket unix stream", "connect c @s", "peercred c"});
}

TEST(Unix, OrdinaryUsersPathsAreTheirOwn) {
  ExpectSame(
      {"umask 027", "s=socket unix stream", "bind s unix//mnt/work/a", "stat /mnt/work/a", "listen s 5",
       "c=socket unix stream", "connect c @s", "peercred c", "t=socket unix stream", "bind t abstract/y", "listen t 5"},
      {.ordinary_user = true});
}

TEST(Unix, UnlinkedAndRenamedNamesAnswerAlike) {
  ExpectSame({"s=socket unix dgram", "bind s unix//mnt/work/a", "unlink /mnt/work/a", "getsockname s",
              "t=socket unix dgram", "bind t unix//mnt/work/a", "getsockname t"});
}

TEST(Unix, ProfileMayRefuseThem) {
  EXPECT_EQ(RunForced({"s=socket unix stream"}, {.profile = "unix = \"deny\"\n"}),
            "s=socket unix stream -> -1 EAFNOSUPPORT\n");
}

}  // namespace
}  // namespace forcebind
