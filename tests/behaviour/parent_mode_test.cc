// SPDX-License-Identifier: Apache-2.0
// Where only a process's ancestors may look into it, forcebind stays on as the service's parent, and hardly anybody
// sees it (docs/adr/0008-parent-mode.md). The scope is a file of this test's: what is shown here is who is whose
// parent, and what becomes of signals and of the exit status.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "tests/support/child_process.h"
#include "tests/support/service_host.h"
#include "tests/support/supervisor_process.h"

namespace forcebind {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Words = std::vector<std::string>;

Words Forced(const Words& command) { return Join(PrivateRun(), command); }

// kernel.yama.ptrace_scope as this host has it.
class ScopeHost : public ServiceHost {
 public:
  explicit ScopeHost(const std::string& scope) {
    if (mount("none", "/proc/sys/kernel", "tmpfs", 0, "mode=0755") != 0) abort();
    if (mkdir("/proc/sys/kernel/yama", 0755) != 0) abort();
    std::ofstream("/proc/sys/kernel/yama/ptrace_scope") << scope << "\n";
  }
};

// Started by an ordinary user, where the scope is 1.
class Service : public ChildProcess {
 public:
  explicit Service(const Words& command, ChildInput input = ChildInput::kPipe)
      : ChildProcess(Forced(command), input, &BecomeOrdinaryUser) {}
};

pid_t ParentOf(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
  std::string word;
  pid_t parent = -1;
  for (int i = 0; i < 3; ++i) file >> word;  // number, name, state
  file >> parent;
  return parent;
}

UniqueFd PidfdOf(pid_t pid) { return UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))); }

// The process whose parent is `parent`, of those with this name.
pid_t ChildOf(pid_t parent, const std::string& comm) {
  for (const pid_t pid : FindProcesses(comm)) {
    if (ParentOf(pid) == parent) return pid;
  }
  ADD_FAILURE() << parent << " has no child " << comm;
  return -1;
}

pid_t CompanionOf(const ChildProcess& service) { return ChildOf(service.pid(), "forcebind"); }

// As a shell waits: 's' and the signal that stopped it, 'c', 'e' and its exit status, 'k' and the signal.
std::string AwaitChange(pid_t pid) {
  siginfo_t info = {};
  if (waitid(P_PID, static_cast<id_t>(pid), &info, WSTOPPED | WCONTINUED | WEXITED | WNOWAIT) != 0) return "gone";
  const char kind = info.si_code == CLD_STOPPED ? 's' : info.si_code == CLD_CONTINUED ? 'c' : 'e';
  if (kind != 'e') waitid(P_PID, static_cast<id_t>(pid), &info, WSTOPPED | WCONTINUED);
  return absl::StrCat(std::string(1, kind), info.si_status);
}

// ---- when

TEST(ParentMode, IsNotNeededWithYamasLeastScope) {
  ScopeHost host("0");
  Service service({kProbe, "self"});
  EXPECT_THAT(service.ReadAll(), HasSubstr(absl::StrCat("self -> pid ", service.pid(), " ppid ", getpid(), " ")));
  EXPECT_EQ(service.Wait(), 0);
}

TEST(ParentMode, IsNotNeededByWhoMayLookAnywhere) {
  for (const std::string scope : {"1", "2"}) {
    ScopeHost host(scope);
    const ChildResult result = RunChild(Forced({kProbe, "s=socket inet stream", "bind s 0.0.0.0:8080"}));
    EXPECT_THAT(result.output, HasSubstr("bind s 0.0.0.0:8080 -> 0\n"));
    ChildProcess service(Forced({kProbe, "self"}));
    EXPECT_THAT(service.ReadAll(), HasSubstr(absl::StrCat("self -> pid ", service.pid(), " ppid ", getpid(), " ")));
  }
}

TEST(ParentMode, CannotHelpWhereNobodyOrOnlyPrivilegeMayLook) {
  const struct {
    const char* scope;
    bool root;
    const char* text;
  } kCases[] = {{"2", false, "kernel.yama.ptrace_scope is 2"},
                {"3", false, "kernel.yama.ptrace_scope is 3"},
                {"3", true, "kernel.yama.ptrace_scope is 3"},
                {"many", true, "does not hold a number"}};
  for (const auto& one : kCases) {
    ScopeHost host(one.scope);
    const ChildResult result = RunChild(Forced({"echo", "ran"}), [&] {
      if (!one.root) BecomeOrdinaryUser();
    });
    EXPECT_EQ(result.status, 125);
    EXPECT_EQ(result.output, "");
    EXPECT_THAT(result.errors, HasSubstr(one.text));
  }
}

