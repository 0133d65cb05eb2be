// SPDX-License-Identifier: Apache-2.0
// The `cgroup` wall: what a process behind it can bind, reach and make by itself, without a companion, seccomp or
// forcebind run.
#include <errno.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <functional>

#include "sys/cgroup.h"
#include "sys/errno_status.h"
#include "sys/netns.h"
#include "sys/unix_channel.h"
#include "tests/netns/wall_fixture.h"
#include "tests/support/sanitized.h"

namespace forcebind {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// ---- bind

TEST_F(CgroupWallTest, TheWildcardAndLoopbackBecomeThePrivateAddress) {
  for (const char* requested : {"0.0.0.0:8080", "127.0.0.1:8080", "127.9.9.9:8080", "127.84.3.1:8080"}) {
    for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
      ExpectEnclosed(
          {}, [&] { return BindOutcome(AF_INET, type, requested); }, "127.84.3.1:8080");
    }
  }
}

TEST_F(CgroupWallTest, ADualStackWildcardBecomesTheMappedAddress) {
  for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
    for (const char* requested : {"[::]:8080", "[::ffff:0.0.0.0]:8080", "[::ffff:127.0.0.1]:8080"}) {
      ExpectEnclosed(
          {}, [&] { return BindOutcome(AF_INET6, type, requested); }, "[::ffff:127.84.3.1]:8080");
    }
  }
}

TEST_F(CgroupWallTest, AnIpv6OnlyWildcardAndItsLoopbackBecomeTheUla) {
  const std::string ula = absl::StrCat("[", kV6, "]:8080");
  for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
    ExpectEnclosed(
        {}, [&] { return BindOutcome(AF_INET6, type, "[::]:8080", /*v6only=*/true); }, ula);
    ExpectEnclosed(
        {}, [&] { return BindOutcome(AF_INET6, type, "[::1]:8080"); }, ula);
    ExpectEnclosed(
        {}, [&] { return BindOutcome(AF_INET6, type, ula); }, ula);
  }
}

TEST_F(CgroupWallTest, OtherAddressesAreNotToBeHad) {
  for (const char* requested : {"192.0.2.7:80", "203.0.113.1:80", "224.0.0.251:5353"}) {
    ExpectEnclosed(
        {}, [&] { return BindOutcome(AF_INET, SOCK_DGRAM, requested); }, "EADDRNOTAVAIL");
  }
  for (const char* requested : {"[2001:db8::7]:80", "[ff05::1]:5353", "[::ffff:192.0.2.7]:80"}) {
    ExpectEnclosed(
        {}, [&] { return BindOutcome(AF_INET6, SOCK_DGRAM, requested); }, "EADDRNOTAVAIL");
  }
}

TEST_F(CgroupWallTest, AUdpClientStaysOnTheWildcardUnlessEgressIsOff) {
  const auto address_of = [](int domain, const char* requested) {
    const std::string name = BindOutcome(domain, SOCK_DGRAM, requested);
    return name.substr(0, name.rfind(':'));
  };
  ExpectEnclosed(
      {}, [&] { return address_of(AF_INET, "0.0.0.0:0"); }, "0.0.0.0");
  ExpectEnclosed(
      {}, [&] { return address_of(AF_INET6, "[::]:0"); }, "[::]");
  ExpectEnclosed(
      {.egress = false}, [&] { return address_of(AF_INET, "0.0.0.0:0"); }, "127.84.3.1");
  ExpectEnclosed(
      {.egress = false}, [&] { return address_of(AF_INET6, "[::]:0"); }, "[::ffff:127.84.3.1]");
}

TEST_F(CgroupWallTest, GroupAddressesAreForTheProfileToAllow) {
  ExpectEnclosed(
      {.multicast = true}, [] { return BindOutcome(AF_INET, SOCK_DGRAM, "224.0.0.251:5353"); }, "224.0.0.251:5353");
  ExpectEnclosed(
      {.multicast = true}, [] { return BindOutcome(AF_INET6, SOCK_DGRAM, "[ff05::1]:5353"); }, "[ff05::1]:5353");
}

