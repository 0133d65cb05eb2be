// SPDX-License-Identifier: Apache-2.0
// Services that are hard on their companions (target.c), and what is left afterwards: a companion that answers, holds
// what it held before, and ends with its service. The kernel says so, by /proc and sock_diag.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "sys/small_file.h"
#include "sys/unique_fd.h"
#include "tests/support/child_process.h"
#include "tests/support/sanitized.h"
#include "tests/support/service_host.h"

namespace forcebind {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kTarget[] = "/mnt/bin/fire_target";
constexpr char kCompanion[] = "forcebind";
constexpr long kDefaultBinds = kSanitized ? 2000 : 30000, kFlood = kSanitized ? 2000 : 20000;
constexpr long kBindsPerRound = kSanitized ? 1000 : 10000;
// What is kept of sockets has its limits (notify/call_handler.cc, pinned_sockets.h). A sanitizer keeps what was freed.
constexpr long kMayGrowKb = kSanitized ? 512 * 1024 : 1024;

long Binds() {
  const char* wanted = getenv("FORCEBIND_FIRE_BINDS");
  long binds = kDefaultBinds;
  if (wanted != nullptr && !absl::SimpleAtoi(wanted, &binds)) abort();
  return binds;
}

UniqueFd Pidfd(pid_t pid) { return UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))); }

// What a process holds.
struct Held {
  long descriptors = 0, threads = 0, resident_kb = 0;
};

Held HeldBy(pid_t pid) {
  Held held;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(absl::StrCat("/proc/", pid, "/fd"))) {
    ++held.descriptors;
  }
  std::ifstream status(absl::StrCat("/proc/", pid, "/status"));
  for (std::string key; status >> key;) {
    if (key == "VmRSS:") status >> held.resident_kb;
    if (key == "Threads:") status >> held.threads;
    status.ignore(1 << 12, '\n');
  }
  return held;
}

long Count(const std::string& text, const std::string& what) {
  long count = 0;
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; ++at) ++count;
  return count;
}

void WriteFile(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text << std::flush;
  ASSERT_TRUE(file.good()) << path;
}

class FireTest : public ::testing::Test {
 protected:
  static std::vector<std::string> Target(const std::vector<std::string>& words) {
    return Join(PrivateRun(), Join({kTarget}, words));
  }
  // The service that gets by while another one is stuck: other addresses.
  static std::vector<std::string> Neighbour() {
    return {kForcebind,
            "run",
            "--supervisor",
            "none",
            "--name",
            "neighbour",
            "--address",
            "127.84.3.2",
            "--",
            kProbe,
            "s=socket inet stream",
            "bind s 0.0.0.0:8080",
            "listen s 5",
            "getsockname s"};
  }
  static void ExpectTheNeighbourToGetBy() {
    const ChildResult result = RunChild(Neighbour());
    EXPECT_EQ(result.status, 0) << result.errors;
    EXPECT_THAT(result.output, HasSubstr("getsockname s -> 127.84.3.2:8080 "));
  }
  // The one companion here.
  static pid_t Companion() {
    const std::vector<pid_t> found = FindProcesses(kCompanion);
    EXPECT_EQ(found.size(), 1u);
    return found.empty() ? 0 : found[0];
  }

  ServiceHost host_{{"fire_target"}};
};

// ---- floods, and what grows

TEST_F(FireTest, TwoHundredThreadsBindAsFastAsTheyCan) {
  const ChildResult result = RunChild(Target({"flood", "200", absl::StrCat(kFlood)}));
  EXPECT_EQ(result.status, 0) << result.errors;
  EXPECT_THAT(result.output, HasSubstr(absl::StrCat(kFlood, " binds, 0 failed, ")));
  RecordProperty("flood", result.output);
  EXPECT_THAT(host_.Listeners(), IsEmpty());
}

