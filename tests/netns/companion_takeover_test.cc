// SPDX-License-Identifier: Apache-2.0
// kill -9 of a service's companion: another one takes its place, and the service does not notice.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "supervisor/takeover_limit.h"
#include "sys/seccomp_notify.h"
#include "tests/netns/supervisor_fixture.h"
#include "tests/support/child_process.h"
#include "tests/support/service_host.h"
#include "wire/companion_state.h"

namespace forcebind {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Words = std::vector<std::string>;

constexpr char kConfig[] = R"(ula = "fd77:1f2a:90c1::/48"
[[grant]]
user = 65534
publish = ["tcp/1024-65535", "udp/1024-65535"]
)";

// In a test there is nobody to tell when another process has come as far as that.
bool Await(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(kChildTimeoutMs);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    sched_yield();
  }
  return true;
}

size_t CountDescriptors(pid_t pid) {
  const auto entries = std::filesystem::directory_iterator(absl::StrCat("/proc/", pid, "/fd"));
  return static_cast<size_t>(std::distance(begin(entries), end(entries)));
}

// The system call that the process is in; -1 if it runs.
long CallOf(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/syscall"));
  long number = -1;
  file >> number;
  return number;
}

std::string FieldOf(pid_t pid, const std::string& field) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/status"));
  for (std::string line; std::getline(file, line);) {
    if (absl::StartsWith(line, field + ":")) return line.substr(field.size() + 2);
  }
  return "";
}

void BeRoot() {}

class CompanionTakeoverTest : public testing::Test {
 protected:
  CompanionTakeoverTest() : supervisor_(host_.network().bpffs(), kConfig) {}
  void SetUp() override { ASSERT_EQ(Start(), absl::OkStatus()); }
  // It starts the very program that the services are started with.
  absl::Status Start() { return supervisor_.Start({"--launcher", kForcebind}); }

  Words Forced(const Words& options, const Words& calls) const {
    const Words run = {kForcebind, "run", "--supervisor", supervisor_.socket_path(), "--name", "web"};
    return Join(Join(Join(run, options), {"--", kProbe}), calls);
  }
  Json Status() const {
    TestClient client(supervisor_.socket_path());
    client.Send(wire::StatusRequest{});
    return Json::parse(client.ReceiveDocument(), nullptr, false);
  }
  Json Service() const {
    const Json status = Status();
    return status.is_object() && status["services"].size() == 1 ? status["services"][0] : Json();
  }
  // The companion is connected, and would be replaced.
  bool IsReady() const {
    const Json service = Service();
    return service.is_object() && service["attached"] == true && service["spare"] == true;
  }
  std::string PrivateV4() const { return Service()["private"][0]; }
  int FromClient(const std::string& endpoint) const {
    return host_.network().OnClient([&] { return ConnectTo(endpoint); });
  }

  // The one companion of this host.
  static pid_t Companion() {
    const std::vector<pid_t> found = FindProcesses("forcebind");
    return found.size() == 1 ? found[0] : -1;
  }
  // Returns when the process is gone.
  static void Kill(pid_t pid) {
    const UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    ASSERT_EQ(kill(pid, SIGKILL), 0);
    ASSERT_TRUE(AwaitExit(pidfd.get()));
  }
  // Another companion, that has connected.
  pid_t AwaitAnother(pid_t old) const {
    pid_t found = -1;
    EXPECT_TRUE(Await([&] { return (found = Companion()) > 0 && found != old && IsReady(); }));
    return found;
  }
  pid_t ReadyCompanion() const {
    EXPECT_TRUE(Await([&] { return IsReady(); }));
    return Companion();
  }
  pid_t KillAndAwaitAnother() const {
    const pid_t old = ReadyCompanion();
    EXPECT_GT(old, 0);
    Kill(old);
    return AwaitAnother(old);
  }
  static void GoOn(const ChildProcess& service) { ASSERT_EQ(kill(service.pid(), SIGUSR1), 0); }

  ServiceHost host_;
  SupervisorProcess supervisor_;
};

// As root, and as an ordinary user whose companion the supervisor starts as that user.
class CompanionTakeoverOfUserTest : public CompanionTakeoverTest, public testing::WithParamInterface<bool> {
 protected:
  std::function<void()> User() const { return GetParam() ? &BeRoot : &BecomeOrdinaryUser; }
};
INSTANTIATE_TEST_SUITE_P(Users, CompanionTakeoverOfUserTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "Root" : "Ordinary"; });