TEST_F(CgroupWallTest, PortsOutsideTheProfileAreRefused) {
  WallRules rules;
  rules.ports.emplace();
  for (uint16_t i = 0; i < 255; ++i)
    rules.ports->push_back(
        {Protocol::kTcp, static_cast<uint16_t>(1000 + 10 * i), static_cast<uint16_t>(1003 + 10 * i)});
  rules.ports->push_back({Protocol::kUdp, 53, 53});
  const auto tcp = [](int port) {
    return [port] { return BindOutcome(AF_INET, SOCK_STREAM, absl::StrCat("0.0.0.0:", port)); };
  };
  for (const int port : {1000, 1003, 2001, 3540, 3543}) {
    ExpectEnclosed(rules, tcp(port), absl::StrCat("127.84.3.1:", port));
  }
  for (const int port : {53, 999, 1004, 1009, 2004, 3544, 65535}) ExpectEnclosed(rules, tcp(port), "EACCES");
  ExpectEnclosed(
      rules, [] { return BindOutcome(AF_INET, SOCK_DGRAM, "0.0.0.0:53"); }, "127.84.3.1:53");
  ExpectEnclosed(
      rules, [] { return BindOutcome(AF_INET6, SOCK_DGRAM, "[::]:1000"); }, "EACCES");
}

TEST_F(CgroupWallTest, AnyPortOfTheKernelsChoiceIsAllowed) {
  ExpectEnclosed(
      {.ports = std::vector<PortRange>()},
      [] {
        const std::string name = BindOutcome(AF_INET, SOCK_STREAM, "0.0.0.0:0");
        return name.substr(0, name.rfind(':'));
      },
      "127.84.3.1");
}

TEST_F(CgroupWallTest, MptcpBindsLikeTcp) {
  ExpectEnclosed(
      {},
      [] {
        const UniqueFd fd = Open(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
        const int error = Bind(fd.get(), "0.0.0.0:8080");
        return error == 0 ? LocalName(fd.get()) : ErrnoName(error);
      },
      "127.84.3.1:8080");
}

// The kernel takes AF_UNSPEC with INADDR_ANY for AF_INET, and no other address.
TEST_F(CgroupWallTest, AnUnspecifiedFamilyIsNoWayToTheWildcard) {
  ExpectEnclosed(
      {},
      [] {
        const UniqueFd fd = Open(AF_INET, SOCK_STREAM);
        Name name = NameOf("0.0.0.0:8080");
        name.storage.ss_family = AF_UNSPEC;
        return ErrnoName(bind(fd.get(), name.get(), name.size) == 0 ? 0 : errno);
      },
      "EAFNOSUPPORT");
}

TEST_F(CgroupWallTest, ASocketOfAnotherNetworkNamespaceGetsNoAddress) {
  ExpectEnclosed(
      {}, [] { return unshare(CLONE_NEWNET) == 0 ? BindOutcome(AF_INET, SOCK_STREAM, "0.0.0.0:80") : ""; },
      "EADDRNOTAVAIL");
}

TEST_F(CgroupWallTest, ChildrenAndNestedCgroupsAreBehindIt) {
  const std::string nested = "/nested";
  ExpectEnclosed(
      {},
      [&] {
        const CgroupMount mount{network_->cgroup_root(), "/"};
        const std::string place = CgroupOfProcess(mount, getpid()) + nested;
        if (MakeCgroup(place) != 0 || MoveToCgroup(place, getpid()) != 0) return std::string("no cgroup");
        return BindOutcome(AF_INET, SOCK_STREAM, "0.0.0.0:8080");
      },
      "127.84.3.1:8080");
  EXPECT_EQ(Enclosed({},
                     [] {
                       return InChild(
                           [] { return BindOutcome(AF_INET, SOCK_STREAM, "0.0.0.0:80") == "127.84.3.1:80" ? 0 : 1; });
                     }),
            0);
}

// As the companion does it, which stays outside.
TEST_F(CgroupWallTest, WhoeverBindsASocketOfTheServiceIsForced) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
  const UniqueFd here(ends[0]), there(ends[1]);
  EXPECT_EQ(Enclosed({},
                     [&] {
                       const uint8_t byte = 0;
                       return SendPacket(there.get(), {&byte, 1}, Open(AF_INET, SOCK_STREAM).get());
                     }),
            0);
  Packet packet;
  ASSERT_EQ(ReceivePacket(here.get(), 1, &packet), 0);
  EXPECT_EQ(Bind(packet.fd.get(), "0.0.0.0:8080"), 0);
  EXPECT_EQ(LocalName(packet.fd.get()), "127.84.3.1:8080");
  EXPECT_EQ(BindOutcome(AF_INET, SOCK_STREAM, "127.84.3.2:8080"), "127.84.3.2:8080");
}