TEST_F(FireTest, NothingGrowsHoweverManyBinds) {
  const long rounds = (Binds() + kBindsPerRound - 1) / kBindsPerRound;
  // The shell binds nothing: the companion is its, too, and lives from the first flood to the last.
  const std::string flood = absl::StrCat(kTarget, " flood 200 ", kBindsPerRound);
  ChildProcess service(
      Join(PrivateRun(), {"/bin/sh", "-c",
                          absl::StrCat(flood, "; echo warm; read line; i=0; while [ $i -lt ", rounds,
                                       " ]; do i=$((i + 1)); ", flood, "; done; echo done; read line")}));
  ASSERT_TRUE(service.ReadUntil("warm\n"));
  const pid_t companion = Companion();
  const Held before = HeldBy(companion);
  const auto start = std::chrono::steady_clock::now();
  service.Write("\n");
  ASSERT_TRUE(service.ReadUntil("done\n"));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const Held after = HeldBy(companion);
  EXPECT_EQ(Count(service.output(), absl::StrCat(kBindsPerRound, " binds, 0 failed, ")), rounds + 1)
      << service.output();
  EXPECT_EQ(after.descriptors, before.descriptors);
  EXPECT_EQ(after.threads, before.threads);
  EXPECT_LE(after.resident_kb, before.resident_kb + kMayGrowKb);
  fprintf(stderr,
          "%ld binds in %.0f s; companion: %ld -> %ld descriptors, %ld -> %ld threads, %ld -> %ld kB resident\n",
          rounds * kBindsPerRound, seconds, before.descriptors, after.descriptors, before.threads, after.threads,
          before.resident_kb, after.resident_kb);
}

// ---- targets that die

// Calls are served one after the other: who has an answer knows that those before are done with.
TEST_F(FireTest, TargetsThatDieAtEveryStepLeaveNothing) {
  const std::string one_more = absl::StrCat(kTarget, " flood 1 1 > /dev/null");
  ChildProcess service(Join(PrivateRun(), {"/bin/sh", "-c",
                                           absl::StrCat(kTarget, " die 20; ", one_more, "; echo warm; read line; ",
                                                        kTarget, " die 600; ", one_more, "; echo done; read line")}));
  ASSERT_TRUE(service.ReadUntil("warm\n"));
  const pid_t companion = Companion();
  const Held before = HeldBy(companion);
  service.Write("\n");
  ASSERT_TRUE(service.ReadUntil("done\n"));
  EXPECT_THAT(service.output(), HasSubstr("600 of 600 reached\n"));
  const Held after = HeldBy(companion);
  EXPECT_LE(after.descriptors, before.descriptors);
  EXPECT_EQ(after.threads, before.threads);
  EXPECT_LE(after.resident_kb, before.resident_kb + kMayGrowKb);
  EXPECT_THAT(host_.Listeners(), IsEmpty());
  const UniqueFd pidfd = Pidfd(companion);
  service.Write("\n");
  EXPECT_EQ(service.Wait(), 0);
  EXPECT_TRUE(AwaitExit(pidfd.get()));
}

// ---- a call in hand that waits: for a page that does not come

TEST_F(FireTest, APageThatDoesNotComeHoldsUpNobodyElse) {
  ChildProcess service(Target({"page"}));
  ASSERT_TRUE(service.ReadUntil("in hand\n"));
  ExpectTheNeighbourToGetBy();
  service.Write("\n");
  ASSERT_TRUE(service.ReadUntil("to 127.84.3.1:8080\n")) << service.output();
  ASSERT_TRUE(service.ReadUntil("given, the helper's bind: 0\n")) << service.output();
  EXPECT_THAT(service.output(), HasSubstr("bound: 0\n"));
  service.Write("\n");
  EXPECT_EQ(service.Wait(), 0);
}