TEST_P(CompanionTakeoverOfUserTest, TheServiceBindsAndListensAfterwards) {
  ChildProcess service(Forced({}, {"s=socket inet stream", "sigwait 10", "bind s 0.0.0.0:8080", "listen s 5",
                                   "t=socket inet stream", "listen t 5", "hold"}),
                       ChildInput::kPipe, User());
  ASSERT_TRUE(service.ReadUntil("awaiting\n"));
  KillAndAwaitAnother();
  GoOn(service);
  ASSERT_TRUE(service.ReadUntil("holding\n"));
  EXPECT_THAT(service.output(), HasSubstr("bind s 0.0.0.0:8080 -> 0\nlisten s 5 -> 0\n"));
  EXPECT_THAT(service.output(), HasSubstr("listen t 5 -> 0\n"));
  const std::string own = absl::StrCat("tcp ", PrivateV4(), ":");
  EXPECT_THAT(host_.Listeners(), Contains(absl::StrCat(own, "8080")));
  EXPECT_THAT(host_.Listeners(), Each(testing::StartsWith(own)));
  service.CloseInput();
  EXPECT_EQ(service.Wait(), 0);
  EXPECT_TRUE(Await([&] { return FindProcesses("forcebind").empty(); }));
}

// What a process is and may do, as far as the kernel tells.
std::string StandingOf(pid_t pid) {
  std::string text;
  for (const char* field :
       {"Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapAmb", "NoNewPrivs", "Seccomp", "SigIgn", "SigBlk"}) {
    absl::StrAppend(&text, field, " ", FieldOf(pid, field), "\n");
  }
  for (const char* name : {"cgroup", "limits"}) {
    std::ifstream file(absl::StrCat("/proc/", pid, "/", name));
    text.append(std::istreambuf_iterator<char>(file), {});
  }
  absl::StrAppend(&text, std::filesystem::read_symlink(absl::StrCat("/proc/", pid, "/cwd")).string());
  return text;
}

// An undumpable process's files in /proc are root's (proc(5)).
bool IsDumpable(pid_t pid) {
  struct stat info = {};
  EXPECT_EQ(stat(absl::StrCat("/proc/", pid, "/mem").c_str(), &info), 0);
  return info.st_uid != 0;
}

TEST_P(CompanionTakeoverOfUserTest, TheNewCompanionIsAsTheOldOneWas) {
  const auto prepare = [user = User()] {
    const rlimit few = {100, 200};
    setrlimit(RLIMIT_NOFILE, &few);
    user();
  };
  ChildProcess service(Forced({}, {"hold"}), ChildInput::kPipe, prepare);
  ASSERT_TRUE(service.ReadUntil("holding\n"));
  const std::string before = StandingOf(ReadyCompanion());
  const pid_t another = KillAndAwaitAnother();
  EXPECT_EQ(StandingOf(another), before);
  EXPECT_THAT(before, HasSubstr("NoNewPrivs 1\n"));
  EXPECT_EQ(getsid(another), another);
  EXPECT_FALSE(IsDumpable(another));
}

TEST_F(CompanionTakeoverTest, WhatWasBoundBeforeListensAfterwards) {
  ChildProcess service(Forced({}, {"s=socket inet stream", "bind s 0.0.0.0:8080", "sigwait 10", "listen s 5", "hold"}));
  ASSERT_TRUE(service.ReadUntil("awaiting\n"));
  KillAndAwaitAnother();
  GoOn(service);
  ASSERT_TRUE(service.ReadUntil("holding\n"));
  EXPECT_THAT(service.output(), HasSubstr("listen s 5 -> 0\n"));
}

TEST_F(CompanionTakeoverTest, AnotherOneCanBeKilledToo) {
  ChildProcess service(Forced({}, {"s=socket inet stream", "sigwait 10", "bind s 0.0.0.0:8080", "hold"}));
  ASSERT_TRUE(service.ReadUntil("awaiting\n"));
  for (int i = 0; i < 2; ++i) KillAndAwaitAnother();
  EXPECT_THAT(supervisor_.Get("/metrics"), HasSubstr("forcebind_takeovers_total 2\n"));
  GoOn(service);
  ASSERT_TRUE(service.ReadUntil("holding\n"));
  EXPECT_THAT(service.output(), HasSubstr("bind s 0.0.0.0:8080 -> 0\n"));
}

// As a unit with PrivateTmp= does it.
void HideClosed() {
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) _exit(94);
  if (mount("none", "/mnt/closed", "tmpfs", 0, nullptr) != 0) _exit(94);
}