// ---- loopback and sources

// The same with a listener of the service's own, on what it asked for.
std::string ConnectToOwn(int domain, const std::string& listen_on, const std::string& to) {
  const UniqueFd listener = Open(domain, SOCK_STREAM);
  if (Bind(listener.get(), listen_on) != 0 || listen(listener.get(), 1) != 0) return "no listener";
  return ConnectOutcome(domain, to);
}

TEST_F(CgroupWallTest, AServiceReachesItselfOnLoopback) {
  const UniqueFd hosts = HostSocket("127.0.0.1:8080", SOCK_STREAM);
  for (const char* to : {"127.0.0.1:8080", "0.0.0.0:8080"}) {
    ExpectEnclosed(
        {}, [&] { return ConnectToOwn(AF_INET, "127.0.0.1:8080", to); }, "127.84.3.1:8080 from 127.84.3.1");
  }
  ExpectEnclosed(
      {}, [] { return ConnectToOwn(AF_INET6, "[::]:8080", "[::ffff:127.0.0.1]:8080"); },
      "[::ffff:127.84.3.1]:8080 from [::ffff:127.84.3.1]");
  for (const char* to : {"[::1]:8080", "[::]:8080"}) {
    ExpectEnclosed(
        {}, [&] { return ConnectToOwn(AF_INET6, "[::1]:8080", to); },
        absl::StrCat("[", kV6, "]:8080 from [", kV6, "]"));
  }
}

TEST_F(CgroupWallTest, WithoutAListenerOfItsOwnItReachesTheHosts) {
  const UniqueFd hosts = HostSocket("127.0.0.1:5432", SOCK_STREAM), hosts6 = HostSocket("[::1]:5432", SOCK_STREAM);
  const UniqueFd wildcard = HostSocket("0.0.0.0:5433", SOCK_STREAM);
  ExpectEnclosed(
      {}, [] { return ConnectOutcome(AF_INET, "127.0.0.1:5432"); }, "127.0.0.1:5432 from 127.0.0.1");
  ExpectEnclosed(
      {}, [] { return ConnectOutcome(AF_INET, "127.0.0.1:5433"); }, "127.0.0.1:5433 from 127.0.0.1");
  ExpectEnclosed(
      {}, [] { return ConnectOutcome(AF_INET6, "[::1]:5432"); }, "[::1]:5432 from [::1]");
  ExpectEnclosed(
      {}, [] { return ConnectOutcome(AF_INET, "127.0.0.1:5434"); }, "ECONNREFUSED");
}

TEST_F(CgroupWallTest, TheProfileSaysWhoseLoopbackIs) {
  const UniqueFd hosts = HostSocket("127.0.0.1:8080", SOCK_STREAM);
  const auto own = [] { return ConnectToOwn(AF_INET, "127.0.0.1:8080", "127.0.0.1:8080"); };
  const auto nobody = [] { return ConnectOutcome(AF_INET, "127.0.0.1:8080"); };
  ExpectEnclosed({.loopback = Loopback::kOwn}, own, "127.84.3.1:8080 from 127.84.3.1");
  ExpectEnclosed({.loopback = Loopback::kOwn}, nobody, "ECONNREFUSED");
  ExpectEnclosed({.loopback = Loopback::kHost}, own, "127.0.0.1:8080 from 127.0.0.1");
  const WallRules excepted{.loopback = Loopback::kOwn,
                           .host_loopback = {{Protocol::kTcp, 8000, 8080}, {Protocol::kUdp, 8080, 8080}}};
  ExpectEnclosed(excepted, own, "127.0.0.1:8080 from 127.0.0.1");
  const WallRules of_udp{.loopback = Loopback::kOwn, .host_loopback = {{Protocol::kUdp, 8080, 8080}}};
  ExpectEnclosed(of_udp, nobody, "ECONNREFUSED");
}

