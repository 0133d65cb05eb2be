// SPDX-License-Identifier: Apache-2.0
// The `connect` list of a profile, behind the `cgroup` wall: which other services a process can reach.
#include <errno.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>

#include <fstream>

#include "build_paths.h"
#include "sys/errno_status.h"
#include "tests/netns/wall_fixture.h"
#include "tests/support/child_process.h"

namespace forcebind {
namespace {

using ::testing::HasSubstr;

constexpr char kForcebindProgram[] = FORCEBIND_BIN_DIR "/forcebind";
constexpr char kProbeProgram[] = FORCEBIND_PROBE_DIR "/probe";

// Another service, and its private addresses.
constexpr char kGitea4[] = "127.84.9.9", kGitea6[] = "fd77:1f2a:90c1::9:9";
constexpr char kStranger4[] = "127.84.9.10";

wire::Hello Gitea(const std::string& v4 = kGitea4) {
  wire::Hello hello = HelloOf("gitea");
  hello.addresses = {*IpAddress::Parse(v4), *IpAddress::Parse(kGitea6)};
  return hello;
}

WallRules To(const std::vector<std::string>& targets) {
  WallRules rules;
  rules.connect.emplace();
  for (const std::string& target : targets) rules.connect->push_back(*ConnectTarget::Parse(target));
  return rules;
}

std::string At(const char* address, int port) { return absl::StrCat(address, ":", port); }
std::string Mapped(const char* address, int port) { return absl::StrCat("[::ffff:", address, "]:", port); }

// One unconnected datagram.
std::string SendOutcome(int domain, const std::string& to) {
  return ErrnoName(SendTo(Open(domain, SOCK_DGRAM).get(), to));
}

std::string DialOutcome(int domain, int type, const std::string& to) {
  return ErrnoName(Dial(Open(domain, type).get(), to));
}

// A listener of TCP or a receiver of UDP on an address that no interface has.
UniqueFd UlaSocket(const std::string& at, int type) {
  UniqueFd fd = Open(AF_INET6, type);
  const int on = 1;
  setsockopt(fd.get(), IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on));
  EXPECT_EQ(Bind(fd.get(), at), 0) << at;
  if (type == SOCK_STREAM) listen(fd.get(), 16);
  return fd;
}

class WallConnectTest : public CgroupWallTest {
 protected:
  void SetUp() override {
    CgroupWallTest::SetUp();
    gitea_ = std::make_unique<TestClient>(supervisor_->socket_path());
    ASSERT_TRUE(gitea_->Hello(Gitea()).has_value());
  }
  // Behind one wall for all of the outcomes.
  void ExpectDial(const WallRules& rules, const std::string& to, const std::string& expected) {
    const int domain = DomainOf(E(to));
    ExpectEnclosed(
        rules, [&] { return DialOutcome(domain, SOCK_STREAM, to); }, expected);
  }
  std::unique_ptr<TestClient> gitea_;
};

const std::string kSuccess = ErrnoName(0);

TEST_F(WallConnectTest, WithoutAListEveryServiceIsReached) {
  const UniqueFd gitea = HostSocket(At(kGitea4, 3000), SOCK_STREAM),
                 other = HostSocket(At(kStranger4, 80), SOCK_STREAM);
  ExpectDial({}, At(kGitea4, 3000), kSuccess);
  ExpectDial({}, At(kStranger4, 80), kSuccess);
}

TEST_F(WallConnectTest, ANameIsEveryPortOfThatServiceAndOfNoOther) {
  const UniqueFd gitea = HostSocket(At(kGitea4, 3000), SOCK_STREAM),
                 other = HostSocket(At(kStranger4, 80), SOCK_STREAM);
  const UniqueFd gitea6 = UlaSocket(absl::StrCat("[", kGitea6, "]:3000"), SOCK_STREAM);
  const UniqueFd datagrams = HostSocket(At(kGitea4, 53), SOCK_DGRAM);
  const WallRules rules = To({"gitea"});
  ExpectDial(rules, At(kGitea4, 3000), kSuccess);
  ExpectDial(rules, Mapped(kGitea4, 3000), kSuccess);
  ExpectDial(rules, absl::StrCat("[", kGitea6, "]:3000"), kSuccess);
  ExpectDial(rules, At(kStranger4, 80), "ECONNREFUSED");
  ExpectDial(rules, Mapped(kStranger4, 80), "ECONNREFUSED");
  ExpectEnclosed(
      rules, [] { return SendOutcome(AF_INET, At(kGitea4, 53)); }, kSuccess);
}

TEST_F(WallConnectTest, PortsAreOfOneProtocol) {
  const UniqueFd first = HostSocket(At(kGitea4, 3000), SOCK_STREAM), last = HostSocket(At(kGitea4, 3002), SOCK_STREAM);
  const UniqueFd beyond = HostSocket(At(kGitea4, 3003), SOCK_STREAM), udp = HostSocket(At(kGitea4, 3000), SOCK_DGRAM);
  const WallRules rules = To({"postgres", "gitea:tcp/3000-3002", "gitea:udp/53"});
  ExpectDial(rules, At(kGitea4, 3000), kSuccess);
  ExpectDial(rules, At(kGitea4, 3002), kSuccess);
  ExpectDial(rules, At(kGitea4, 3003), "ECONNREFUSED");
  ExpectEnclosed(
      rules, [] { return SendOutcome(AF_INET, At(kGitea4, 3000)); }, "ECONNREFUSED");
  ExpectEnclosed(
      rules, [] { return DialOutcome(AF_INET, SOCK_DGRAM, At(kGitea4, 3000)); }, "ECONNREFUSED");
  ExpectEnclosed(
      rules, [] { return SendOutcome(AF_INET, At(kGitea4, 53)); }, kSuccess);
}

TEST_F(WallConnectTest, AnEmptyListIsClosedForEveryWayOfSending) {
  const UniqueFd gitea = HostSocket(At(kGitea4, 3000), SOCK_STREAM);
  const UniqueFd gitea6 = UlaSocket(absl::StrCat("[", kGitea6, "]:3000"), SOCK_STREAM);
  const WallRules rules = To({});
  for (const std::string& to : {At(kGitea4, 3000), Mapped(kGitea4, 3000), absl::StrCat("[", kGitea6, "]:3000")}) {
    ExpectDial(rules, to, "ECONNREFUSED");
    for (const int domain : {DomainOf(E(to)), AF_INET6}) {
      ExpectEnclosed(
          rules, [&] { return SendOutcome(domain, to); }, "ECONNREFUSED");
      ExpectEnclosed(
          rules, [&] { return DialOutcome(domain, SOCK_DGRAM, to); }, "ECONNREFUSED");
    }
  }
  ExpectEnclosed(
      rules,
      [] {
        const UniqueFd fd = Open(AF_INET, SOCK_STREAM);
        const Name name = NameOf(At(kGitea4, 3000));
        return ErrnoName(sendto(fd.get(), "x", 1, MSG_FASTOPEN, name.get(), name.size) >= 0 ? 0 : errno);
      },
      "ECONNREFUSED");
  ExpectEnclosed(
      rules, [] { return ConnectOutcome(AF_INET, At(kGitea4, 3000), IPPROTO_MPTCP); }, "ECONNREFUSED");
}

// The kernel asks no program about its connect().
TEST_F(WallConnectTest, UdpLiteIsNoWayAround) {
  const auto dial = [] {
    const UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDPLITE));
    return ErrnoName(fd.valid() ? Dial(fd.get(), At(kStranger4, 53)) : errno);
  };
  ExpectEnclosed(To({"gitea"}), dial, "EPROTONOSUPPORT");
  ExpectEnclosed({}, dial, kSuccess);
}