TEST_F(CompanionTakeoverTest, AnotherOneIsInTheServicesMountNamespace) {
  ChildProcess service(Forced({}, {"s=socket unix stream", "sigwait 10", "bind s unix//mnt/closed/socket", "hold"}),
                       ChildInput::kPipe, &HideClosed);
  ASSERT_TRUE(service.ReadUntil("awaiting\n"));
  const auto mounts = [](pid_t pid) { return std::filesystem::read_symlink(absl::StrCat("/proc/", pid, "/ns/mnt")); };
  const auto before = mounts(Companion());
  EXPECT_EQ(mounts(KillAndAwaitAnother()), before);
  GoOn(service);
  ASSERT_TRUE(service.ReadUntil("holding\n"));
  EXPECT_THAT(service.output(), HasSubstr("bind s unix//mnt/closed/socket -> 0\n"));
  EXPECT_FALSE(std::filesystem::exists("/mnt/closed/socket"));
}

// ---- calls that wait, and calls in hand

TEST_F(CompanionTakeoverTest, ACallThatNobodyHasReceivedWaitsForTheNextCompanion) {
  ChildProcess service(Forced({}, {"s=socket inet stream", "sigwait 10", "bind s 0.0.0.0:8080", "hold"}));
  ASSERT_TRUE(service.ReadUntil("awaiting\n"));
  const pid_t old = ReadyCompanion();
  ASSERT_EQ(kill(old, SIGSTOP), 0);
  GoOn(service);
  ASSERT_TRUE(service.ReadUntil("got 10\n"));
  ASSERT_TRUE(Await([&] { return CallOf(service.pid()) == SYS_bind; }));
  Kill(old);
  ASSERT_TRUE(service.ReadUntil("holding\n"));
  EXPECT_THAT(service.output(), HasSubstr("bind s 0.0.0.0:8080 -> 0\n"));
  EXPECT_THAT(host_.Listeners(), IsEmpty());
}

// The companion is killed while it waits for the answer of a supervisor that is stopped: once before the call is made,
// once after it.
class CallInHandTest : public CompanionTakeoverTest {
 protected:
  // Runs `calls`, of which one asks the supervisor something when the first is over; what they print.
  std::string KillInHand(const Words& options, const std::string& first, const Words& calls) {
    ChildProcess service(Forced(options, Join({first, "sigwait 10"}, Join(calls, {"hold"}))));
    EXPECT_TRUE(service.ReadUntil("awaiting\n"));
    const pid_t old = ReadyCompanion();
    EXPECT_EQ(kill(supervisor_.pid(), SIGSTOP), 0);
    GoOn(service);
    EXPECT_TRUE(Await([&] { return CallOf(old) == SYS_recvmsg; }));
    Kill(old);
    EXPECT_EQ(kill(supervisor_.pid(), SIGCONT), 0);
    EXPECT_TRUE(service.ReadUntil("holding\n"));
    listeners_ = host_.Listeners();
    private_v4_ = PrivateV4();
    published_ = Service()["listeners"];
    return service.output();
  }
  std::vector<std::string> listeners_;
  std::string private_v4_;
  Json published_;
};

TEST_F(CallInHandTest, AClaimIsMadeAgain) {
  const std::string output =
      KillInHand({"--publish", "udp/5353"}, "s=socket inet dgram", {"bind s 0.0.0.0:5353", "getsockname s"});
  EXPECT_THAT(output, HasSubstr("bind s 0.0.0.0:5353 -> 0\n"));
  EXPECT_THAT(output, HasSubstr(absl::StrCat("getsockname s -> ", private_v4_, ":5353 ")));
  EXPECT_EQ(published_[0]["published"], true);
}

TEST_F(CallInHandTest, ABindThatWasMadeSucceeds) {
  const std::string output = KillInHand({}, "s=socket inet6 dgram", {"bind s [::]:5353"});
  EXPECT_THAT(output, HasSubstr("bind s [::]:5353 -> 0\n"));
  EXPECT_THAT(listeners_, Contains(absl::StrCat("udp [::ffff:", private_v4_, "]:5353")));
  EXPECT_EQ(published_[0]["reachable"].size(), 2u);
}

TEST_F(CallInHandTest, AListenThatWasMadeSucceeds) {
  const std::string output = KillInHand({}, "s=socket inet6 stream", {"bind s [::]:8080", "listen s 5"});
  EXPECT_THAT(output, HasSubstr("listen s 5 -> 0\n"));
  EXPECT_THAT(listeners_, Contains(absl::StrCat("tcp [::ffff:", private_v4_, "]:8080")));
  EXPECT_EQ(published_[0]["reachable"].size(), 2u);
}