TEST_F(CgroupWallTest, AnotherLoopbackAddressIsSomebodysInParticular) {
  const UniqueFd resolver = HostSocket("127.0.0.53:53", SOCK_STREAM);
  ExpectEnclosed(
      {.loopback = Loopback::kOwn}, [] { return ConnectOutcome(AF_INET, "127.0.0.53:53"); },
      "127.0.0.53:53 from 127.0.0.1");
}

TEST_F(CgroupWallTest, AnotherServiceSeesWhoCalls) {
  const UniqueFd other = HostSocket("127.84.9.9:3000", SOCK_STREAM);
  ExpectEnclosed(
      {}, [] { return ConnectOutcome(AF_INET, "127.84.9.9:3000"); }, "127.84.9.9:3000 from 127.84.3.1");
  ExpectEnclosed(
      {}, [] { return ConnectOutcome(AF_INET6, "[::ffff:127.84.9.9]:3000"); },
      "[::ffff:127.84.9.9]:3000 from [::ffff:127.84.3.1]");
}

TEST_F(CgroupWallTest, ThePublicIsReachedFromAPublicAddress) {
  const UniqueFd server = network_->OnClient([] { return HostSocket("192.0.2.100:80", SOCK_STREAM); });
  ExpectEnclosed(
      {}, [] { return ConnectOutcome(AF_INET, "192.0.2.100:80"); }, "192.0.2.100:80 from 192.0.2.7");
}

// A datagram of the service to itself.
std::string SendToOwn(int domain, const std::string& bind_to, const std::string& to, bool connected) {
  const UniqueFd receiver = Open(domain, SOCK_DGRAM), sender = Open(domain, SOCK_DGRAM);
  if (Bind(receiver.get(), bind_to) != 0) return "no receiver";
  int error = connected ? Dial(sender.get(), to) : SendTo(sender.get(), to);
  if (connected && error == 0) error = send(sender.get(), "x", 1, 0) == 1 ? 0 : errno;
  return error == 0 ? SenderSeenBy(receiver.get()) : ErrnoName(error);
}

TEST_F(CgroupWallTest, DatagramsReachTheServiceItselfOnLoopback) {
  for (const bool connected : {false, true}) {
    ExpectEnclosed(
        {}, [&] { return SendToOwn(AF_INET, "127.0.0.1:5300", "127.0.0.1:5300", connected); }, "from 127.84.3.1");
    ExpectEnclosed(
        {}, [&] { return SendToOwn(AF_INET6, "[::1]:5300", "[::1]:5300", connected); },
        absl::StrCat("from [", kV6, "]"));
    ExpectEnclosed(
        {}, [&] { return SendToOwn(AF_INET6, "[::]:5300", "[::ffff:127.0.0.1]:5300", connected); },
        "from [::ffff:127.84.3.1]");
  }
}

// Whose sockets no program can look up.
TEST_F(CgroupWallTest, UdpLiteReachesTheServiceItself) {
  ExpectEnclosed(
      {},
      [] {
        const UniqueFd receiver(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDPLITE));
        const UniqueFd sender(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDPLITE));
        const timeval limit = {.tv_sec = 10, .tv_usec = 0};
        setsockopt(receiver.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        char text[8];
        if (Bind(receiver.get(), "127.0.0.1:5300") != 0 || SendTo(sender.get(), "127.0.0.1:5300") != 0)
          return "not sent";
        return recv(receiver.get(), text, sizeof(text), 0) > 0 ? "received" : "lost";
      },
      "received");
}

