// SPDX-License-Identifier: Apache-2.0
// `forcebind run` is a prefix like nice(1): what the service is as a process does not show that it is there, but for
// the lines of /proc/self/status that are named here.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <map>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/support/child_process.h"
#include "tests/support/service_host.h"

namespace forcebind {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Words = std::vector<std::string>;

Words Forced(const Words& command) { return Join(PrivateRun(), command); }

// ---- who it is among the processes

std::string SelfLine(pid_t pid, pid_t group, pid_t session, pid_t foreground) {
  return absl::StrCat("self -> pid ", pid, " ppid ", getpid(), " pgid ", group, " sid ", session, " foreground ",
                      foreground, "\n");
}

TEST(Process, HasTheNumberParentGroupAndSessionOfWhoStartedIt) {
  ServiceHost host;
  for (const Words& words : {Words{kProbe, "self"}, Forced({kProbe, "self"})}) {
    ChildProcess child(words);
    EXPECT_EQ(child.ReadAll(), SelfLine(child.pid(), getpgrp(), getsid(0), -1));
    EXPECT_EQ(child.Wait(), 0);
  }
}

TEST(Process, KeepsTheControllingTerminalAndIsItsForegroundGroup) {
  ServiceHost host;
  for (const Words& words : {Words{kProbe, "self", "hold"}, Forced({kProbe, "self", "hold"})}) {
    ChildProcess child(words, ChildInput::kTerminal);
    EXPECT_TRUE(child.ReadUntil("holding"));
    std::string line = SelfLine(child.pid(), child.pid(), child.pid(), child.pid());
    line.insert(line.size() - 1, "\r");
    EXPECT_THAT(child.output(), HasSubstr(line));
    child.Write("\x04");  // end of file
    EXPECT_EQ(child.Wait(), 0);
  }
}

TEST(Process, IsInterruptedFromTheTerminal) {
  ServiceHost host;
  for (const Words& words : {Words{kProbe, "hold"}, Forced({kProbe, "hold"})}) {
    ChildProcess child(words, ChildInput::kTerminal);
    EXPECT_TRUE(child.ReadUntil("holding"));
    child.Write("\x03");
    EXPECT_EQ(child.Wait(), -SIGINT);
  }
}

// ---- what it has inherited

// The lines "KEY: VALUE" of /proc/PID/status that a program's start decides.
std::map<std::string, std::string> StatusFields(const std::string& text, pid_t pid) {
  static const std::set<std::string> kOther = {"VmPeak",
                                               "VmSize",
                                               "VmLck",
                                               "VmPin",
                                               "VmHWM",
                                               "VmRSS",
                                               "RssAnon",
                                               "RssFile",
                                               "RssShmem",
                                               "VmData",
                                               "VmStk",
                                               "VmExe",
                                               "VmLib",
                                               "VmPTE",
                                               "VmSwap",
                                               "SigQ",
                                               "HugetlbPages",
                                               "voluntary_ctxt_switches",
                                               "Cpus_allowed",  // a filter may change these two, by the CPU's faults
                                               "Speculation_Store_Bypass",
                                               "SpeculationIndirectBranch",
                                               "nonvoluntary_ctxt_switches"};
  std::map<std::string, std::string> fields;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(text, '\n', absl::SkipEmpty()))) {
    const std::pair<std::string, std::string> field = absl::StrSplit(line, absl::MaxSplits(":\t", 1));
    if (kOther.count(field.first) != 0) continue;
    fields[field.first] = field.second == absl::StrCat(pid) ? "PID" : field.second;
  }
  return fields;
}

std::vector<std::string> Differences(const std::map<std::string, std::string>& native,
                                     const std::map<std::string, std::string>& forced) {
  std::vector<std::string> result;
  for (const auto& [key, value] : native) {
    const auto found = forced.find(key);
    const std::string now = found != forced.end() ? found->second : "nothing";
    if (now != value) result.push_back(absl::StrCat(key, ": ", value, " -> ", now));
  }
  return result;
}