TEST_F(WallConnectTest, TheServiceItselfTheHostsLoopbackAndTheOutsideAreNotItsConcern) {
  const UniqueFd hosts = HostSocket("127.0.0.1:5432", SOCK_STREAM), resolver = HostSocket("127.0.0.53:53", SOCK_STREAM);
  const UniqueFd server = network_->OnClient([] { return HostSocket("192.0.2.100:80", SOCK_STREAM); });
  const WallRules rules = To({});
  for (const char* to : {"127.0.0.1:5432", "127.0.0.53:53", "192.0.2.100:80"}) ExpectDial(rules, to, kSuccess);
  for (const char* to : {"127.0.0.1:8080", "127.84.3.1:8080"}) {
    ExpectEnclosed(
        rules,
        [&] {
          const UniqueFd listener = Open(AF_INET, SOCK_STREAM);
          if (Bind(listener.get(), "0.0.0.0:8080") != 0 || listen(listener.get(), 1) != 0) return std::string("none");
          return ConnectOutcome(AF_INET, to);
        },
        "127.84.3.1:8080 from 127.84.3.1");
  }
}

// ---- names get addresses

TEST_F(WallConnectTest, AServiceThatComesLaterIsReachedOnTheAddressThatItGets) {
  constexpr char kLater[] = "127.84.9.11";
  const UniqueFd listener = HostSocket(At(kLater, 80), SOCK_STREAM);
  TestClient client = Connect(), later = Connect();
  ASSERT_TRUE(client.Hello(ServiceHello()).has_value());
  Waiting early([&] { return Dial(Open(AF_INET, SOCK_STREAM).get(), At(kLater, 80)); });
  std::string why;
  ASSERT_EQ(Enclose(&client, To({"later"}), early.pidfd(), &why), 0) << why;
  wire::Hello hello = HelloOf("later");
  hello.addresses.v4 = *IpAddress::Parse(kLater);
  ASSERT_TRUE(later.Hello(hello).has_value());
  early.Go();
  EXPECT_EQ(early.Wait(), 0);
}

