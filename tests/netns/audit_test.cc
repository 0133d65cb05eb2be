// SPDX-License-Identifier: Apache-2.0
// The audit: real services under a real supervisor, some of which got hold of a listener elsewhere. Sockets that are
// passed in are the one way that docs/security.md leaves open to an ordinary user.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>

#include "build_paths.h"
#include "sys/cgroup.h"
#include "sys/unix_channel.h"
#include "tests/netns/supervisor_fixture.h"
#include "tests/support/child_process.h"

namespace forcebind {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kForcebindProgram[] = FORCEBIND_BIN_DIR "/forcebind";
constexpr char kProbeProgram[] = FORCEBIND_PROBE_DIR "/probe";
constexpr int kChannel = 9;  // where a service has its end of a pair of sockets

// In a child whose descriptors are closed: gets one of its parent's back, at this number, to be inherited.
void Inherit(int fd, int number) {
  const UniqueFd parent(static_cast<int>(syscall(SYS_pidfd_open, getppid(), 0)));
  const UniqueFd taken(static_cast<int>(syscall(SYS_pidfd_getfd, parent.get(), fd, 0)));
  if (dup2(taken.get(), number) != number) _exit(95);
}

class AuditTest : public SupervisorTest {
 protected:
  void SetUp() override {
    config_ = "audit-every = 0\n";
    SupervisorTest::SetUp();
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    here_.reset(ends[0]);
    there_.reset(ends[1]);
  }

  // A service "web" that makes these calls, with the other end of the pair.
  std::unique_ptr<ChildProcess> Start(const std::vector<std::string>& options,
                                      const std::vector<std::string>& calls) const {
    std::vector<std::string> words = {
        kForcebindProgram, "run",        "--supervisor", supervisor_->socket_path(), "--name", "web",
        "--address",       "127.84.3.1", "--address",    "fd77:1f2a:90c1::3:1"};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), {"--", kProbeProgram});
    words.insert(words.end(), calls.begin(), calls.end());
    return std::make_unique<ChildProcess>(words, ChildInput::kPipe, [this] {
      Inherit(there_.get(), kChannel);
      if (inherited_.valid()) Inherit(inherited_.get(), kChannel + 1);
    });
  }
  // Puts a listener that is bound outside on its way to the service.
  void PassIn(const char* endpoint) const {
    const UniqueFd listener = ListenOn(E(endpoint));
    ASSERT_EQ(SendPacket(here_.get(), {{'x'}}, listener.get()), 0);
  }
  ChildResult Audit(const std::vector<std::string>& options = {}) const {
    std::vector<std::string> words = {kForcebindProgram, "audit", "--supervisor", supervisor_->socket_path()};
    words.insert(words.end(), options.begin(), options.end());
    return RunChild(words);
  }
  std::string Metrics() const { return supervisor_->Get("/metrics"); }

  UniqueFd here_, there_;
  UniqueFd inherited_;  // by services that are started after it was made
};

TEST_F(AuditTest, AServiceThatIsAtHomeHasNoFinding) {
  const UniqueFd strangers = ListenOn(E("0.0.0.0:7777"));
  const auto service =
      Start({}, {"s=socket inet stream", "bind s 0.0.0.0:8080", "listen s 5", "t=socket inet6 stream", "bind t [::]:81",
                 "listen t 5", "u=socket inet dgram", "bind u 0.0.0.0:0", "v=socket inet dgram",
                 "sendto v 192.0.2.100:9", "w=socket inet dgram", "connect w 192.0.2.100:9", "hold"});
  ASSERT_TRUE(service->ReadUntil("holding\n"));
  const ChildResult result = Audit();
  EXPECT_EQ(result.status, 0) << result.errors;
  EXPECT_EQ(result.output, "no findings in 1 service, 1 process, 5 sockets\n");
}

