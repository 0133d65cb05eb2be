// SPDX-License-Identifier: Apache-2.0
// The companion in reserve: what a service notices when its companion is killed, which is nothing.
#include <errno.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "notify/inet_sockaddr.h"
#include "sys/small_file.h"
#include "sys/socket_info.h"
#include "tests/support/child_process.h"
#include "tests/support/service_host.h"
#include "tests/support/supervisor_process.h"

namespace forcebind {
namespace {

using ::testing::HasSubstr;
using Words = std::vector<std::string>;

class Deadline {
 public:
  bool Passed() const { return std::chrono::steady_clock::now() > end_; }

 private:
  const std::chrono::steady_clock::time_point end_ =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(kChildTimeoutMs);
};

// The companion of the only service here, and the one in reserve, as soon as there is one of each: while one forks or
// takes over, its name is the other's.
struct Pair {
  pid_t companion, in_reserve;
};
Pair AwaitPair(pid_t service) {
  const Deadline deadline;
  for (;;) {
    std::vector<pid_t> companions = FindProcesses("forcebind"), spares = FindProcesses("forcebind-spare");
    std::erase(companions, service);
    if (companions.size() == 1 && spares.size() == 1 && companions != spares) return {companions[0], spares[0]};
    if (deadline.Passed()) {
      ADD_FAILURE() << companions.size() << " companions and " << spares.size() << " in reserve";
      return {-1, -1};
    }
  }
}

// Until the process waits in bind(2).
void AwaitBind(pid_t pid) {
  const std::string wanted = absl::StrCat(SYS_bind, " ");
  const Deadline deadline;
  while (ReadSmallFile(absl::StrCat("/proc/", pid, "/syscall"), 256).value_or("").rfind(wanted, 0) != 0) {
    ASSERT_FALSE(deadline.Passed()) << "no bind";
  }
}

int Count(const std::string& text, const std::string& word) {
  int count = 0;
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++count;
  return count;
}

void KillAndAwait(pid_t pid) {
  ASSERT_GT(pid, 0);
  const UniqueFd end(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  ASSERT_EQ(kill(pid, SIGKILL), 0);
  ASSERT_TRUE(AwaitExit(end.get()));
}

class ReserveTest : public testing::Test {
 protected:
  // Kills the companion; when this returns, the one in reserve has taken over and has one in reserve itself.
  void KillCompanion(const ChildProcess& service) const {
    const Pair before = AwaitPair(service.pid());
    KillAndAwait(before.companion);
    const Pair after = AwaitPair(service.pid());
    EXPECT_EQ(after.companion, before.in_reserve);
    EXPECT_NE(after.in_reserve, before.in_reserve);
  }

  ServiceHost host_;
};

TEST_F(ReserveTest, BindsAndListensGoOn) {
  ChildProcess service(Join(PrivateRun(), {kProbe, "s=socket inet stream", "bind s 0.0.0.0:8080", "hold", "listen s 5",
                                           "t=socket inet6 stream", "bind t [::]:8081", "getsockname t", "listen t 5",
                                           "x=socket unix stream", "bind x unix//mnt/open/x", "u=socket inet stream",
                                           "bind u 192.0.2.7:8082", "getsockname u", "hold"}));
  ASSERT_TRUE(service.ReadUntil("holding\n"));
  KillCompanion(service);
  service.Write("\n");
  ASSERT_TRUE(service.ReadUntil("127.84.3.1:8082 (16)\nholding\n"));
  for (const char* line : {"listen s 5 -> 0\n", "getsockname t -> [::ffff:127.84.3.1]:8081", "listen t 5 -> 0\n",
                           "bind x unix//mnt/open/x -> 0\n", "getsockname u -> 127.84.3.1:8082"}) {
    EXPECT_THAT(service.output(), HasSubstr(line));
  }
  EXPECT_THAT(host_.Listeners(), testing::Contains("tcp 127.84.3.1:8080"));
  service.CloseInput();
  EXPECT_EQ(service.Wait(), 0);
  EXPECT_THAT(service.ErrorText(), HasSubstr("the companion was killed; the one in reserve goes on"));
}

TEST_F(ReserveTest, OfAnOrdinaryUserToo) {
  ChildProcess service(Join(PrivateRun(), {kProbe, "hold", "s=socket inet stream", "bind s 0.0.0.0:8080",
                                           "getsockname s", "listen s 5"}),
                       ChildInput::kPipe, &BecomeOrdinaryUser);
  ASSERT_TRUE(service.ReadUntil("holding\n"));
  KillCompanion(service);
  service.CloseInput();
  EXPECT_THAT(service.ReadAll(), HasSubstr("getsockname s -> 127.84.3.1:8080"));
  EXPECT_THAT(service.output(), HasSubstr("listen s 5 -> 0\n"));
}

TEST_F(ReserveTest, ManyTimesInARow) {
  ChildProcess service(Join(PrivateRun({"-q"}), {kProbe, "s=socket inet stream", "bind s 0.0.0.0:8080", "hold",
                                                 "listen s 5", "t=socket inet stream", "bind t 0.0.0.0:8081"}));
  ASSERT_TRUE(service.ReadUntil("holding\n"));
  for (int i = 0; i < 20; ++i) KillCompanion(service);
  service.CloseInput();
  EXPECT_THAT(service.ReadAll(), HasSubstr("listen s 5 -> 0\n"));
  EXPECT_THAT(service.output(), HasSubstr("bind t 0.0.0.0:8081 -> 0\n"));
}

TEST_F(ReserveTest, ACallThatNobodyHasTakenYetIsServed) {
  ChildProcess service(
      Join(PrivateRun(), {kProbe, "hold", "s=socket inet stream", "bind s 0.0.0.0:8080", "listen s 5"}));
  ASSERT_TRUE(service.ReadUntil("holding\n"));
  const pid_t companion = AwaitPair(service.pid()).companion;
  ASSERT_EQ(kill(companion, SIGSTOP), 0);
  service.CloseInput();
  AwaitBind(service.pid());
  KillAndAwait(companion);
  EXPECT_THAT(service.ReadAll(), HasSubstr("bind s 0.0.0.0:8080 -> 0\nlisten s 5 -> 0\n"));
  EXPECT_EQ(service.Wait(), 0);
}

TEST_F(ReserveTest, OneInReserveThatIsKilledIsReplaced) {
  ChildProcess service(Join(PrivateRun(), {kProbe, "hold", "s=socket inet stream", "bind s 0.0.0.0:8080"}));
  ASSERT_TRUE(service.ReadUntil("holding\n"));
  const Pair before = AwaitPair(service.pid());
  KillAndAwait(before.in_reserve);
  const Pair after = AwaitPair(service.pid());
  EXPECT_EQ(after.companion, before.companion);
  EXPECT_NE(after.in_reserve, before.in_reserve);
  KillCompanion(service);
  service.CloseInput();
  EXPECT_THAT(service.ReadAll(), HasSubstr("bind s 0.0.0.0:8080 -> 0\n"));
}

TEST_F(ReserveTest, BothEndWithTheService) {
  ChildProcess service(Join(PrivateRun(), {kProbe, "hold"}));
  ASSERT_TRUE(service.ReadUntil("holding\n"));
  const Pair pair = AwaitPair(service.pid());
  const UniqueFd companion(static_cast<int>(syscall(SYS_pidfd_open, pair.companion, 0)));
  const UniqueFd spare(static_cast<int>(syscall(SYS_pidfd_open, pair.in_reserve, 0)));
  service.CloseInput();
  EXPECT_EQ(service.Wait(), 0);
  EXPECT_TRUE(AwaitExit(companion.get()));
  EXPECT_TRUE(AwaitExit(spare.get()));
  EXPECT_THAT(FindProcesses("forcebind-spare"), testing::IsEmpty());
}

// Companions that are killed in the midst of a flood: every call comes back, and no more than one for each that was
// killed with EINTR.
TEST_F(ReserveTest, NoCallIsLost) {
  constexpr int kBinds = 1500;
  Words calls = {kProbe, "hold"};
  for (int i = 0; i < kBinds; ++i) {
    const std::string bind = absl::StrCat("bind s 0.0.0.0:", 10000 + i);
    calls.insert(calls.end(), {"s=socket inet stream", bind, "close s"});
  }
  calls.push_back("hold");
  ChildProcess service(Join(PrivateRun({"-q"}), calls));
  ASSERT_TRUE(service.ReadUntil("holding\n"));
  service.Write("\n");
  int kills = 0;
  do {
    KillCompanion(service);
    ++kills;
  } while (Count(service.output(), "holding\n") < 2 && service.ReadSome());
  const std::string& text = service.output();
  EXPECT_EQ(Count(text, "bind s "), kBinds);
  const int interrupted = Count(text, " -> -1 EINTR\n");
  EXPECT_EQ(Count(text, "close s -> 0\n"), kBinds);
  EXPECT_EQ(Count(text, " -> 0\n") - Count(text, "close s -> 0\n") - Count(text, "hold -> 0\n"), kBinds - interrupted);
  EXPECT_LE(interrupted, kills);
  service.CloseInput();
  EXPECT_EQ(service.Wait(), 0);
}

// ---- with a supervisor

TEST_F(ReserveTest, WhatIsPublishedStaysAndMoreCanBeAlsoAfterTheSupervisorsRestart) {
  SupervisorProcess supervisor(host_.network().bpffs(), "");
  ASSERT_EQ(supervisor.Start(), absl::OkStatus());
  ChildProcess service(Join(
      PrivateRun({"--publish", "tcp/80", "--publish", "tcp/81", "--publish", "tcp/82"}, supervisor.socket_path()),
      {kProbe, "s=socket inet stream", "bind s 0.0.0.0:80", "listen s 5", "hold", "t=socket inet stream",
       "bind t 0.0.0.0:81", "listen t 5", "hold", "u=socket inet stream", "bind u 0.0.0.0:82", "listen u 5", "hold"}));
  const auto from_client = [&](int port) {
    return host_.network().OnClient([&] {
      const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(static_cast<uint16_t>(port))};
      name.sin_addr.s_addr = htonl(0xc0000207);  // 192.0.2.7
      return connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0 ? 0 : errno;
    });
  };
  ASSERT_TRUE(service.ReadUntil("holding\n")) << service.ErrorText();
  EXPECT_EQ(from_client(80), 0);
  KillCompanion(service);
  EXPECT_EQ(from_client(80), 0);
  service.Write("\n");
  ASSERT_TRUE(service.ReadUntil("listen t 5 -> 0\nholding\n")) << service.output() << service.ErrorText();
  EXPECT_EQ(from_client(81), 0);

  const Pair before = AwaitPair(service.pid());
  supervisor.Stop(SIGKILL);
  ASSERT_EQ(supervisor.Start(), absl::OkStatus());
  // The companion has another one in reserve when it has another connection.
  const Deadline deadline;
  while (AwaitPair(service.pid()).in_reserve == before.in_reserve) ASSERT_FALSE(deadline.Passed());
  service.Write("\n");
  ASSERT_TRUE(service.ReadUntil("listen u 5 -> 0\nholding\n")) << service.output() << service.ErrorText();
  EXPECT_EQ(from_client(82), 0);
  EXPECT_EQ(from_client(81), 0);
  EXPECT_EQ(from_client(80), 0);
  for (int i = 0; i < 3; ++i) KillCompanion(service);
  EXPECT_EQ(from_client(80), 0);
  service.CloseInput();
  EXPECT_EQ(service.Wait(), 0);
}

// ---- while one in reserve is replaced: each time that the supervisor comes back

struct Moment {
  const char* name;
  long call;
  uint8_t op;  // of struct __ptrace_syscall_info (sys/ptrace.h)
  bool old_goes_on;
};
void PrintTo(const Moment& moment, std::ostream* out) { *out << moment.name; }

// Lets the process, which is traced and has stopped, run until then, and stops it there.
void RunUntil(pid_t pid, const Moment& moment) {
  int status = 0;
  __ptrace_syscall_info info = {};
  while (info.op != moment.op || info.entry.nr != static_cast<uint64_t>(moment.call)) {
    const uint64_t entered = info.op == PTRACE_SYSCALL_INFO_ENTRY ? info.entry.nr : 0;
    ASSERT_EQ(ptrace(PTRACE_SYSCALL, pid, nullptr, 0), 0);
    ASSERT_EQ(waitpid(pid, &status, __WALL), pid);
    ASSERT_TRUE(WIFSTOPPED(status));
    ASSERT_GT(ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info), 0);
    if (info.op == PTRACE_SYSCALL_INFO_EXIT) info.entry.nr = entered;
  }
}

void KillAt(pid_t pid, const Moment& moment) {
  int status = 0;
  ASSERT_NO_FATAL_FAILURE(RunUntil(pid, moment));
  ASSERT_EQ(kill(pid, SIGKILL), 0);
  ASSERT_EQ(waitpid(pid, &status, __WALL), pid);
  ASSERT_TRUE(WIFSIGNALED(status));
}

// Stops the process for RunUntil().
void Trace(pid_t pid) {
  int status = 0;
  ASSERT_EQ(ptrace(PTRACE_SEIZE, pid, nullptr, PTRACE_O_TRACESYSGOOD), 0);
  ASSERT_EQ(ptrace(PTRACE_INTERRUPT, pid, nullptr, nullptr), 0);
  ASSERT_EQ(waitpid(pid, &status, __WALL), pid);
}

class ReserveReplacedTest : public ReserveTest, public testing::WithParamInterface<Moment> {};

TEST_P(ReserveReplacedTest, OneGoesOnWheneverTheCompanionIsKilled) {
  SupervisorProcess supervisor(host_.network().bpffs(), "");
  ASSERT_EQ(supervisor.Start(), absl::OkStatus());
  ChildProcess service(Join(PrivateRun({}, supervisor.socket_path()),
                            {kProbe, "hold", "s=socket inet stream", "bind s 0.0.0.0:8080", "listen s 5"}));
  ASSERT_TRUE(service.ReadUntil("holding\n")) << service.ErrorText();
  const Pair before = AwaitPair(service.pid());
  ASSERT_NO_FATAL_FAILURE(Trace(before.companion));
  supervisor.Stop(SIGKILL);
  ASSERT_EQ(supervisor.Start(), absl::OkStatus());
  ASSERT_NO_FATAL_FAILURE(KillAt(before.companion, GetParam()));
  EXPECT_EQ(AwaitPair(service.pid()).companion == before.in_reserve, GetParam().old_goes_on);
  service.CloseInput();
  EXPECT_THAT(service.ReadAll(), HasSubstr("bind s 0.0.0.0:8080 -> 0\nlisten s 5 -> 0\n"));
  EXPECT_EQ(service.Wait(), 0);
}

constexpr Moment kForked = {"AfterTheFork", SYS_clone3, PTRACE_SYSCALL_INFO_EXIT, false};

// Where the one in reserve was killed, and the companion as soon as there is another.
TEST_F(ReserveTest, OneThatHasNoPredecessorGoesOn) {
  ChildProcess service(Join(PrivateRun(), {kProbe, "hold", "s=socket inet stream", "bind s 0.0.0.0:8080"}));
  ASSERT_TRUE(service.ReadUntil("holding\n"));
  const Pair before = AwaitPair(service.pid());
  ASSERT_NO_FATAL_FAILURE(Trace(before.companion));
  KillAndAwait(before.in_reserve);
  ASSERT_NO_FATAL_FAILURE(KillAt(before.companion, kForked));
  AwaitPair(service.pid());
  service.CloseInput();
  EXPECT_THAT(service.ReadAll(), HasSubstr("bind s 0.0.0.0:8080 -> 0\n"));
}

// Where the companion is killed, and its successor as soon as it has another one in reserve.
TEST_F(ReserveTest, ASuccessorsSuccessorGoesOn) {
  ChildProcess service(Join(PrivateRun(), {kProbe, "hold", "s=socket inet stream", "bind s 0.0.0.0:8080"}));
  ASSERT_TRUE(service.ReadUntil("holding\n"));
  const Pair before = AwaitPair(service.pid());
  ASSERT_NO_FATAL_FAILURE(Trace(before.in_reserve));
  KillAndAwait(before.companion);
  ASSERT_NO_FATAL_FAILURE(KillAt(before.in_reserve, kForked));
  AwaitPair(service.pid());
  service.CloseInput();
  EXPECT_THAT(service.ReadAll(), HasSubstr("bind s 0.0.0.0:8080 -> 0\n"));
}

// ---- between the companion's listen(2) and its look at what came of it

// A copy of the process's only socket of AF_INET6.
UniqueFd TakeSocket(const ChildProcess& service) {
  const UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, service.pid(), 0)));
  for (int number = 0; number < 100; ++number) {
    UniqueFd copy(static_cast<int>(syscall(SYS_pidfd_getfd, process.get(), number, 0)));
    if (copy.valid() && IntOption(copy.get(), SOL_SOCKET, SO_DOMAIN, -1) == AF_INET6) return copy;
  }
  return UniqueFd();
}