std::map<std::string, std::string> StatusOf(const Words& prefix, const std::function<void()>& prepare) {
  ChildProcess child(Join(prefix, {"cat", "/proc/self/status"}), ChildInput::kPipe, prepare);
  const std::map<std::string, std::string> fields = StatusFields(child.ReadAll(), child.pid());
  EXPECT_EQ(child.Wait(), 0) << child.ErrorText();
  EXPECT_GT(fields.size(), 25u);
  return fields;
}

// Nothing of this is what a process starts with.
void BecomeUnusual() {
  umask(027);
  signal(SIGUSR1, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  sigset_t blocked;
  sigemptyset(&blocked);
  for (const int number : {SIGUSR2, SIGCHLD, SIGTERM}) sigaddset(&blocked, number);
  sigprocmask(SIG_BLOCK, &blocked, nullptr);
  const rlimit files = {300, 400}, none = {0, 0}, stack = {4 << 20, 8 << 20};
  if (setrlimit(RLIMIT_NOFILE, &files) != 0 || setrlimit(RLIMIT_CORE, &none) != 0 ||
      setrlimit(RLIMIT_STACK, &stack) != 0 || setpriority(PRIO_PROCESS, 0, 5) != 0 || chdir("/mnt/open") != 0) {
    _exit(94);
  }
  open("/dev/null", O_RDONLY);
  if (dup2(open("/dev/zero", O_RDONLY), 17) != 17) _exit(94);
  setenv("EMPTY", "", 1);
  setenv("LINES", "1\n2", 1);
  unsetenv("HOME");
}

void BecomeUnusualUser() {
  BecomeUnusual();
  BecomeOrdinaryUser();
}

TEST(Process, StatusOfRootsServiceDiffersInTheFilterAlone) {
  ServiceHost host;
  EXPECT_THAT(Differences(StatusOf({}, &BecomeUnusual), StatusOf(PrivateRun(), &BecomeUnusual)),
              ElementsAre("Seccomp: 0 -> 2", "Seccomp_filters: 0 -> 1"));
}

TEST(Process, StatusOfAnOrdinaryUsersServiceDiffersInNoNewPrivsToo) {
  ServiceHost host;
  EXPECT_THAT(Differences(StatusOf({}, &BecomeUnusualUser), StatusOf(PrivateRun(), &BecomeUnusualUser)),
              ElementsAre("NoNewPrivs: 0 -> 1", "Seccomp: 0 -> 2", "Seccomp_filters: 0 -> 1"));
}

TEST(Process, InheritsSignalsLimitsEnvironmentDirectoryPriorityAndDescriptors) {
  ServiceHost host;
  for (const Words& command : {Words{"cat", "/proc/self/limits"}, Words{"env", "-0"}, Words{"nice"}, Words{"pwd"},
                               Words{kProbe, "signals", "descriptors", "children", "children"}}) {
    for (const auto& prepare : {&BecomeUnusual, &BecomeUnusualUser}) {
      const ChildResult native = RunChild(command, prepare);
      const ChildResult forced = RunChild(Forced(command), prepare);
      EXPECT_EQ(native.output, forced.output);
      EXPECT_EQ(native.status, 0);
      EXPECT_EQ(forced.status, 0);
      EXPECT_EQ(forced.errors, "");
      EXPECT_NE(forced.output, "");
    }
  }
}

TEST(Process, HasTheStandardDescriptorsThatItWasGiven) {
  ServiceHost host;
  for (const int closed : {STDIN_FILENO, STDERR_FILENO}) {
    const Words script = {kProbe, "descriptors", "s=socket inet stream", "bind s 0.0.0.0:8080", "listen s 5"};
    const ChildResult native = RunChild(script, [&] { close(closed); });
    const ChildResult forced = RunChild(Forced(script), [&] { close(closed); });
    EXPECT_EQ(native.output, forced.output);
    EXPECT_THAT(forced.output, HasSubstr("listen s 5 -> 0\n"));
    EXPECT_EQ(forced.status, 0);
  }
}

TEST(Process, GetsItsInputUnread) {
  ServiceHost host;
  ChildProcess child(Forced({"cat"}));
  child.Write("one\ntwo\n");
  child.CloseInput();
  EXPECT_EQ(child.ReadAll(), "one\ntwo\n");
  EXPECT_EQ(child.Wait(), 0);
}

TEST(Process, HasNoChildOfForcebind) {
  ServiceHost host;
  // With SIGCHLD blocked: one that came stays pending over execve(2).
  const ChildResult forced = RunChild(Forced({kProbe, "children"}), &BecomeUnusual);
  EXPECT_EQ(forced.output, "children -> -1 ECHILD\n");
}

// The companion waits for helpers of its own, which an ignored SIGCHLD would take from it.
TEST(Process, IgnoredSigchldDisturbsNoBind) {
  ServiceHost host;
  const auto ignore = [] { signal(SIGCHLD, SIG_IGN); };
  const Words script = {kProbe, "setuid 4321", "u=socket unix stream", "bind u unix//mnt/open/a", "stat /mnt/open/a"};
  const ChildResult forced = RunChild(Forced(script), ignore);
  EXPECT_THAT(forced.output, HasSubstr("bind u unix//mnt/open/a -> 0\n"));
  EXPECT_THAT(forced.output, HasSubstr(" uid 4321 "));
}

// ---- how it ends

TEST(Process, ExitStatusIsTheServices) {
  ServiceHost host;
  for (const Words& command : {Words{"true"}, Words{kProbe, "exit 7"}, Words{kProbe, "exit 125"},
                               Words{kProbe, "raise 15"}, Words{kProbe, "raise 9"}, Words{kProbe, "raise 11"}}) {
    EXPECT_EQ(RunChild(command).status, RunChild(Forced(command)).status) << command.back();
  }
  EXPECT_EQ(RunChild(Forced({kProbe, "exit 7"})).status, 7);
  EXPECT_EQ(RunChild(Forced({kProbe, "raise 15"})).status, -SIGTERM);
}

struct Failure {
  Words options;
  int status;
  const char* text;
};

TEST(Process, OwnFailuresEndWith125AndSayWhy) {
  ServiceHost host;
  std::ofstream("/mnt/key.toml") << "name = \"a\"\nadress = []\n";
  std::ofstream("/mnt/syntax.toml") << "name = \"a\"\npublish = [\n";
  const Failure kFailures[] = {
      {{"--profile", "/mnt/none.toml", "true"}, 125, "/mnt/none.toml"},
      {{"--profile", "/mnt/key.toml", "true"}, 125, "/mnt/key.toml:2:1: "},
      {{"--profile", "/mnt/syntax.toml", "true"}, 125, "/mnt/syntax.toml:"},
      {{"--name", "a", "--adress", "127.1.1.1", "--", "true"}, 125, "there is no option --adress"},
      {{"--name", "a", "-x", "-q", "true"}, 125, "there is no option -x"},
      {{"--name"}, 125, "--name"},
      {{"--address", "192.0.2.7", "true"}, 125, "--address 192.0.2.7"},
      {{"--address", "127.1.1.1", "--address", "127.1.1.2", "true"}, 125, "--address 127.1.1.2"},
      {{"--publish", "tcp/0", "true"}, 125, "--publish tcp/0"},
      {{"--publish", "sctp/9", "true"}, 125, "--publish sctp/9"},
      {{"--publish", "tcp/80", "--supervisor", "none", "true"}, 125, "needs a supervisor"},
      {{"--supervisor", "/mnt/none.sock", "true"}, 125, "/mnt/none.sock"},
      {{"--name", "a b", "true"}, 125, "\"a b\" is not a service's name"},
      {{}, 125, "which command?"},
  };
  for (const Failure& failure : kFailures) {
    const ChildResult result = RunChild(Join({kForcebind, "run"}, failure.options));
    EXPECT_EQ(result.status, failure.status) << result.errors;
    EXPECT_THAT(result.errors, HasSubstr(failure.text));
    EXPECT_EQ(result.output, "");
  }
}

TEST(Process, CommandMayBeginWithAHyphenAfterTwo) {
  ServiceHost host;
  EXPECT_EQ(RunChild({kForcebind, "run", "--supervisor", "none", "--name", "a", "--", "-x"}).status, 127);
}

TEST(Process, CommandThatCannotBeExecutedEndsAsWithEnv) {
  ServiceHost host;
  std::ofstream("/mnt/open/text") << "text\n";
  for (const char* const command : {"/mnt/open", "/mnt/open/text", "/mnt/open/none", "no-such-program-anywhere"}) {
    const ChildResult native = RunChild({"env", command});
    const ChildResult forced = RunChild(Forced({command}));
    EXPECT_EQ(native.status, forced.status) << command;
    EXPECT_THAT(forced.errors, HasSubstr(absl::StrCat("forcebind: ", command, ": ")));
  }
  EXPECT_EQ(RunChild(Forced({"/mnt/open/text"})).status, 126);
  EXPECT_EQ(RunChild(Forced({"/mnt/open/none"})).status, 127);
}

TEST(Process, ForcebindInForcebindSaysThatOneIsThere) {
  ServiceHost host;
  const ChildResult inner = RunChild(Forced(Forced({"true"})));
  EXPECT_EQ(inner.status, 125);
  EXPECT_THAT(inner.errors, HasSubstr("another forcebind"));
}

// ---- set-user-id programs

std::string UidsOf(const std::string& status) {
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(status, '\n'))) {
    if (line.rfind("Uid:\t", 0) == 0) return line.substr(5);
  }
  return status;
}