TEST_F(FireTest, WhoIsKilledWhileHisPageIsAwaitedLeavesTheOthersTheirCompanion) {
  ChildProcess service(Target({"page"}));
  ASSERT_TRUE(service.ReadUntil("in hand\n"));
  const UniqueFd companion = Pidfd(Companion());
  ASSERT_EQ(kill(service.pid(), SIGKILL), 0);
  ExpectTheNeighbourToGetBy();
  service.Write("\n");
  ASSERT_TRUE(service.ReadUntil("given, the helper's bind: 0\n")) << service.output();
  EXPECT_EQ(service.Wait(), -SIGKILL);
  EXPECT_THAT(host_.Listeners(), IsEmpty());
  service.Write("\n");
  service.ReadAll();
  EXPECT_TRUE(AwaitExit(companion.get()));
}

TEST_F(FireTest, WhoIsStoppedWhileHisCallIsInHandHasItsAnswerLater) {
  ChildProcess service(Target({"page"}));
  ASSERT_TRUE(service.ReadUntil("in hand\n"));
  ASSERT_EQ(kill(service.pid(), SIGSTOP), 0);
  service.Write("\n");
  // The helper's own call is answered after the one in hand.
  ASSERT_TRUE(service.ReadUntil("given, the helper's bind: 0\n")) << service.output();
  EXPECT_THAT(service.output(), Not(HasSubstr("bound")));
  ASSERT_EQ(kill(service.pid(), SIGCONT), 0);
  ASSERT_TRUE(service.ReadUntil("to 127.84.3.1:8080\n")) << service.output();
  EXPECT_THAT(service.output(), HasSubstr("bound: 0\n"));
  service.Write("\n");
  EXPECT_EQ(service.Wait(), 0);
}

// A cgroup of the test's own, gone with it.
class TestCgroup {
 public:
  explicit TestCgroup(const std::string& parent) : path_(absl::StrCat(parent, "/fire-", getpid())) {
    if (mkdir(path_.c_str(), 0755) != 0) abort();
  }
  // Those in it are ending: the service's companion, and the one in reserve.
  ~TestCgroup() {
    for (std::vector<pid_t> left; !(left = Processes()).empty();) {
      const UniqueFd end = Pidfd(left[0]);
      if (left[0] == 0 || (end.valid() && !AwaitExit(end.get()))) break;
    }
    if (rmdir(path_.c_str()) != 0) ADD_FAILURE() << path_ << " is not empty";
  }
  std::string file(const char* name) const { return path_ + "/" + name; }

 private:
  std::vector<pid_t> Processes() const {
    std::ifstream list(file("cgroup.procs"));
    return {std::istream_iterator<pid_t>(list), {}};
  }

  const std::string path_;
};

// Until cgroup.events has this line.
void AwaitEvent(const TestCgroup& cgroup, const std::string& line) {
  const UniqueFd events(open(cgroup.file("cgroup.events").c_str(), O_RDONLY | O_CLOEXEC));
  char text[256];
  for (;;) {
    const ssize_t size = pread(events.get(), text, sizeof(text), 0);
    ASSERT_GT(size, 0);
    if (std::string(text, static_cast<size_t>(size)).find(line) != std::string::npos) return;
    pollfd changed = {.fd = events.get(), .events = POLLPRI, .revents = 0};
    ASSERT_GT(poll(&changed, 1, kChildTimeoutMs), 0) << line;
  }
}

TEST_F(FireTest, WhoIsFrozenWhileHisCallIsInHandHasItsAnswerWhenHeThaws) {
  const TestCgroup cgroup(host_.network().cgroup_root());
  ChildProcess service(Target({"page"}));
  ASSERT_TRUE(service.ReadUntil("in hand\n"));
  WriteFile(cgroup.file("cgroup.procs"), absl::StrCat(service.pid()));
  WriteFile(cgroup.file("cgroup.freeze"), "1");
  ExpectTheNeighbourToGetBy();
  service.Write("\n");
  ASSERT_TRUE(service.ReadUntil("given, the helper's bind: 0\n")) << service.output();
  AwaitEvent(cgroup, "frozen 1");
  EXPECT_THAT(service.output(), Not(HasSubstr("bound")));
  WriteFile(cgroup.file("cgroup.freeze"), "0");
  ASSERT_TRUE(service.ReadUntil("to 127.84.3.1:8080\n")) << service.output();
  EXPECT_THAT(service.output(), HasSubstr("bound: 0\n"));
  service.Write("\n");
  EXPECT_EQ(service.Wait(), 0);
  AwaitEvent(cgroup, "populated 0");
}