TEST_F(CgroupWallTest, DatagramsReachTheHostsLoopbackOtherwise) {
  const UniqueFd hosts = HostSocket("127.0.0.1:5300", SOCK_DGRAM), hosts6 = HostSocket("[::1]:5300", SOCK_DGRAM);
  EXPECT_EQ(Enclosed({}, [] { return SendTo(Open(AF_INET, SOCK_DGRAM).get(), "127.0.0.1:5300"); }), 0);
  EXPECT_EQ(SenderSeenBy(hosts.get()), "from 127.0.0.1");
  EXPECT_EQ(Enclosed({}, [] { return SendTo(Open(AF_INET6, SOCK_DGRAM).get(), "[::1]:5300"); }), 0);
  EXPECT_EQ(SenderSeenBy(hosts6.get()), "from [::1]");
}

TEST_F(CgroupWallTest, WithoutEgressNoDatagramLeavesFromAnotherAddress) {
  const auto send_out = [] { return ErrnoName(SendTo(Open(AF_INET, SOCK_DGRAM).get(), "192.0.2.100:53")); };
  const auto connect_out = [] { return ErrnoName(Dial(Open(AF_INET, SOCK_DGRAM).get(), "192.0.2.100:53")); };
  ExpectEnclosed({}, send_out, ErrnoName(0));
  ExpectEnclosed({}, connect_out, ErrnoName(0));
  ExpectEnclosed({.egress = false}, send_out, "EINVAL");
  ExpectEnclosed({.egress = false}, connect_out, "EINVAL");
}

// ---- which sockets, which options

std::string SocketOutcome(int domain, int type, int protocol) {
  const UniqueFd fd(socket(domain, type | SOCK_CLOEXEC, protocol));
  return fd.valid() ? "made" : ErrnoName(errno);
}

TEST_F(CgroupWallTest, OnlySocketsThatItCanForceAreMade) {
  ExpectEnclosed(
      {}, [] { return SocketOutcome(AF_INET, SOCK_RAW, IPPROTO_ICMP); }, "EPERM");
  ExpectEnclosed(
      {.raw = true}, [] { return SocketOutcome(AF_INET, SOCK_RAW, IPPROTO_ICMP); }, "made");
  ExpectEnclosed(
      {}, [] { return SocketOutcome(AF_INET, SOCK_DGRAM, IPPROTO_UDP); }, "made");
  ExpectEnclosed(
      {.ipv6 = false}, [] { return SocketOutcome(AF_INET6, SOCK_DGRAM, 0); }, "EAFNOSUPPORT");
  ExpectEnclosed(
      {.ipv4 = false}, [] { return SocketOutcome(AF_INET, SOCK_STREAM, 0); }, "EAFNOSUPPORT");
  ExpectEnclosed(
      {.ipv4 = false, .ipv6 = false}, [] { return SocketOutcome(AF_UNIX, SOCK_STREAM, 0); }, "made");
}

std::string OptionOutcome(int domain, int level, int option, const void* value, socklen_t size) {
  const UniqueFd fd = Open(domain, SOCK_STREAM);
  return ErrnoName(setsockopt(fd.get(), level, option, value, size) == 0 ? 0 : errno);
}

TEST_F(CgroupWallTest, OptionsThatLeadAroundAreRefused) {
  const int on = 1;
  const uint32_t range = 8080u << 16 | 8080u;
  constexpr int kIpLocalPortRange = 51;
  const auto set = [&](int domain, int level, int option) {
    return [=] { return OptionOutcome(domain, level, option, &on, sizeof(on)); };
  };
  const auto set_range = [&] { return OptionOutcome(AF_INET, IPPROTO_IP, kIpLocalPortRange, &range, sizeof(range)); };
  ExpectEnclosed({}, set(AF_INET, IPPROTO_IP, IP_TRANSPARENT), "EPERM");
  ExpectEnclosed({}, set(AF_INET6, IPPROTO_IPV6, IPV6_TRANSPARENT), "EPERM");
  ExpectEnclosed({}, set(AF_INET6, IPPROTO_IPV6, IPV6_RTHDR), "EPERM");
  ExpectEnclosed({}, set(AF_INET6, IPPROTO_IPV6, IPV6_2292PKTOPTIONS), "EPERM");
  ExpectEnclosed({}, set(AF_INET, IPPROTO_IP, IP_FREEBIND), ErrnoName(0));
  ExpectEnclosed({}, set_range, ErrnoName(0));
  ExpectEnclosed({.ports = std::vector<PortRange>()}, set_range, "EPERM");
}

