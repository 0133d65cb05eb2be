// SPDX-License-Identifier: Apache-2.0
// `forcebind run` and the `cgroup` wall: who gets it, who starts without, and what it is for a whole service.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/numbers.h"
#include "build_paths.h"
#include "sys/io_uring.h"
#include "sys/small_file.h"
#include "tests/netns/supervisor_fixture.h"
#include "tests/support/child_process.h"
#include "tests/support/ring.h"

namespace forcebind {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kForcebindProgram[] = FORCEBIND_BIN_DIR "/forcebind";
constexpr char kProbeProgram[] = FORCEBIND_PROBE_DIR "/probe";

// Until the last process, which may be a companion, has left a cgroup.
void AwaitEmpty(const std::string& cgroup) {
  const UniqueFd events(open((cgroup + "/cgroup.events").c_str(), O_RDONLY | O_CLOEXEC));
  char text[256];
  for (;;) {
    const ssize_t size = pread(events.get(), text, sizeof(text), 0);
    ASSERT_GT(size, 0);
    if (std::string(text, static_cast<size_t>(size)).find("populated 0") != std::string::npos) return;
    pollfd changed = {.fd = events.get(), .events = POLLPRI, .revents = 0};
    ASSERT_GT(poll(&changed, 1, kChildTimeoutMs), 0);
  }
}

// Whether a ring of this kernel's binds: Linux 6.11. What it lacks it says before it looks at the descriptor.
bool HasRingBind() {
  io_uring_params parameters = {};
  UniqueFd fd;
  Ring ring;
  const io_uring_sqe bind = {.opcode = kRingBind, .fd = -1};
  if (MakeLimitedRing(1, true, &parameters, &fd) != 0 || MapRing(&ring, fd.get(), &parameters) != 0) abort();
  return RunOnRing(&ring, &bind) == -EBADF;
}

class WallRunTest : public SupervisorTest {
 protected:
  // `forcebind run OPTIONS -- COMMAND` with this supervisor.
  std::vector<std::string> Run(const std::vector<std::string>& options, const std::vector<std::string>& command) const {
    std::vector<std::string> words = {
        kForcebindProgram, "run",        "--supervisor", supervisor_->socket_path(), "--name", "web",
        "--address",       "127.84.3.1", "--address",    "fd77:1f2a:90c1::3:1"};
    words.insert(words.end(), options.begin(), options.end());
    words.push_back("--");
    words.insert(words.end(), command.begin(), command.end());
    return words;
  }
  std::vector<std::string> Probe(const std::vector<std::string>& options, const std::vector<std::string>& calls) const {
    std::vector<std::string> command = {kProbeProgram};
    command.insert(command.end(), calls.begin(), calls.end());
    return Run(options, command);
  }
};

TEST_F(WallRunTest, AServiceIsBehindItByDefaultAndReachesItself) {
  ChildProcess service(Probe(
      {}, {"s=socket inet stream", "bind s 127.0.0.1:8080", "listen s 5", "c=socket inet stream",
           "connect c 127.0.0.1:8080", "getpeername c", "t=socket inet6 stream", "bind t [::]:8081", "getsockname t",
           "u=socket inet6 stream", "bind u [fd77:1f2a:90c1::3:1]:8082", "getsockname u", "listen u 5",
           "v=socket inet6 stream", "connect v [fd77:1f2a:90c1::3:1]:8082", "getsockname v", "hold"}));
  ASSERT_TRUE(service.ReadUntil("holding\n"));
  EXPECT_THAT(service.output(), HasSubstr("connect c 127.0.0.1:8080 -> 0\n"));
  EXPECT_THAT(service.output(), HasSubstr("getpeername c -> 127.84.3.1:8080"));
  EXPECT_THAT(service.output(), HasSubstr("getsockname t -> [::ffff:127.84.3.1]:8081"));
  EXPECT_THAT(service.output(), HasSubstr("getsockname u -> [fd77:1f2a:90c1::3:1]:8082"));
  // docs/security.md says that this is not closed; if it is now, say so there.
  EXPECT_THAT(service.output(), HasSubstr("getsockname v -> ["));
  EXPECT_THAT(service.output(), Not(HasSubstr("getsockname v -> [fd77:1f2a:90c1::3:1]:")));
  EXPECT_THAT(ReadSmallFile(absl::StrCat("/proc/", service.pid(), "/cgroup"), 4096).value_or(""),
              HasSubstr("/forcebind-web-"));
  const Json walls = Status()["services"][0]["walls"];
  EXPECT_EQ(std::count(walls.begin(), walls.end(), "cgroup"), 1) << walls;
  service.CloseInput();
  EXPECT_EQ(service.Wait(), 0);
}

// The companion binds a ULA with a port by number, which is none of those that are allowed.
TEST_F(WallRunTest, PortZeroIsAllowedWhateverElseIs) {
  std::ofstream("/mnt/allow.toml") << "allow = [\"tcp/8080\"]\n";
  for (const char* wall : {"notify", "cgroup"}) {
    ChildProcess service(Probe(
        {"--profile", "/mnt/allow.toml", "--wall", wall, "--wall", "cgroup"},
        {"s=socket inet6 stream", "bind s [::1]:0", "listen s 5", "t=socket inet6 stream", "setsockopt t v6only 1",
         "listen t 5", "u=socket inet6 stream", "bind u [::1]:8081", "bind u [::1]:8080", "listen u 5"}));
    const std::string said = service.ReadAll();
    for (const char* line : {"bind s [::1]:0 -> 0\nlisten s 5 -> 0\n", "listen t 5 -> 0\n",
                             "bind u [::1]:8081 -> -1 EACCES\nbind u [::1]:8080 -> 0\nlisten u 5 -> 0\n"}) {
      EXPECT_THAT(said, HasSubstr(line)) << wall;
    }
  }
}

TEST_F(WallRunTest, TheCompanionStaysOutside) {
  // It asks the kernel what an address is by binding a socket of its own.
  ChildProcess service(Probe({}, {"s=socket inet stream", "bind s 203.0.113.1:80", "t=socket inet stream",
                                  "bind t 192.0.2.7:80", "getsockname t"}));
  EXPECT_THAT(service.ReadAll(), HasSubstr("bind s 203.0.113.1:80 -> -1 EADDRNOTAVAIL\n"));
  EXPECT_THAT(service.output(), HasSubstr("getsockname t -> 127.84.3.1:80"));
  EXPECT_EQ(service.Wait(), 0);
}

TEST_F(WallRunTest, WhoDoesNotWantItIsNotMoved) {
  ChildProcess service(Run({"--wall", "notify"}, {"/bin/cat", "/proc/self/cgroup"}));
  EXPECT_THAT(service.ReadAll(), Not(HasSubstr("forcebind-web")));
  EXPECT_EQ(service.Wait(), 0);
}

TEST_F(WallRunTest, WithoutASupervisorARequiredWallIsNoStart) {
  ChildProcess service(
      {kForcebindProgram, "run", "--supervisor", "none", "--require-wall", "cgroup", "--", "/bin/true"});
  EXPECT_EQ(service.Wait(), 125);
  EXPECT_THAT(service.ErrorText(), HasSubstr("wants the wall \"cgroup\", which takes forcebind-supervisor"));
}

TEST_F(WallRunTest, WhereTheSupervisorCannotARequiredWallIsNoStartAndAnyOtherIs) {
  // Nothing can be made below a cgroup that is full of descendants.
  const std::string limit = network_->OwnCgroup();
  std::filesystem::create_directory(limit);
  ASSERT_EQ(std::system(absl::StrCat("echo 0 > ", limit, "/cgroup.max.descendants").c_str()), 0);
  const auto in_full_cgroup = [&] {
    std::system(absl::StrCat("echo ", getpid(), " > ", limit, "/cgroup.procs").c_str());
  };
  {
    ChildProcess service(Run({"--require-wall", "cgroup"}, {"/bin/true"}), ChildInput::kPipe, in_full_cgroup);
    EXPECT_EQ(service.Wait(), 125);
    EXPECT_THAT(service.ErrorText(), HasSubstr("wants the wall \"cgroup\", which is not to be had: make the cgroup"));
    ChildProcess without(Run({}, {"/bin/true"}), ChildInput::kPipe, in_full_cgroup);
    EXPECT_EQ(without.Wait(), 0) << without.ErrorText();
  }
  AwaitEmpty(limit);
  std::filesystem::remove(limit);
}

// ---- rings of io_uring

TEST_F(WallRunTest, ARingDoesWhatIsNotStopped) {
  ChildProcess service(
      Probe({}, {"r=io_uring", "ring-nop", "ring-socket", "s=socket inet stream", "ring-bind s 0.0.0.0:8080",
                 "ring-listen s", "ring-command s", "getsockname s", "bind s 0.0.0.0:8080", "listen s 5",
                 "c=socket inet stream", "ring-connect c 127.0.0.1:8080", "getpeername c"}));
  const std::string denied = HasRingBind() ? "-1 EACCES" : "-1 EINVAL";
  const std::string& text = service.ReadAll();
  EXPECT_THAT(text, HasSubstr("ring-nop -> 0\n"));
  EXPECT_THAT(text, HasSubstr("ring-socket -> -1 EACCES\n"));
  EXPECT_THAT(text, HasSubstr("ring-bind s 0.0.0.0:8080 -> " + denied));
  EXPECT_THAT(text, HasSubstr("ring-listen s -> " + denied));
  EXPECT_THAT(text, HasSubstr("ring-command s -> -1 EACCES\n"));
  EXPECT_THAT(text, HasSubstr("getsockname s -> 0.0.0.0:0"));
  EXPECT_THAT(text, HasSubstr("listen s 5 -> 0\n"));
  EXPECT_THAT(text, HasSubstr("ring-connect c 127.0.0.1:8080 -> 0\n"));
  EXPECT_THAT(text, HasSubstr("getpeername c -> 127.84.3.1:8080"));
  EXPECT_EQ(service.Wait(), 0);
}

TEST_F(WallRunTest, WhereTheKernelForcesBindsItForcesTheRingsToo) {
  ChildProcess service(
      Probe({"--wall", "cgroup"}, {"r=io_uring", "s=socket inet stream", "ring-bind s 0.0.0.0:8080", "getsockname s",
                                   "ring-listen s", "listen s 5", "u=socket inet6 dgram", "ring-bind u [::]:53",
                                   "getsockname u", "v=socket inet stream", "ring-bind v 192.0.2.77:8081"}));
  const std::string& text = service.ReadAll();
  if (HasRingBind()) {
    EXPECT_THAT(text, HasSubstr("ring-bind s 0.0.0.0:8080 -> 0\n"));
    EXPECT_THAT(text, HasSubstr("getsockname s -> 127.84.3.1:8080"));
    EXPECT_THAT(text, HasSubstr("ring-listen s -> -1 EACCES\n"));
    EXPECT_THAT(text, HasSubstr("getsockname u -> [::ffff:127.84.3.1]:53"));
    EXPECT_THAT(text, HasSubstr("ring-bind v 192.0.2.77:8081 -> -1 EADDRNOTAVAIL\n"));
  } else {
    EXPECT_THAT(text, HasSubstr("ring-bind s 0.0.0.0:8080 -> -1 EINVAL\n"));
  }
  EXPECT_THAT(text, HasSubstr("listen s 5 -> 0\n"));
  EXPECT_EQ(service.Wait(), 0);
}

TEST_F(WallRunTest, ARingIsItsUsers) {
  for (const char* flags : {"0", "0x3000"}) {  // IORING_SETUP_SINGLE_ISSUER, _DEFER_TASKRUN
    ChildProcess service(
        Run({}, {"/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", kProbeProgram,
                 absl::StrCat("r=io_uring ", flags), "ring-nop", "ring-socket", "ring-buffer 0x4000000",
                 "ring-buffer 4096", "s=socket inet stream", "bind s 0.0.0.0:8080", "listen s 5"}),
        ChildInput::kPipe, [] {
          const rlimit one_mb = {1 << 20, 1 << 20};
          setrlimit(RLIMIT_MEMLOCK, &one_mb);
        });
    // Root's ring would have no limit.
    EXPECT_THAT(service.ReadAll(), HasSubstr("ring-nop -> 0\nring-socket -> -1 EACCES\nring-buffer 0x4000000 -> -1 "
                                             "ENOMEM\nring-buffer 4096 -> 0\n"))
        << service.ErrorText();
    EXPECT_THAT(service.output(), HasSubstr("listen s 5 -> 0\n"));
    EXPECT_EQ(service.Wait(), 0) << service.ErrorText();
  }
}

TEST_F(WallRunTest, RingsThatCannotBeLimitedAreNotMade) {
  ChildProcess flags(Probe({}, {"io_uring 0x2", "io_uring 0x20", "io_uring 0x80000000"}));  // SQPOLL, ATTACH_WQ
  EXPECT_THAT(flags.ReadAll(), HasSubstr("io_uring 0x2 -> -1 EINVAL\nio_uring 0x20 -> -1 EINVAL\n"));
  EXPECT_THAT(flags.output(), HasSubstr("io_uring 0x80000000 -> -1 EINVAL\n"));
  ChildProcess without(Probe({"--wall", "notify"}, {"io_uring"}));
  EXPECT_THAT(without.ReadAll(), HasSubstr("io_uring -> -1 ENOSYS\n"));
  ChildProcess other_abi(Run({}, {std::string(kProbeProgram) + "_32", "io_uring"}));
  EXPECT_THAT(other_abi.ReadAll(), HasSubstr("io_uring -> -1 ENOSYS\n"));
}

// ---- the cgroup wall alone

TEST_F(WallRunTest, AloneItForcesWhatTheServiceBindsByItself) {
  ChildProcess service(
      Probe({"--wall", "cgroup"},
            {"s=socket inet stream", "bind s 0.0.0.0:8080", "getsockname s", "listen s 5", "u=socket inet dgram",
             "bind u 0.0.0.0:53", "getsockname u", "v=socket inet6 stream", "bind v [::1]:8080", "getsockname v",
             "w=socket inet stream", "listen w 5", "getsockname w", "x=socket.socketcall inet dgram", "hold"}));
  ASSERT_TRUE(service.ReadUntil("holding\n"));
  EXPECT_THAT(service.output(), HasSubstr("getsockname s -> 127.84.3.1:8080"));
  EXPECT_THAT(service.output(), HasSubstr("listen s 5 -> 0"));
  EXPECT_THAT(service.output(), HasSubstr("getsockname u -> 127.84.3.1:53"));
  EXPECT_THAT(service.output(), HasSubstr("getsockname v -> [fd77:1f2a:90c1::3:1]:8080"));
  EXPECT_THAT(service.output(), HasSubstr("getsockname w -> 127.84.3.1:"));
  EXPECT_THAT(service.output(), HasSubstr("x=socket.socketcall inet dgram -> -1 EAFNOSUPPORT"));
  EXPECT_EQ(Status()["services"][0]["walls"], Json::array({"cgroup"}));
  service.CloseInput();
  EXPECT_EQ(service.Wait(), 0);
}

TEST_F(WallRunTest, AloneItHoldsWithoutTheCompanion) {
  ChildProcess service(
      Probe({"--wall", "cgroup"}, {"hold", "s=socket inet stream", "bind s 0.0.0.0:8080", "getsockname s", "listen s 5",
                                   "u=socket inet dgram", "bind u 0.0.0.0:53", "getsockname u"}));
  ASSERT_TRUE(service.ReadUntil("holding\n"));
  KillCompanions(service.pid());
  service.CloseInput();
  EXPECT_THAT(service.ReadAll(), HasSubstr("getsockname s -> 127.84.3.1:8080"));
  EXPECT_THAT(service.output(), HasSubstr("listen s 5 -> -1 ENOSYS"));
  EXPECT_THAT(service.output(), HasSubstr("getsockname u -> 127.84.3.1:53"));
}

TEST_F(WallRunTest, AloneItPublishesTcp) {
  ChildProcess service(Probe({"--wall", "cgroup", "--publish", "tcp/80"},
                             {"s=socket inet stream", "bind s 0.0.0.0:80", "listen s 5", "hold"}));
  ASSERT_TRUE(service.ReadUntil("holding\n"));
  EXPECT_EQ(FromClient("192.0.2.7:80"), 0);
  service.CloseInput();
  EXPECT_EQ(service.Wait(), 0);
}

TEST_F(WallRunTest, AloneItCannotPublishUdp) {
  ChildProcess service(Run({"--wall", "cgroup", "--publish", "udp/53"}, {"/bin/true"}));
  EXPECT_EQ(service.Wait(), 125);
  EXPECT_THAT(service.ErrorText(), HasSubstr("publishes udp/53, which needs the wall \"notify\""));
}

}  // namespace
}  // namespace forcebind