TEST_F(AuditTest, ASocketThatWasPassedInIsNamed) {
  for (const char* wall : {"notify", "cgroup"}) {
    PassIn("0.0.0.0:7777");
    const auto service = Start({"--wall", wall}, {absl::StrCat("r=receive ", kChannel), "hold"});
    ASSERT_TRUE(service->ReadUntil("holding\n"));
    const ChildResult result = Audit();
    EXPECT_EQ(result.status, 1) << wall << result.errors;
    EXPECT_THAT(result.output, StartsWith("1 finding in 1 service"));
    EXPECT_THAT(result.output, HasSubstr(absl::StrCat(service->pid(), "  probe    tcp    0.0.0.0:7777  listens on")));
    const Json finding = Json::parse(Audit({"--json"}).output)["findings"][0];
    EXPECT_EQ(finding["service"], "web");
    EXPECT_EQ(finding["pid"], service->pid());
    EXPECT_EQ(finding["socket"], "0.0.0.0:7777");
    EXPECT_EQ(finding["allowed"], false);
    service->CloseInput();
    service->Wait();
    EXPECT_EQ(Audit().status, 0);
  }
  // Each was counted and written once, however often somebody has looked.
  EXPECT_THAT(Metrics(), HasSubstr("\nforcebind_audit_findings_total 2\n"));
  EXPECT_THAT(Metrics(), HasSubstr("\nforcebind_audit_findings 0\n"));
  EXPECT_THAT(Metrics(), HasSubstr("\nforcebind_audits_total 6\n"));
  const std::string log = supervisor_->StderrText();
  const std::string line = "holds a tcp socket on 0.0.0.0:7777, which listens on every address of the host";
  const size_t first = log.find(line), second = log.find(line, first + 1);
  EXPECT_NE(second, std::string::npos) << log;
  EXPECT_EQ(log.find(line, second + 1), std::string::npos) << log;
}

TEST_F(AuditTest, AnotherServicesAddressIsElsewhere) {
  TestClient wiki = Connect();
  wire::Hello hello = HelloOf("wiki");
  hello.addresses.v4 = *IpAddress::Parse("127.84.3.2");
  ASSERT_TRUE(wiki.Hello(hello).has_value());
  PassIn("127.84.3.2:7777");
  const auto service = Start({}, {absl::StrCat("r=receive ", kChannel), "hold"});
  ASSERT_TRUE(service->ReadUntil("holding\n"));
  EXPECT_EQ(Json::parse(Audit({"--json"}).output)["findings"][0]["why"], "listens on the address of \"wiki\"");
}

TEST_F(AuditTest, WhatTheProfileLetsInIsShownAndIsNoFinding) {
  const TempDir directory;
  const std::string profile = directory.path() + "/web.toml";
  std::ofstream(profile) << "inherited-sockets = \"allow\"\n";
  inherited_ = ListenOn(E("0.0.0.0:7777"));
  const auto service = Start({"--profile", profile}, {"hold"});
  ASSERT_TRUE(service->ReadUntil("holding\n"));
  const ChildResult result = Audit();
  EXPECT_EQ(result.status, 0) << result.errors;
  EXPECT_THAT(result.output, StartsWith("no findings in 1 service"));
  EXPECT_THAT(result.output, HasSubstr("0.0.0.0:7777"));
  EXPECT_THAT(result.output, HasSubstr("allowed: "));
  EXPECT_EQ(Status()["services"][0]["findings"], 0);
}

TEST_F(AuditTest, ADaemonThatHasLostItsParentIsFoundByTheSocketsThatAreItsOwn) {
  PassIn("0.0.0.0:7777");
  const auto service = Start({"--wall", "notify"}, {"daemon", "s=socket inet stream", "bind s 0.0.0.0:8080",
                                                    "listen s 5", absl::StrCat("r=receive ", kChannel), "hold"});
  ASSERT_TRUE(service->ReadUntil("holding\n"));
  const ChildResult result = Audit();
  EXPECT_EQ(result.status, 1) << result.output << result.errors;
  EXPECT_THAT(result.output, HasSubstr("0.0.0.0:7777"));
}

TEST_F(AuditTest, AProcessThatWasSeenStaysKnown) {
  // The parent is still there at the first look, and gone at the second; the child holds nothing of the service's own.
  PassIn("0.0.0.0:7777");
  const auto service =
      Start({"--wall", "notify"}, {absl::StrCat("r=receive ", kChannel), absl::StrCat("orphan ", kChannel)});
  ASSERT_TRUE(service->ReadUntil("born\n"));
  EXPECT_EQ(Audit().status, 1);
  service->Write("x");
  EXPECT_EQ(service->Wait(), 0);
  const Json finding = Json::parse(Audit({"--json"}).output)["findings"][0];
  EXPECT_NE(finding["pid"], service->pid());
  EXPECT_EQ(finding["socket"], "0.0.0.0:7777");
}

// A child outside, with no filter, that makes a listener while it is in the service's cgroup, and leaves.
class Visitor {
 public:
  explicit Visitor(pid_t service) {
    int ends[2], ready[2];
    if (pipe2(ends, O_CLOEXEC) != 0 || pipe2(ready, O_CLOEXEC) != 0) abort();
    pid_ = fork();
    if (pid_ == 0) {
      close(ends[1]);
      _exit(Visit(service, ready[1], ends[0]));
    }
    close(ends[0]);
    close(ready[1]);
    go_.reset(ends[1]);
    char byte;
    made_ = read(ready[0], &byte, 1) == 1;
    close(ready[0]);
  }
  ~Visitor() {
    go_.reset();
    waitpid(pid_, nullptr, 0);
  }
  bool made() const { return made_; }