TEST_F(CgroupWallTest, ALongOptionReachesTheKernelAsItIs) {
  ExpectEnclosed(
      {},
      [] {
        const std::vector<int> value(4096, 65536);
        const auto size = static_cast<socklen_t>(value.size() * sizeof(int));
        return OptionOutcome(AF_INET, SOL_SOCKET, SO_RCVBUF, value.data(), size);
      },
      ErrnoName(0));
}

// ---- who may ask

TEST_F(CgroupWallTest, NobodyEnclosesAnothersProcess) {
  Waiting roots([] { return 0; });
  const int error = InChild([&] {
    if (!BecomeUser()) return 98;
    TestClient client = Connect();
    if (!client.Hello(HelloOf("other")).has_value()) return 97;
    std::string why;
    return Enclose(&client, {}, roots.pidfd(), &why);
  });
  EXPECT_EQ(error, EPERM);
  EXPECT_THAT(Cgroups(), ::testing::IsEmpty());
}

TEST_F(CgroupWallTest, AnOrdinaryUserEnclosesHisOwn) {
  EXPECT_EQ(
      InChild([&] {
        if (!BecomeUser()) return 98;
        TestClient client = Connect();
        wire::Hello hello = ServiceHello("own");
        if (!client.Hello(hello).has_value()) return 97;
        Waiting process([] { return BindOutcome(AF_INET, SOCK_STREAM, "0.0.0.0:8080") == "127.84.3.1:8080" ? 0 : 1; });
        std::string why;
        if (Enclose(&client, {}, process.pidfd(), &why) != 0) return 96;
        process.Go();
        return process.Wait();
      }),
      0);
}

TEST_F(CgroupWallTest, OnlyAPidfdWillDo) {
  TestClient client = Connect();
  ASSERT_TRUE(client.Hello(ServiceHello()).has_value());
  const UniqueFd fd = Open(AF_INET, SOCK_STREAM);
  std::string why;
  EXPECT_EQ(Enclose(&client, {}, fd.get(), &why), EPROTO);
  EXPECT_THAT(why, HasSubstr("not a pidfd"));
  EXPECT_TRUE(client.ReceiveClosed());
}

TEST_F(CgroupWallTest, AProcessThatHasEndedIsSaidToBeGone) {
  TestClient client = Connect();
  ASSERT_TRUE(client.Hello(ServiceHello()).has_value());
  Waiting process([] { return 0; });
  process.Go();
  EXPECT_EQ(process.Wait(), 0);
  std::string why;
  EXPECT_EQ(Enclose(&client, {}, process.pidfd(), &why), ESRCH);
  EXPECT_THAT(Cgroups(), ::testing::IsEmpty());
}

TEST_F(CgroupWallTest, ASessionHasOneCgroup) {
  TestClient client = Connect();
  ASSERT_TRUE(client.Hello(ServiceHello()).has_value());
  Waiting process([] { return 0; });
  std::string why;
  EXPECT_EQ(Enclose(&client, {}, process.pidfd(), &why), 0) << why;
  EXPECT_EQ(Enclose(&client, {}, process.pidfd(), &why), EALREADY);
  EXPECT_EQ(Cgroups().size(), 1u);
  EXPECT_EQ(Status()["services"][0]["walls"], Json::array({"notify", "cgroup"}));
}

// ---- where, and how long