TEST_F(CallInHandTest, AListenThatWasNotMadeIsMade) {
  const std::string output =
      KillInHand({"--publish", "tcp/8080"}, "s=socket inet stream", {"bind s 0.0.0.0:8080", "listen s 5"});
  EXPECT_THAT(output, HasSubstr("listen s 5 -> 0\n"));
  EXPECT_EQ(published_[0]["published"], true);
}

// ---- what is published

TEST_P(CompanionTakeoverOfUserTest, APublishedPortAnswersThroughout) {
  ChildProcess service(Forced({"--publish", "tcp/8080", "--publish", "tcp/8081"},
                              {"s=socket inet stream", "bind s 0.0.0.0:8080", "listen s 100", "t=socket inet stream",
                               "sigwait 10", "bind t 0.0.0.0:8081", "listen t 100", "hold"}),
                       ChildInput::kPipe, User());
  ASSERT_TRUE(service.ReadUntil("awaiting\n"));
  const Json before = Service()["listeners"];
  ASSERT_EQ(FromClient("192.0.2.7:8080"), 0);
  const pid_t old = ReadyCompanion();
  ASSERT_EQ(kill(supervisor_.pid(), SIGSTOP), 0);
  Kill(old);
  EXPECT_EQ(FromClient("192.0.2.7:8080"), 0);
  ASSERT_EQ(kill(supervisor_.pid(), SIGCONT), 0);
  AwaitAnother(old);
  EXPECT_EQ(FromClient("192.0.2.7:8080"), 0);
  EXPECT_EQ(Service()["listeners"].size(), before.size());
  EXPECT_EQ(Service()["listeners"][0]["public"], before[0]["public"]);
  EXPECT_EQ(Service()["listeners"][0]["requested"], "0.0.0.0:8080");
  EXPECT_EQ(FromClient("192.0.2.7:8081"), ECONNREFUSED);
  GoOn(service);
  ASSERT_TRUE(service.ReadUntil("holding\n"));
  EXPECT_EQ(FromClient("192.0.2.7:8081"), 0);
  service.CloseInput();
  EXPECT_EQ(service.Wait(), 0);
  EXPECT_TRUE(Await([&] { return Status()["services"].empty(); }));
  EXPECT_EQ(FromClient("192.0.2.7:8080"), ECONNREFUSED);
}

TEST_F(CompanionTakeoverTest, ARestartedSupervisorHasTheSpareAgain) {
  ChildProcess service(Forced({"--publish", "tcp/8080"}, {"s=socket inet stream", "bind s 0.0.0.0:8080", "listen s 100",
                                                          "t=socket inet stream", "sigwait 10", "listen t 5", "hold"}));
  ASSERT_TRUE(service.ReadUntil("awaiting\n"));
  supervisor_.Stop(SIGKILL);
  ASSERT_EQ(Start(), absl::OkStatus());
  ASSERT_TRUE(Await([&] { return IsReady(); }));
  KillAndAwaitAnother();
  EXPECT_EQ(FromClient("192.0.2.7:8080"), 0);
  // And one that the supervisor before has started comes back to the next one.
  supervisor_.Stop(SIGKILL);
  ASSERT_EQ(Start(), absl::OkStatus());
  ASSERT_TRUE(Await([&] { return IsReady(); }));
  KillAndAwaitAnother();
  EXPECT_EQ(FromClient("192.0.2.7:8080"), 0);
  GoOn(service);
  ASSERT_TRUE(service.ReadUntil("holding\n"));
  EXPECT_THAT(service.output(), HasSubstr("listen t 5 -> 0\n"));
}

// ---- where there is no successor

TEST_P(CompanionTakeoverOfUserTest, FiveInAMinuteAreReplaced) {
  const size_t before = CountDescriptors(supervisor_.pid());
  ChildProcess service(Forced({}, {"s=socket inet stream", "sigwait 10", "bind s 0.0.0.0:8080"}), ChildInput::kPipe,
                       User());
  ASSERT_TRUE(service.ReadUntil("awaiting\n"));
  for (size_t i = 0; i < TakeoverLimit::kPerService; ++i) KillAndAwaitAnother();
  EXPECT_EQ(Service()["takeovers"], TakeoverLimit::kPerService);
  Kill(ReadyCompanion());
  GoOn(service);
  EXPECT_THAT(service.ReadAll(), HasSubstr("bind s 0.0.0.0:8080 -> -1 ENOSYS\n"));
  EXPECT_THAT(supervisor_.StderrText(), HasSubstr("its service can bind nothing any more"));
  EXPECT_TRUE(FindProcesses("forcebind").empty());
  EXPECT_TRUE(Status()["services"].empty());
  EXPECT_TRUE(Await([&] { return CountDescriptors(supervisor_.pid()) == before; }));
}