 private:
  static int Visit(pid_t service, int ready, int until) {
    const auto mount = FindCgroupMount();
    const std::string home = CgroupOfProcess(*mount, getpid());
    if (MoveToCgroup(CgroupOfProcess(*mount, service), getpid()) != 0) return 1;
    const UniqueFd made(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (listen(made.get(), 1) != 0 || MoveToCgroup(home, getpid()) != 0) return 1;
    char byte = 'x';
    return write(ready, &byte, 1) == 1 && read(until, &byte, 1) == 0 ? 0 : 1;
  }

  pid_t pid_ = -1;
  UniqueFd go_;
  bool made_ = false;
};

TEST_F(AuditTest, ASocketOfTheServicesCgroupIsNamedWhoeverHoldsIt) {
  const auto service = Start({}, {"hold"});
  ASSERT_TRUE(service->ReadUntil("holding\n"));
  EXPECT_EQ(Audit().status, 0);
  const Visitor visitor(service->pid());
  ASSERT_TRUE(visitor.made());
  const ChildResult result = Audit({"--json"});
  EXPECT_EQ(result.status, 1);
  const Json finding = Json::parse(result.output)["findings"][0];
  EXPECT_EQ(finding["service"], "web");
  EXPECT_EQ(finding["pid"], 0);
  EXPECT_EQ(finding["why"], "listens on every address of the host");
}

TEST_F(AuditTest, ProcessesThatOutliveTheirCompanionAreLookedAtByTheirCgroup) {
  PassIn("0.0.0.0:7777");
  const auto service = Start({}, {absl::StrCat("r=receive ", kChannel), "hold"});
  ASSERT_TRUE(service->ReadUntil("holding\n"));
  KillCompanions(service->pid());
  // The supervisor has seen its end when the service is gone from its list.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kChildTimeoutMs);
  while (!Status()["services"].empty() && std::chrono::steady_clock::now() < deadline) {
  }
  ASSERT_TRUE(Status()["services"].empty());
  const Json finding = Json::parse(Audit({"--json"}).output)["findings"][0];
  EXPECT_EQ(finding["service"], "web");
  EXPECT_EQ(finding["pid"], service->pid());
}

TEST_F(AuditTest, WithoutAnAnswerTheStatusIsTwo) {
  const ChildResult nobody = RunChild({kForcebindProgram, "audit", "--supervisor", "/nowhere.sock"});
  EXPECT_EQ(nobody.status, 2);
  EXPECT_EQ(nobody.output, "");
  EXPECT_THAT(nobody.errors, StartsWith("forcebind: audit: no supervisor answers"));
  EXPECT_EQ(RunChild({kForcebindProgram, "audit", "--supervisor", "none"}).status, 125);
}

class SweepTest : public AuditTest {
 protected:
  void SetUp() override {
    AuditTest::SetUp();
    ASSERT_EQ(supervisor_->Stop(SIGTERM), 0);
    supervisor_ =
        std::make_unique<SupervisorProcess>(network_->bpffs(), absl::StrCat("ula = \"", kUla, "\"\naudit-every = 1\n"));
    ASSERT_EQ(supervisor_->Start(), absl::OkStatus());
  }
};

TEST_F(SweepTest, NobodyHasToAsk) {
  PassIn("0.0.0.0:7777");
  const auto service = Start({}, {absl::StrCat("r=receive ", kChannel), "hold"});
  ASSERT_TRUE(service->ReadUntil("holding\n"));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kChildTimeoutMs);
  Json status;
  do {
    status = Status();
  } while (status["services"][0]["findings"] != 1 && std::chrono::steady_clock::now() < deadline);
  EXPECT_EQ(status["services"][0]["findings"], 1);
  EXPECT_EQ(status["audit"]["found"], 1);
  EXPECT_THAT(supervisor_->StderrText(), HasSubstr("audit: service \"web\": process"));
  const ChildResult shown = RunChild({kForcebindProgram, "status", "--supervisor", supervisor_->socket_path()});
  EXPECT_THAT(shown.output, HasSubstr("web: holds 1 socket elsewhere, see `forcebind audit`\n"));
}

}  // namespace
}  // namespace forcebind