void MakeSetUserIdCat() {
  std::ofstream("/mnt/bin/suid", std::ios::binary) << std::ifstream("/bin/cat", std::ios::binary).rdbuf();
  ASSERT_EQ(chmod("/mnt/bin/suid", 04755), 0);
}

TEST(Process, SetUserIdProgramsGainNothingInAnOrdinaryUsersService) {
  ServiceHost host;
  MakeSetUserIdCat();
  const Words command = {"/mnt/bin/suid", "/proc/self/status"};
  EXPECT_EQ(UidsOf(RunChild(command, &BecomeOrdinaryUser).output), "65534\t0\t0\t0");
  EXPECT_EQ(UidsOf(RunChild(Forced(command), &BecomeOrdinaryUser).output), "65534\t65534\t65534\t65534");
}

TEST(Process, SetUserIdProgramsWorkInRootsServiceThatHasChangedItsUser) {
  ServiceHost host;
  MakeSetUserIdCat();
  const Words command = {"setpriv", "--reuid", "65534", "--clear-groups", "/mnt/bin/suid", "/proc/self/status"};
  EXPECT_EQ(UidsOf(RunChild(command).output), "65534\t0\t0\t0");
  EXPECT_EQ(UidsOf(RunChild(Forced(command)).output), "65534\t0\t0\t0");
}