// A cgroup that is there as long as this is.
class Place {
 public:
  explicit Place(const std::string& directory) : directory_(directory) { EXPECT_EQ(MakeCgroup(directory), 0); }
  ~Place() { EXPECT_EQ(RemoveCgroup(directory_), 0) << directory_; }
  const std::string& directory() const { return directory_; }

 private:
  const std::string directory_;
};

TEST_F(CgroupWallTest, TheCgroupIsBelowTheOneThatTheProcessWasIn) {
  const Place place(network_->OwnCgroup());
  TestClient client = Connect();
  ASSERT_TRUE(client.Hello(ServiceHello()).has_value());
  Waiting process([] { return 0; });
  ASSERT_EQ(MoveToCgroup(place.directory(), process.pid()), 0);
  std::string why;
  EXPECT_EQ(Enclose(&client, {}, process.pidfd(), &why), 0) << why;
  ASSERT_EQ(Cgroups().size(), 1u);
  EXPECT_THAT(Cgroups()[0], StartsWith(place.directory() + "/forcebind-web-"));
  process.Go();
  EXPECT_EQ(process.Wait(), 0);
  client = TestClient("/nowhere");
  Status();
  EXPECT_THAT(Cgroups(), ::testing::IsEmpty());
}

// From below it he could move the process back.
TEST_F(CgroupWallTest, ACgroupThatIsDelegatedToAUserIsPassedOver) {
  const Place slice(network_->OwnCgroup());
  const Place scope(slice.directory() + "/scope");
  ASSERT_EQ(chown(scope.directory().c_str(), kUser, kUser), 0);
  ASSERT_EQ(chown((scope.directory() + "/cgroup.procs").c_str(), kUser, kUser), 0);
  TestClient client = Connect();
  ASSERT_TRUE(client.Hello(ServiceHello()).has_value());
  Waiting process([] { return 0; });
  ASSERT_EQ(MoveToCgroup(scope.directory(), process.pid()), 0);
  std::string why;
  EXPECT_EQ(Enclose(&client, {}, process.pidfd(), &why), 0) << why;
  ASSERT_EQ(Cgroups().size(), 1u);
  EXPECT_THAT(Cgroups()[0], StartsWith(slice.directory() + "/forcebind-web-"));
  process.Go();
  EXPECT_EQ(process.Wait(), 0);
  client = TestClient("/nowhere");
  Status();
}

TEST_F(CgroupWallTest, StandsWithoutTheSupervisor) {
  TestClient client = Connect();
  ASSERT_TRUE(client.Hello(ServiceHello()).has_value());
  Waiting process([] { return BindOutcome(AF_INET, SOCK_STREAM, "0.0.0.0:8080") == "127.84.3.1:8080" ? 0 : 1; });
  std::string why;
  ASSERT_EQ(Enclose(&client, {}, process.pidfd(), &why), 0) << why;
  supervisor_->Stop(SIGKILL);
  process.Go();
  EXPECT_EQ(process.Wait(), 0);
  EXPECT_EQ(Cgroups().size(), 1u);
  ASSERT_EQ(supervisor_->Start(), absl::OkStatus());
  EXPECT_THAT(Cgroups(), ::testing::IsEmpty());
}

// Who has one delegated to him could pass his processes off as another's service.
TEST_F(CgroupWallTest, ACgroupThatAUserHasMadeIsNoneOfOurs) {
  const Place made(absl::StrCat(network_->cgroup_root(), "/forcebind-web-", *OwnNetnsCookie(), "-1-2"));
  ASSERT_EQ(chown((made.directory() + "/cgroup.procs").c_str(), kUser, kUser), 0);
  supervisor_->Stop(SIGTERM);
  ASSERT_EQ(supervisor_->Start(), absl::OkStatus());
  Status();
  EXPECT_THAT(Cgroups(), ::testing::ElementsAre(made.directory()));
}