TEST_F(WallConnectTest, AnAddressThatANameHasLostIsClosed) {
  constexpr char kOld[] = "127.84.9.11", kNew[] = "127.84.9.12";
  const UniqueFd listener = HostSocket(At(kOld, 80), SOCK_STREAM);
  TestClient client = Connect();
  ASSERT_TRUE(client.Hello(ServiceHello()).has_value());
  // Forked before the other service has a connection, which it would hold open.
  Waiting process([&] { return Dial(Open(AF_INET, SOCK_STREAM).get(), At(kOld, 80)); });
  const auto run_on = [&](const char* address, const std::function<void()>& meanwhile) {
    TestClient other = Connect();
    wire::Hello hello = HelloOf("moving");
    hello.addresses.v4 = *IpAddress::Parse(address);
    ASSERT_TRUE(other.Hello(hello).has_value()) << address;
    meanwhile();
    other = TestClient("/nowhere");
    Status();  // until the supervisor has heard of it
  };
  run_on(kOld, [&] {
    std::string why;
    EXPECT_EQ(Enclose(&client, To({"moving"}), process.pidfd(), &why), 0) << why;
  });
  run_on(kNew, [] {});
  process.Go();
  EXPECT_EQ(process.Wait(), ECONNREFUSED);
}

TEST_F(WallConnectTest, ASupervisorThatIsStartedAgainGoesOnGivingAddresses) {
  constexpr char kLater[] = "127.84.9.11";
  const UniqueFd listener = HostSocket(At(kLater, 80), SOCK_STREAM), old = HostSocket(At(kGitea4, 3000), SOCK_STREAM);
  TestClient client = Connect();
  ASSERT_TRUE(client.Hello(ServiceHello()).has_value());
  Waiting process([&] {
    const int error = Dial(Open(AF_INET, SOCK_STREAM).get(), At(kGitea4, 3000));
    return error != 0 ? error : Dial(Open(AF_INET, SOCK_STREAM).get(), At(kLater, 80));
  });
  std::string why;
  ASSERT_EQ(Enclose(&client, To({"later", "gitea"}), process.pidfd(), &why), 0) << why;
  supervisor_->Stop(SIGKILL);
  ASSERT_EQ(supervisor_->Start(), absl::OkStatus());
  TestClient later = Connect();
  wire::Hello hello = HelloOf("later");
  hello.addresses.v4 = *IpAddress::Parse(kLater);
  ASSERT_TRUE(later.Hello(hello).has_value());
  process.Go();
  EXPECT_EQ(process.Wait(), 0) << supervisor_->StderrText();
}

// ---- with forcebind run

class WallConnectRunTest : public SupervisorTest {
 protected:
  std::vector<std::string> Run(const std::string& wall, const std::vector<std::string>& calls) {
    const std::string profile = supervisor_->state_dir() + "/web.toml";
    std::ofstream(profile) << "name = \"web\"\nconnect = [\"gitea:tcp/3000\"]\n";
    std::vector<std::string> words = {kForcebindProgram, "run",   "--supervisor", supervisor_->socket_path(),
                                      "--profile",       profile, "--wall",       "notify",
                                      "--wall",          wall,    "--",           kProbeProgram};
    words.insert(words.end(), calls.begin(), calls.end());
    return words;
  }
  std::string StatusText() {
    ChildProcess status({kForcebindProgram, "status", "--supervisor", supervisor_->socket_path()});
    return status.ReadAll();
  }
};

TEST_F(WallConnectRunTest, AListIsEnforcedByTheCgroupWallAndStatusSaysSo) {
  const UniqueFd gitea = HostSocket(At(kGitea4, 3000), SOCK_STREAM),
                 other = HostSocket(At(kStranger4, 80), SOCK_STREAM);
  TestClient client = Connect();
  ASSERT_TRUE(client.Hello(Gitea()).has_value());
  ChildProcess service(Run("cgroup", {"a=socket inet stream", "connect a " + At(kGitea4, 3000), "b=socket inet stream",
                                      "connect b " + At(kStranger4, 80), "hold"}));
  ASSERT_TRUE(service.ReadUntil("holding\n")) << service.ErrorText();
  EXPECT_THAT(service.output(), HasSubstr("connect a 127.84.9.9:3000 -> 0\n"));
  EXPECT_THAT(service.output(), HasSubstr("connect b 127.84.9.10:80 -> -1 ECONNREFUSED\n"));
  EXPECT_THAT(StatusText(), HasSubstr("\nweb: its connect list is enforced by the cgroup wall\n"));
  service.CloseInput();
  EXPECT_EQ(service.Wait(), 0);
}

TEST_F(WallConnectRunTest, WithoutThatWallItIsNotAndRunAndStatusSaySo) {
  const UniqueFd other = HostSocket(At(kStranger4, 80), SOCK_STREAM);
  ChildProcess service(Run("notify", {"b=socket inet stream", "connect b " + At(kStranger4, 80), "hold"}));
  ASSERT_TRUE(service.ReadUntil("holding\n")) << service.ErrorText();
  EXPECT_THAT(service.output(), HasSubstr("connect b 127.84.9.10:80 -> 0\n"));
  EXPECT_THAT(StatusText(), HasSubstr("\nweb: its connect list is not enforced, since it has no cgroup wall\n"));
  service.CloseInput();
  EXPECT_EQ(service.Wait(), 0);
  EXPECT_THAT(service.ErrorText(), HasSubstr("`connect` has no effect without the wall \"cgroup\""));
}

}  // namespace
}  // namespace forcebind