// ---- the companion

// Of the only service on this host.
class Companion {
 public:
  explicit Companion(const ChildProcess& service) {
    for (const pid_t pid : FindProcesses("forcebind")) {
      if (pid == service.pid()) continue;
      EXPECT_FALSE(pidfd_.valid()) << "two companions";
      pid_ = pid;
      pidfd_.reset(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    }
    EXPECT_TRUE(pidfd_.valid());
  }
  pid_t pid() const { return pid_; }
  bool IsThere() const { return !AwaitExit(pidfd_.get(), 0); }
  bool Ends() const { return AwaitExit(pidfd_.get()); }

 private:
  pid_t pid_ = -1;
  UniqueFd pidfd_;
};

// No descriptor that it opens later, least of all a socket of the service's, may have such a number.
TEST(Process, CompanionHasAStandardErrorWhereTheServiceHasNone) {
  ServiceHost host;
  ChildProcess child(Forced({kProbe, "hold"}), ChildInput::kPipe, [] { close(STDERR_FILENO); });
  ASSERT_TRUE(child.ReadUntil("holding\n"));
  char target[100];
  EXPECT_GT(readlink(absl::StrCat("/proc/", Companion(child).pid(), "/fd/2").c_str(), target, sizeof(target)), 0);
  child.CloseInput();
  EXPECT_EQ(child.Wait(), 0);
}

TEST(Process, CompanionEndsWithTheService) {
  ServiceHost host;
  for (const auto& prepare : {std::function<void()>([] {}), std::function<void()>(&BecomeOrdinaryUser)}) {
    ChildProcess child(Forced({kProbe, "hold"}), ChildInput::kPipe, prepare);
    ASSERT_TRUE(child.ReadUntil("holding\n"));
    const Companion companion(child);
    EXPECT_TRUE(companion.IsThere());
    child.CloseInput();
    EXPECT_EQ(child.Wait(), 0);
    EXPECT_TRUE(companion.Ends());
  }
}

TEST(Process, CompanionEndsWithTheLastProcessOfADaemon) {
  ServiceHost host;
  ChildProcess child(Forced({kProbe, "daemon", "hold", "s=socket inet stream", "bind s 0.0.0.0:8080"}));
  ASSERT_TRUE(child.ReadUntil("holding\n"));
  EXPECT_EQ(child.Wait(), 0);  // the first one
  const Companion companion(child);
  EXPECT_TRUE(companion.IsThere());
  child.CloseInput();
  EXPECT_THAT(child.ReadAll(), HasSubstr("bind s 0.0.0.0:8080 -> 0\n"));
  EXPECT_TRUE(companion.Ends());
}

TEST(Process, CompanionIsNoReasonToWait) {
  ServiceHost host;
  // It holds neither end of the service's pipes: the output ends with the daemon's own descriptors.
  ChildProcess child(Forced({"sh", "-c", "exec >/dev/null; read line"}));
  EXPECT_EQ(child.ReadAll(), "");
  child.CloseInput();
  child.Wait();
}

TEST(Process, CompanionDoesNotEndBySignalsThatEndServices) {
  ServiceHost host;
  ChildProcess child(Forced({kProbe, "hold", "s=socket inet stream", "bind s 0.0.0.0:8080"}));
  ASSERT_TRUE(child.ReadUntil("holding\n"));
  const Companion companion(child);
  for (const int number : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM}) {
    EXPECT_EQ(kill(companion.pid(), number), 0);
  }
  child.CloseInput();
  EXPECT_THAT(child.ReadAll(), HasSubstr("bind s 0.0.0.0:8080 -> 0\n"));
}