TEST_F(CgroupWallTest, ACgroupGoesWithItsLastProcess) {
  Waiting process([] { return 0; });
  {
    TestClient client = Connect();
    ASSERT_TRUE(client.Hello(ServiceHello()).has_value());
    std::string why;
    ASSERT_EQ(Enclose(&client, {}, process.pidfd(), &why), 0) << why;
  }
  Status();
  EXPECT_EQ(Cgroups().size(), 1u);
  process.Go();
  EXPECT_EQ(process.Wait(), 0);
  Status();
  EXPECT_THAT(Cgroups(), ::testing::IsEmpty());
}

// Of a process.
size_t Descriptors(pid_t pid) {
  const std::filesystem::directory_iterator all(absl::StrCat("/proc/", pid, "/fd"));
  return static_cast<size_t>(std::distance(begin(all), end(all)));
}

TEST_F(CgroupWallTest, TheUlaStandsOnLoopbackWhileASessionNeedsIt) {
  const auto bindable = [] {
    return BindOutcome(AF_INET6, SOCK_STREAM, absl::StrCat("[", kV6, "]:8080")) != "EADDRNOTAVAIL";
  };
  EXPECT_FALSE(bindable());
  {
    TestClient first = Connect(), second = Connect();
    std::string why;
    for (TestClient* client : {&first, &second}) {
      ASSERT_TRUE(client->Hello(ServiceHello()).has_value());
      Waiting process([] { return 0; });
      ASSERT_EQ(Enclose(client, {}, process.pidfd(), &why), 0) << why;
    }
    EXPECT_TRUE(bindable());
    first = TestClient("/nowhere");
    Status();
    EXPECT_TRUE(bindable());
  }
  Status();
  EXPECT_FALSE(bindable());
}

// The companion binds it by IPV6_FREEBIND, and whoever lists the addresses of lo does not find it there.
TEST_F(CgroupWallTest, BesideAnotherWallTheUlaIsNoAddressOfLoopback) {
  TestClient client = Connect();
  ASSERT_TRUE(client.Hello(ServiceHello()).has_value());
  Waiting process([] { return 0; });
  std::string why;
  client.Send(wire::Enclose{.rules = {}}, process.pidfd());
  ASSERT_EQ(client.ReceiveError(&why), 0) << why;
  EXPECT_EQ(BindOutcome(AF_INET6, SOCK_STREAM, absl::StrCat("[", kV6, "]:8080")), "EADDRNOTAVAIL");
}

TEST_F(CgroupWallTest, ManyServicesLeaveNothingBehind) {
  constexpr int kServices = kSanitized ? 100 : 1000;
  const auto one = [&] { EXPECT_EQ(Enclosed({}, [] { return 0; }), 0); };
  one();
  Status();
  const size_t before = Descriptors(supervisor_->pid()), resident = supervisor_->ResidentBytes();
  for (int i = 0; i < kServices && !HasFailure(); ++i) one();
  Status();
  EXPECT_THAT(Cgroups(), ::testing::IsEmpty());
  EXPECT_LE(Descriptors(supervisor_->pid()), before + 8);  // connections that are just being closed
  // A sanitizer keeps what was freed.
  if (!kSanitized) {
    EXPECT_LT(supervisor_->ResidentBytes(), resident + (1 << 20));
  }
}

// By MSG_FASTOPEN, a connect that no filter sees. The kernel would make 127.0.0.6 of the ULA.
TEST_F(CgroupWallTest, AUlaIsNotOverwrittenByAConnectToAMappedAddress) {
  ExpectEnclosed(
      {},
      [] {
        const UniqueFd fd = Open(AF_INET6, SOCK_STREAM);
        const int on = 1, off = 0;
        setsockopt(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
        if (Bind(fd.get(), "[::1]:0") != 0) return std::string("not bound");
        if (setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) != 0) return std::string("V6ONLY stays");
        const Name to = NameOf("[::ffff:127.0.0.9]:9");
        const ssize_t sent = sendto(fd.get(), "x", 1, MSG_FASTOPEN, to.get(), to.size);
        return absl::StrCat(sent < 0 ? ErrnoName(errno) : "sent", " ", LocalName(fd.get()));
      },
      "ENETUNREACH [fd77:1f2a:90c1::3:1]:0");
}

}  // namespace
}  // namespace forcebind
