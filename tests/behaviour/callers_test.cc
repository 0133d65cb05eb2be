// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/behaviour/comparison.h"

namespace forcebind {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Callers, ThreadsAreForced) {
  ExpectSame({"thread s=socket inet stream ; bind s 0.0.0.0:8080 ; getsockname s ; listen s 5"});
}

TEST(Callers, ThreadWithItsOwnDescriptorsIsTakenAtItsWord) {
  ExpectSame({"s=socket inet stream", "t=socket inet dgram",
              "thread unshare files ; dup2 t s ; bind s 0.0.0.0:5353 ; getsockname s", "getsockname s",
              "bind s 0.0.0.0:8080", "getsockname s", "listen s 5"});
}

TEST(Callers, ThreadMayHaveMoreDescriptorsThanItsLeader) {
  ExpectSame(
      {"thread unshare files ; u=socket inet stream ; bind u 0.0.0.0:8080 ; getsockname u ; listen u 5 ; "
       "tcpstate u"});
}

TEST(Callers, ManyThreadsBindAtOnce) { ExpectSame({"crowd 64 0.0.0.0:20000"}); }

TEST(Callers, ChildrenAreForced) {
  ExpectSame({"s=socket inet stream",
              "fork bind s 0.0.0.0:8080 ; listen s 5 ; c=socket inet stream ; "
              "bind c 0.0.0.0:8080 ",
              "getsockname s"});
}

TEST(Callers, ProgramsOfChildrenAreForced) {
  ExpectSame({"s=socket inet stream", "spawn bind 3 0.0.0.0:8080", "getsockname s", "spawn listen 3 5", "tcpstate s"});
}

TEST(Callers, ExecutedProgramsAreForced) {
  ExpectSame({"s=socket inet stream", "bind s 0.0.0.0:8080",
              "exec getsockname 3 ; listen 3 5 ; t=socket inet stream ; bind t 127.0.0.1:8081 ; getsockname t ; hold"});
}

TEST(Callers, DaemonsAreForcedAfterTheirFirstProcessHasLeft) {
  ExpectSame({"daemon", "s=socket inet stream", "bind s 0.0.0.0:8080", "getsockname s", "listen s 5", "tcpstate s",
              "u=socket unix stream", "bind u unix//mnt/open/a", "stat /mnt/open/a",
              "fork c=socket inet stream ; "
              "bind c 0.0.0.0:8081"});
}

TEST(Callers, DaemonsOfOtherUsersAreForced) {
  ExpectSame({"daemon", "setgid 1234", "setuid 4321", "s=socket inet stream", "bind s 0.0.0.0:8080", "getsockname s",
              "listen s 5", "u=socket unix stream", "bind u unix//mnt/open/a", "stat /mnt/open/a"});
}

TEST(Callers, OrdinaryUsersDaemonsAreForced) {
  ExpectSame({"daemon", "s=socket inet stream", "bind s 0.0.0.0:8080", "getsockname s", "listen s 5"},
             {.ordinary_user = true});
}

TEST(Callers, SignalsDisturbNoBind) { ExpectSame({"storm 10000 0.0.0.0:0"}); }

// A handler without SA_RESTART may interrupt a call before the companion has taken it (docs/semantics.md): nothing has
// been done then, and the same call made again succeeds.
TEST(Callers, InterruptedBindHasDoneNothing) { ExpectSame({"storm 2000 0.0.0.0:0 interrupting"}); }

TEST(Callers, SignalsDisturbNoBindOfThreads) { ExpectSame({"thread storm 2000 127.0.0.1:0"}); }

// Undumpable by itself: root's companion looks nevertheless, an ordinary user's cannot.
TEST(Callers, UndumpableServiceOfRootIsForced) {
  ExpectSame({"dumpable 0", "s=socket inet stream", "bind s 0.0.0.0:8080", "getsockname s", "listen s 5"});
}

TEST(Callers, UndumpableServiceOfAnOrdinaryUserIsRefused) {
  const std::string forced =
      RunForced({"dumpable 0", "s=socket inet stream", "bind s 0.0.0.0:8080", "listen s 5"}, {.ordinary_user = true});
  EXPECT_THAT(forced, HasSubstr("bind s 0.0.0.0:8080 -> -1 EPERM\n"));
  EXPECT_THAT(forced, HasSubstr("listen s 5 -> -1 EPERM\n"));
  EXPECT_THAT(forced, Not(HasSubstr("kernel:")));
}

TEST(Callers, SocketsOfAnotherNetworkNamespaceAreRefused) {
  const std::string forced = RunForced({"unshare net", "s=socket inet stream", "bind s 0.0.0.0:8080", "listen s 5"});
  EXPECT_THAT(forced, HasSubstr("bind s 0.0.0.0:8080 -> -1 EADDRNOTAVAIL\n"));
  EXPECT_THAT(forced, HasSubstr("listen s 5 -> -1 EADDRNOTAVAIL\n"));
}

class Program : public ::testing::TestWithParam<const char*> {};

// A program of any kind meets the same answers.
TEST_P(Program, IsForced) {
  const Setting setting = {.program = GetParam()};
  ExpectSame({"s=socket inet stream", "bind s 0.0.0.0:8080", "getsockname s", "listen s 5", "tcpstate s",
              "t=socket inet6 stream", "bind t [::]:8081", "getsockname t", "listen t 5", "u=socket inet stream",
              "listen u 5", "getsockname u", "v=socket inet stream", "bind v 198.18.5.5:80", "bind v bad",
              "bind v 0.0.0.0:8080 len=15", "bind v 0.0.0.0:8080", "bind 77 0.0.0.0:8080"},
             setting);
  ExpectSame({"u=socket unix stream", "bind u unix//mnt/open/a", "stat /mnt/open/a", "listen u 5",
              "n=socket netlink raw", "bind n netlink/0/0", "getsockname n", "p=socketpair unix stream",
              "thread w=socket inet stream ; bind w 127.0.0.1:8082 ; listen w 5",
              "fork x=socket inet dgram ; bind x 192.0.2.7:5353 ; getsockname x"},
             setting);
  ExpectSame({"crowd 16 0.0.0.0:20000", "storm 500 0.0.0.0:0"}, setting);
  ExpectSame(
      {"s=socket inet stream", "bind.socketcall s 0.0.0.0:8080", "listen.socketcall s 5",
       "t=socket.socketcall inet stream", "bind.int80 t 0.0.0.0:8081", "listen.int80 t 5",
       "u=socket.socketcall packet raw", "bind.socketcall 77 0.0.0.0:8080", "bind.socketcall s bad",
       "v=socket.socketcall inet6 stream+nonblock", "bind.socketcall v [::]:8082", "getsockname v",
       "w=socket.socketcall unix stream", "descriptors"},
      {.program = GetParam(), .profile = "families = [\"inet\", \"inet6\", \"unix\", \"netlink\", \"packet\"]\n"});
}
INSTANTIATE_TEST_SUITE_P(Kinds, Program, ::testing::Values("probe", "probe_static", "probe_32"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace forcebind