// ---- who is whose

TEST(ParentMode, CompanionIsTheServicesParentAndForcebindTheCompanions) {
  ScopeHost host("1");
  Service service({kProbe, "self", "descriptors", "children", "signals", "s=socket inet stream", "bind s 0.0.0.0:8080",
                   "listen s 5", "getsockname s", "hold"});
  ASSERT_TRUE(service.ReadUntil("holding\n"));
  const pid_t companion = CompanionOf(service);
  const pid_t probe = ChildOf(companion, "probe");
  EXPECT_THAT(service.output(), HasSubstr(absl::StrCat("self -> pid ", probe, " ppid ", companion, " pgid ", getpgrp(),
                                                       " sid ", getsid(0), " ")));
  EXPECT_THAT(service.output(), HasSubstr("descriptors -> 3 descriptors, the highest is 2\n"));
  EXPECT_THAT(service.output(), HasSubstr("children -> -1 ECHILD\n"));
  EXPECT_THAT(service.output(), HasSubstr("signals -> none\n"));
  EXPECT_THAT(service.output(), HasSubstr(absl::StrCat("getsockname s -> ", kPrivateV4, ":8080 ")));
  service.CloseInput();
  EXPECT_EQ(service.Wait(), 0);
}

TEST(ParentMode, ServiceHasTheSignalsThatTheCallerLeft) {
  ScopeHost host("1");
  const auto prepare = [] {
    signal(SIGCHLD, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR2);
    sigprocmask(SIG_BLOCK, &blocked, nullptr);
    BecomeOrdinaryUser();
  };
  const ChildResult native = RunChild({kProbe, "signals", "exit 3"}, prepare);
  const ChildResult forced = RunChild(Forced({kProbe, "signals", "exit 3"}), prepare);
  EXPECT_EQ(native.output, forced.output);
  EXPECT_THAT(forced.output, HasSubstr("17 ignored"));
  EXPECT_EQ(forced.status, 3);
}

// ---- how it ends

TEST(ParentMode, ExitStatusIsTheServices) {
  ScopeHost host("1");
  std::ofstream("/mnt/open/text") << "text\n";
  const struct {
    Words command;
    int status;
  } kCases[] = {{{"true"}, 0},
                {{kProbe, "exit 7"}, 7},
                {{kProbe, "raise 15"}, -SIGTERM},
                {{kProbe, "raise 9"}, -SIGKILL},
                {{kProbe, "raise 11"}, -SIGSEGV},
                {{"/mnt/open/text"}, 126},
                {{"/mnt/open/none"}, 127}};
  for (const auto& one : kCases) {
    EXPECT_EQ(RunChild(Forced(one.command), &BecomeOrdinaryUser).status, one.status) << one.command.back();
  }
}

TEST(ParentMode, FailureOfForcebindItselfIs125) {
  ScopeHost host("1");
  const ChildResult inner = RunChild(Forced(Forced({"echo", "ran"})), &BecomeOrdinaryUser);
  EXPECT_EQ(inner.status, 125);
  EXPECT_EQ(inner.output, "");
  EXPECT_THAT(inner.errors, HasSubstr("another forcebind"));
}

#ifndef __SANITIZE_THREAD__  // whose own thread keeps the table of descriptors that the companion has left
TEST(ParentMode, NothingOfTheServicesIsHeldOpen) {
  ScopeHost host("1");
  Service service({"sh", "-c", "exec >/dev/null; read line; exit 4"});
  EXPECT_EQ(service.ReadAll(), "");  // while it runs
  service.CloseInput();
  EXPECT_EQ(service.Wait(), 4);
}
#endif