// As a unit with SystemCallFilter= does it: what is started by the supervisor would not be behind that filter.
void BeFiltered() {
  sock_filter allow[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog program = {.len = 1, .filter = allow};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    _exit(94);
  }
}

TEST_F(CompanionTakeoverTest, OneThatAFilterHoldsIsNotReplaced) {
  ChildProcess service(Forced({}, {"s=socket inet stream", "sigwait 10", "bind s 0.0.0.0:8080"}), ChildInput::kPipe,
                       &BeFiltered);
  ASSERT_TRUE(service.ReadUntil("awaiting\n"));
  EXPECT_EQ(Service()["spare"], false) << Status();
  Kill(Companion());
  GoOn(service);
  EXPECT_THAT(service.ReadAll(), HasSubstr("bind s 0.0.0.0:8080 -> -1 ENOSYS\n"));
}

// A process that is no companion, with all that one would hand over. It could be about to execute a program that has
// rights which its user has not.
TEST_F(CompanionTakeoverTest, AnotherProgramIsNotReplaced) {
  const int status = InChild([&] {
    TestClient client(supervisor_.socket_path());
    if (!client.Hello(HelloOf("other")).has_value() || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 1;
    const sock_filter allow[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    const absl::StatusOr<UniqueFd> notify = LoadFilterWithListener(allow);
    UniqueFd memory(memfd_create("spare", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!notify.ok() || ftruncate(memory.get(), wire::kSpareMemorySize) != 0) return 2;
    if (fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) return 3;
    client.Send(wire::Spare{wire::Spare::Part::kNotify}, notify->get());
    client.Send(wire::Spare{wire::Spare::Part::kMemory}, memory.get());
    client.Send(wire::StatusRequest{});
    const Json status = Json::parse(client.ReceiveDocument(), nullptr, false);
    return status["services"].size() == 1 && status["services"][0]["spare"] == false ? 0 : 4;
  });
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(Await([&] { return Status()["services"].empty(); }));
  EXPECT_THAT(supervisor_.StderrText(), Not(HasSubstr("takes over")));
}

TEST_F(CompanionTakeoverTest, WithoutASupervisorTheServiceFailsClosed) {
  ChildProcess service(Forced({}, {"s=socket inet stream", "sigwait 10", "bind s 0.0.0.0:8080"}));
  ASSERT_TRUE(service.ReadUntil("awaiting\n"));
  const pid_t companion = ReadyCompanion();
  supervisor_.Stop(SIGKILL);
  Kill(companion);
  GoOn(service);
  EXPECT_THAT(service.ReadAll(), HasSubstr("bind s 0.0.0.0:8080 -> -1 ENOSYS\n"));
}

// ---- what is left behind

TEST_P(CompanionTakeoverOfUserTest, NothingIsLeftOfServicesThatHaveEnded) {
  const size_t before = CountDescriptors(supervisor_.pid());
  for (int i = 0; i < 40; ++i) {
    ChildProcess service(Forced({}, {"s=socket inet stream", "listen s 5", "hold"}), ChildInput::kPipe, User());
    ASSERT_TRUE(service.ReadUntil("holding\n"));
    if (i % 8 == 0) KillAndAwaitAnother();
    service.CloseInput();
    ASSERT_EQ(service.Wait(), 0);
    ASSERT_TRUE(Await([] { return FindProcesses("forcebind").empty(); }));
  }
  EXPECT_TRUE(Await([&] { return Status()["services"].empty(); }));
  EXPECT_TRUE(Await([&] { return CountDescriptors(supervisor_.pid()) == before; }))
      << CountDescriptors(supervisor_.pid()) << " descriptors, before " << before;
}

TEST_F(CompanionTakeoverTest, AServiceThatIsKilledWithItsCompanionIsGone) {
  ChildProcess service(Forced({}, {"hold"}));
  ASSERT_TRUE(service.ReadUntil("holding\n"));
  const pid_t companion = ReadyCompanion();
  ASSERT_EQ(kill(companion, SIGSTOP), 0);
  ASSERT_EQ(kill(service.pid(), SIGKILL), 0);
  ASSERT_TRUE(AwaitExit(service.pidfd()));
  Kill(companion);
  EXPECT_TRUE(Await([&] { return Status()["services"].empty(); }));
  EXPECT_THAT(supervisor_.StderrText(), Not(HasSubstr("takes over")));
}

}  // namespace
}  // namespace forcebind