bool Connects(const char* address, uint16_t port) {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, address, &name.sin_addr);
  return connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0;
}

TEST(Process, WithoutItsCompanionNothingIsBoundAndListenersGoOn) {
  ServiceHost host;
  ChildProcess child(
      Forced({kProbe, "s=socket inet stream", "bind s 0.0.0.0:8080", "listen s 5", "t=socket inet stream",
              "bind t 0.0.0.0:8081", "hold", "u=socket inet stream", "bind u 0.0.0.0:8082", "listen t 5", "listen u 5",
              "x=socket unix stream", "bind x unix//mnt/open/x", "filter listener", "hold"}));
  ASSERT_TRUE(child.ReadUntil("holding\n"));
  KillCompanions(child.pid());
  EXPECT_TRUE(Connects(kPrivateV4, 8080));
  child.CloseInput();
  const std::string& text = child.ReadAll();
  for (const char* const line :
       {"bind u 0.0.0.0:8082 -> -1 ENOSYS\n", "listen t 5 -> -1 ENOSYS\n", "listen u 5 -> -1 ENOSYS\n",
        "bind x unix//mnt/open/x -> -1 ENOSYS\n", "filter listener -> -1 EBUSY\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_EQ(child.Wait(), 0);
}

}  // namespace
}  // namespace forcebind