TEST(ParentMode, DaemonIsForcedAfterItsFirstProcessHasLeft) {
  ScopeHost host("1");
  Service service(
      {kProbe, "daemon", "hold", "self", "s=socket inet stream", "bind s 0.0.0.0:8080", "listen s 5", "getsockname s"});
  ASSERT_TRUE(service.ReadUntil("holding\n"));
  const pid_t daemon = FindProcesses("probe").at(0);
  const pid_t companion = ParentOf(daemon);
  UniqueFd companion_pidfd = PidfdOf(companion);
  EXPECT_EQ(service.Wait(), 0);  // the caller sees the first process's end
  EXPECT_FALSE(AwaitExit(companion_pidfd.get(), 0));
  service.CloseInput();
  EXPECT_THAT(service.ReadAll(), HasSubstr(absl::StrCat("getsockname s -> ", kPrivateV4, ":8080 ")));
  EXPECT_THAT(service.output(), HasSubstr(absl::StrCat(" ppid ", companion, " ")));
  EXPECT_TRUE(AwaitExit(companion_pidfd.get()));
}

// ---- signals

TEST(ParentMode, SignalsAreForwarded) {
  ScopeHost host("1");
  Service service({kProbe, "sigwait 1 2 3 10 12 28 34 64 15", "exit 9"});
  ASSERT_TRUE(service.ReadUntil("awaiting\n"));
  for (const int number : {SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, 34, 64, SIGTERM}) {
    ASSERT_EQ(kill(service.pid(), number), 0);
    EXPECT_TRUE(service.ReadUntil(absl::StrCat("got ", number, "\n"))) << number;
  }
  EXPECT_EQ(service.Wait(), 9);
}

TEST(ParentMode, SignalThatKillsTheServiceIsSeenByTheCaller) {
  ScopeHost host("1");
  Service service({kProbe, "hold"});
  ASSERT_TRUE(service.ReadUntil("holding\n"));
  kill(service.pid(), SIGTERM);
  EXPECT_EQ(service.Wait(), -SIGTERM);
}

// In a group of its own, as a shell starts it: in an orphaned group SIGTSTP stops nobody.
void BecomeOrdinaryJob() {
  if (setpgid(0, 0) != 0) _exit(94);
  BecomeOrdinaryUser();
}

// Reads until the `count`th line "got NUMBER".
bool ReadUntilGot(ChildProcess& service, int number, int count) {
  const std::string line = absl::StrCat("got ", number, "\n");
  size_t end = 0;
  for (int i = 0; i < count; ++i) {
    while (service.output().find(line, end) == std::string::npos) {
      if (!service.ReadSome()) return false;
    }
    end = service.output().find(line, end) + line.size();
  }
  return true;
}

TEST(ParentMode, StopsAndGoesOnAsTheServiceDoes) {
  ScopeHost host("1");
  ChildProcess service(Forced({kProbe, "sigwait 18 15", "exit 5"}), ChildInput::kPipe, &BecomeOrdinaryJob);
  ASSERT_TRUE(service.ReadUntil("awaiting\n"));
  const pid_t probe = ChildOf(CompanionOf(service), "probe");
  int count = 0;
  for (const int number : {SIGSTOP, SIGTSTP, SIGTTIN}) {
    for (const pid_t continued : {service.pid(), probe}) {
      kill(probe, number);
      EXPECT_EQ(AwaitChange(service.pid()), absl::StrCat("s", number));
      kill(continued, SIGCONT);
      EXPECT_EQ(AwaitChange(service.pid()), absl::StrCat("c", SIGCONT));
      ASSERT_TRUE(ReadUntilGot(service, SIGCONT, ++count));
    }
  }
  kill(service.pid(), SIGTERM);
  EXPECT_EQ(service.Wait(), 5);
}

TEST(ParentMode, StopSignalIsForwarded) {
  ScopeHost host("1");
  ChildProcess service(Forced({kProbe, "sigwait 18 15", "exit 5"}), ChildInput::kPipe, &BecomeOrdinaryJob);
  ASSERT_TRUE(service.ReadUntil("awaiting\n"));
  kill(service.pid(), SIGTSTP);
  EXPECT_EQ(AwaitChange(service.pid()), absl::StrCat("s", SIGTSTP));
  kill(service.pid(), SIGCONT);
  EXPECT_EQ(AwaitChange(service.pid()), absl::StrCat("c", SIGCONT));
  ASSERT_TRUE(ReadUntilGot(service, SIGCONT, 1));
  kill(service.pid(), SIGTERM);
  EXPECT_EQ(service.Wait(), 5);
}

TEST(ParentMode, TerminalInterruptsTheService) {
  ScopeHost host("1");
  Service service({kProbe, "sigwait 2 15", "exit 9"}, ChildInput::kTerminal);
  ASSERT_TRUE(service.ReadUntil("awaiting"));
  service.Write("\x03");
  ASSERT_TRUE(service.ReadUntil("got 2"));
  kill(service.pid(), SIGTERM);
  EXPECT_EQ(service.Wait(), 9);
}