// All that is known to take a ULA away: a connection that fails takes the port, then V6ONLY goes, then the address.
void TryToOverwriteUla(int socket) {
  const auto connect_to = [&](const char* address) {
    const SockAddr name = ToSockAddr({IpAddress::Parse(address).value(), 9});
    return sendto(socket, "x", 1, MSG_FASTOPEN, name.get(), name.size);
  };
  const int off = 0;
  EXPECT_LT(connect_to("::1"), 0);
  EXPECT_EQ(errno, ECONNREFUSED);
  EXPECT_NE(setsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)), 0);
  EXPECT_LT(connect_to("::ffff:127.0.0.9"), 0);
  EXPECT_EQ(errno, ENETUNREACH);
}

struct UlaSocket {
  const char* name;
  Words script;
};
void PrintTo(const UlaSocket& socket, std::ostream* out) { *out << socket.name; }

class ReserveUlaTest : public ReserveTest, public testing::WithParamInterface<UlaSocket> {};

// Whoever kills the companion when it has called listen(2), before it has looked, keeps what he has made of the socket.
TEST_P(ReserveUlaTest, StaysWhenItBeginsToListen) {
  ChildProcess service(Join(Join(PrivateRun(), {kProbe, "s=socket inet6 stream"}),
                            Join(GetParam().script, {"hold", "listen s 5", "hold"})));
  ASSERT_TRUE(service.ReadUntil("holding\n"));
  const UniqueFd socket = TakeSocket(service);
  ASSERT_TRUE(socket.valid());
  const pid_t companion = AwaitPair(service.pid()).companion;
  ASSERT_NO_FATAL_FAILURE(Trace(companion));
  service.Write("\n");
  ASSERT_NO_FATAL_FAILURE(RunUntil(companion, {"BeforeListen", SYS_listen, PTRACE_SYSCALL_INFO_ENTRY, false}));
  TryToOverwriteUla(socket.get());
  ASSERT_NO_FATAL_FAILURE(KillAt(companion, {"BeforeTheLook", SYS_getsockname, PTRACE_SYSCALL_INFO_ENTRY, false}));
  EXPECT_EQ(IntOption(socket.get(), SOL_SOCKET, SO_ACCEPTCONN, -1), 1);
  SockAddr name;
  ASSERT_EQ(LocalName(socket.get(), &name), 0);
  EXPECT_EQ(ToEndpoint(name).address.ToString(), kPrivateV6);
}

INSTANTIATE_TEST_SUITE_P(Each, ReserveUlaTest,
                         testing::Values(UlaSocket{"OfAPort", {"bind s [::1]:8080"}},
                                         UlaSocket{"OfAnyPort", {"bind s [::1]:0"}},
                                         UlaSocket{"OfAPortLater", {"setsockopt s no_port_yet 1", "bind s [::1]:0"}},
                                         UlaSocket{"OfListen", {"setsockopt s v6only 1"}}),
                         [](const auto& socket) { return socket.param.name; });

INSTANTIATE_TEST_SUITE_P(Each, ReserveReplacedTest,
                         testing::Values(Moment{"BeforeTheFork", SYS_clone3, PTRACE_SYSCALL_INFO_ENTRY, true},
                                         Moment{"AfterTheFork", SYS_clone3, PTRACE_SYSCALL_INFO_EXIT, true},
                                         Moment{"BeforeTheOldIsKilled", SYS_kill, PTRACE_SYSCALL_INFO_ENTRY, false},
                                         Moment{"AfterTheOldIsKilled", SYS_kill, PTRACE_SYSCALL_INFO_EXIT, false}),
                         [](const auto& moment) { return moment.param.name; });

}  // namespace
}  // namespace forcebind