// ---- a fork bomb

// Where a cgroup can be made that limits its processes: the hierarchy that cgroup v1 has for that, else v2's.
std::string PidsHierarchy(const std::string& unified) {
  constexpr char kOwn[] = "/mnt/open/pids";
  if (mkdir(kOwn, 0755) != 0) abort();
  std::ifstream controllers(unified + "/cgroup.controllers");
  for (std::string controller; controllers >> controller;) {
    if (controller != "pids") continue;
    WriteFile(unified + "/cgroup.subtree_control", "+pids");
    return unified;
  }
  if (mount("pids", kOwn, "cgroup", 0, "pids") != 0) ADD_FAILURE() << "no hierarchy has the controller \"pids\"";
  return kOwn;
}

TEST_F(FireTest, AForkBombIsAnsweredAsLongAsItLivesAndAfterwards) {
  const TestCgroup cgroup(PidsHierarchy(host_.network().cgroup_root()));
  WriteFile(cgroup.file("pids.max"), "40");
  ChildProcess service(Target({"bomb"}), ChildInput::kPipe, [&] { WriteFile(cgroup.file("cgroup.procs"), "0"); });
  service.CloseInput();
  // The companion is in that cgroup, too: it makes no process for an AF_UNIX path, and the bind says so.
  EXPECT_THAT(service.ReadAll(), HasSubstr("EAGAIN after some, 0 wrong, full: inet 0, unix EAGAIN\nafter it: 0\n"));
  EXPECT_EQ(service.Wait(), 0) << service.ErrorText();
}

// ---- namespaces

TEST_F(FireTest, InNamespacesWithinNamespacesAServiceIsForced) {
  const ChildResult result =
      RunChild(Join(PrivateRun(), {kProbe, "unshare user", "unshare mnt", "unshare pid",
                                   "fork unshare mnt ; s=socket inet stream ; bind s 0.0.0.0:8080 ; "
                                   "getsockname s ; listen s 5"}));
  EXPECT_THAT(result.output, HasSubstr("getsockname s -> 127.84.3.1:8080 "));
  EXPECT_THAT(result.output, HasSubstr("listen s 5 -> 0\n"));
}

TEST_F(FireTest, ASocketOfAnotherNetworkNamespaceIsGivenNoAddressOfThisOne) {
  // Nor does a socket of this one lose its own, whoever binds it from where.
  const ChildResult result =
      RunChild(Join(PrivateRun(), {kProbe, "h=socket inet stream", "unshare user", "unshare net",
                                   "s=socket inet stream", "t=socket inet6 dgram", "bind s 0.0.0.0:8080",
                                   "bind t [::]:5353", "listen s 5", "bind h 0.0.0.0:8081", "getsockname h"}));
  EXPECT_THAT(result.output, HasSubstr("bind s 0.0.0.0:8080 -> -1 EADDRNOTAVAIL\n"));
  EXPECT_THAT(result.output, HasSubstr("bind t [::]:5353 -> -1 EADDRNOTAVAIL\n"));
  EXPECT_THAT(result.output, HasSubstr("listen s 5 -> -1 EADDRNOTAVAIL\n"));
  EXPECT_THAT(result.output, HasSubstr("getsockname h -> 127.84.3.1:8081 "));
}

}  // namespace
}  // namespace forcebind