// It has left the terminal's session, so the terminal's signals are not meant for it.
TEST(ParentMode, SignalsOfTheTerminalAreNotForwarded) {
  ScopeHost host("1");
  Service service({"setsid", kProbe, "sigwait 2 10 15", "exit 9"}, ChildInput::kTerminal);
  ASSERT_TRUE(service.ReadUntil("awaiting"));
  service.Write("\x03");
  ASSERT_TRUE(service.ReadUntil("^C"));  // the echo: the signal has been sent
  kill(service.pid(), SIGUSR1);
  ASSERT_TRUE(service.ReadUntil("got 10"));
  EXPECT_THAT(service.output(), Not(HasSubstr("got 2")));
  kill(service.pid(), SIGTERM);
  EXPECT_EQ(service.Wait(), 9);
}

TEST(ParentMode, KillingForcebindKillsTheService) {
  ScopeHost host("1");
  Service service({kProbe, "hold"});
  ASSERT_TRUE(service.ReadUntil("holding\n"));
  const pid_t companion = CompanionOf(service);
  UniqueFd companion_pidfd = PidfdOf(companion), probe_pidfd = PidfdOf(ChildOf(companion, "probe"));
  kill(service.pid(), SIGKILL);
  EXPECT_EQ(service.Wait(), -SIGKILL);
  EXPECT_TRUE(AwaitExit(probe_pidfd.get()));
  EXPECT_TRUE(AwaitExit(companion_pidfd.get()));
}

// As with kill -9 of a service that runs without forcebind: its children go on.
TEST(ParentMode, KillingForcebindLeavesTheServicesChildren) {
  ScopeHost host("1");
  Service service({kProbe, "fork hold ; s=socket inet stream ; bind s 0.0.0.0:8080 ; getsockname s"});
  ASSERT_TRUE(service.ReadUntil("holding\n"));
  UniqueFd companion_pidfd = PidfdOf(CompanionOf(service));
  UniqueFd first = PidfdOf(ChildOf(CompanionOf(service), "probe"));
  kill(service.pid(), SIGKILL);
  EXPECT_TRUE(AwaitExit(first.get()));
  service.CloseInput();
  EXPECT_THAT(service.ReadAll(), HasSubstr(absl::StrCat("getsockname s -> ", kPrivateV4, ":8080 ")));
  EXPECT_TRUE(AwaitExit(companion_pidfd.get()));
}

// It stays as the service's parent, and holds nothing that would keep a call waiting.
TEST(ParentMode, ACompanionThatFailsLeavesTheServiceWhichBindsNoMore) {
  ScopeHost host("1");
  Service service(
      {kProbe, "hold", "s=socket inet stream", "bind s 0.0.0.0:8080", "bind s 0.0.0.0:8081", "bind s 0.0.0.0:8082"});
  ASSERT_TRUE(service.ReadUntil("holding\n"));
  const pid_t companion = CompanionOf(service);
  ASSERT_EQ(InChild([&] {
              const rlimit none = {0, 0};
              BecomeOrdinaryUser();
              return prlimit(companion, RLIMIT_NOFILE, &none, nullptr);
            }),
            0);
  service.CloseInput();
  EXPECT_THAT(service.ReadAll(), HasSubstr("bind s 0.0.0.0:8082 -> -1 ENOSYS\n"));
}

TEST(ParentMode, KillingTheCompanionLeavesTheServiceWhichBindsNoMore) {
  ScopeHost host("1");
  Service service({kProbe, "hold", "s=socket inet stream", "bind s 0.0.0.0:8080", "exit 6"});
  ASSERT_TRUE(service.ReadUntil("holding\n"));
  const pid_t companion = CompanionOf(service);
  UniqueFd companion_pidfd = PidfdOf(companion);
  kill(companion, SIGKILL);
  ASSERT_TRUE(AwaitExit(companion_pidfd.get()));
  service.CloseInput();
  EXPECT_THAT(service.ReadAll(), HasSubstr("bind s 0.0.0.0:8080 -> -1 ENOSYS\n"));
  EXPECT_EQ(service.Wait(), 6);
}

}  // namespace
}  // namespace forcebind
