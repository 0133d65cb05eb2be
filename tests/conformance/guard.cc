// SPDX-License-Identifier: Apache-2.0
// The guard: who may bind a published port.
#include <errno.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "sys/capabilities.h"
#include "sys/errno_status.h"
#include "tests/conformance/conformance.h"

namespace forcebind {
namespace {

// This thread is without CAP_NET_ADMIN while it lives.
class WithoutNetAdmin {
 public:
  WithoutNetAdmin() {
    if (GetCapabilities(&before_) != 0 || SetEffectiveCapabilities(before_.effective & ~(1ull << CAP_NET_ADMIN)) != 0)
      abort();
  }
  ~WithoutNetAdmin() {
    if (SetEffectiveCapabilities(before_.effective) != 0) abort();
  }

 private:
  Capabilities before_;
};

std::string OpenResult(const SocketSpec& spec) {
  Player player("stranger", spec);
  const int error = player.Open();
  return error == 0 ? "bound" : ErrnoName(error);
}

std::string OpenResultWithoutNetAdmin(const SocketSpec& spec) {
  WithoutNetAdmin stranger;
  return OpenResult(spec);
}

void Guard(Route& route) { route.guard = true; }

constexpr char kReserved[] = "/proc/sys/net/ipv4/ip_local_reserved_ports";

void SetEphemeralPorts(int first, int last) {
  std::ofstream range("/proc/sys/net/ipv4/ip_local_port_range");
  range << first << " " << last << std::flush;
  ASSERT_TRUE(range.good());
}

void SetReservedPorts(const std::string& list) {
  std::ofstream reserved(kReserved);
  reserved << list << "\n" << std::flush;
  ASSERT_TRUE(reserved.good());
}

std::string ReservedPorts() {
  const UniqueFd fd(open(kReserved, O_RDONLY | O_CLOEXEC));
  std::string list(1 << 18, '\0');  // a second read() gives nothing
  list.resize(std::max<ssize_t>(read(fd.get(), list.data(), list.size()), 0));
  return list.substr(0, list.find('\n'));
}

}  // namespace

TEST_P(ForEachProtocol, AStrangerMayNotTakeAPublishedPort) {
  const auto& [factory, protocol] = GetParam();
  StartBackend(factory);
  Player service("service", At(protocol, "127.84.3.1"));
  ASSERT_OPEN(service);
  ASSERT_OK(backend_->AddRoutes({{.key = {protocol, kPort, *Prefix::Parse("127.0.0.0/8")}}}));
  Publish(protocol, {&service}, {"0.0.0.0/0"}, Guard);
  EXPECT_EQ(OpenResultWithoutNetAdmin(At(protocol, "192.0.2.7")), "EADDRINUSE");
  EXPECT_EQ(OpenResultWithoutNetAdmin(At(protocol, "0.0.0.0")), "EADDRINUSE");
  EXPECT_EQ(OpenResult(At(protocol, "192.0.2.7")), "bound");
  EXPECT_EQ(OpenResultWithoutNetAdmin(At(protocol, "127.84.3.9")), "bound");
  EXPECT_EQ(OpenResultWithoutNetAdmin({.protocol = protocol, .at = {Ip("192.0.2.7"), kPort + 1}}), "bound");
  EXPECT_EQ(OpenResultWithoutNetAdmin({.protocol = protocol, .at = {Ip("192.0.2.7"), 0}}), "bound");
  auto totals = backend_->Totals();
  ASSERT_OK(totals.status());
  EXPECT_EQ(totals->guarded, 2u);
}

TEST_P(ForEachProtocol, TheGuardKnowsIpv6AndMappedAddresses) {
  const auto& [factory, protocol] = GetParam();
  StartBackend(factory);
  Player service("service", {.protocol = protocol, .at = {Ip("127.84.3.1"), 9090}});
  ASSERT_OPEN(service);
  Publish(protocol, {&service}, {"0.0.0.0/0"}, Guard);
  SocketSpec mapped = At(protocol, "192.0.2.7"), any = At(protocol, "::");
  mapped.dual_stack = true;
  EXPECT_EQ(OpenResultWithoutNetAdmin(mapped), "EADDRINUSE");
  EXPECT_EQ(OpenResultWithoutNetAdmin(any), "bound");  // V6ONLY: IPv6 is not published
  any.dual_stack = true;
  EXPECT_EQ(OpenResultWithoutNetAdmin(any), "EADDRINUSE");
  EXPECT_EQ(OpenResultWithoutNetAdmin(At(protocol, "2001:db8::7")), "bound");
  Publish(protocol, {&service}, {"::/0"}, Guard);
  EXPECT_EQ(OpenResultWithoutNetAdmin(At(protocol, "2001:db8::7")), "EADDRINUSE");
  EXPECT_EQ(OpenResultWithoutNetAdmin(At(protocol, "::")), "EADDRINUSE");
}

// The whole range of ephemeral ports is the published one: port 0 means that port.
TEST_P(ForEachProtocol, AStrangerDoesNotGetThePublishedPortByAskingForPort0) {
  const auto& [factory, protocol] = GetParam();
  StartBackend(factory);
  SetEphemeralPorts(kPort, kPort + 1);
  SocketSpec dual = At(protocol, "127.84.3.1");
  dual.dual_stack = true;
  Player service("service", dual);
  ASSERT_OPEN(service);
  Publish(protocol, {&service}, {"192.0.2.0/24", "2001:db8::/64"}, Guard);
  for (const char* address : {"192.0.2.7", "2001:db8::7"}) {
    SCOPED_TRACE(address);
    const SocketSpec any{.protocol = protocol, .at = {Ip(address), 0}};
    for (int i = 0; i < 20; ++i) {
      Player stranger("stranger", any);
      {
        WithoutNetAdmin unprivileged;
        const int error = stranger.Open();
        ASSERT_TRUE(error == 0 || error == EADDRINUSE) << ErrnoName(error);
      }
      ASSERT_EQ(Who(protocol, address, {&service, &stranger}), "service");
    }
    // Without the port that is free either, all that is left is the published one.
    Player taken("taken", {.protocol = protocol, .at = {Ip(address), kPort + 1}});
    ASSERT_OPEN(taken);
    EXPECT_EQ(OpenResultWithoutNetAdmin(any), "EADDRINUSE");
    EXPECT_EQ(OpenResultWithoutNetAdmin({.protocol = protocol, .at = {Ip("198.51.100.7"), 0}}), "bound");
  }
}

// With IP_BIND_ADDRESS_NO_PORT the kernel gives the port in listen() or at the first send, where no program can refuse
// it.
TEST_P(ForEachProtocol, AStrangerIsNotGivenThePublishedPortLaterEither) {
  const auto& [factory, protocol] = GetParam();
  const char* none_left = protocol == Protocol::kTcp ? "EADDRINUSE" : "EAGAIN";
  StartBackend(factory);
  SetEphemeralPorts(kPort, kPort + 1);
  SocketSpec dual = At(protocol, "127.84.3.1");
  dual.dual_stack = true;
  Player service("service", dual);
  ASSERT_OPEN(service);
  Publish(protocol, {&service}, {"192.0.2.0/24", "2001:db8::/64"}, Guard);
  for (const char* address : {"192.0.2.7", "2001:db8::7"}) {
    SCOPED_TRACE(address);
    const SocketSpec late{.protocol = protocol, .at = {Ip(address), 0}, .late_port = true};
    Player taken("taken", {.protocol = protocol, .at = {Ip(address), kPort + 1}});
    ASSERT_OPEN(taken);
    EXPECT_EQ(OpenResultWithoutNetAdmin(late), none_left);
    EXPECT_EQ(Who(protocol, address, {&service}), "service");
    RestartBackend(factory);
    ASSERT_OK(backend_->Tick());
    EXPECT_EQ(OpenResultWithoutNetAdmin(late), none_left);
    EXPECT_EQ(Who(protocol, address, {&service}), "service");
    taken.Close();
    EXPECT_EQ(OpenResultWithoutNetAdmin(late), "bound");
  }
}

// The kernel's list of reserved ports is the administrator's: what he has put there stays, and no more than that.
TEST_P(ForEachProtocol, ThePortIsReservedAsLongAsAGuardedRouteLeadsFromIt) {
  const auto& [factory, protocol] = GetParam();
  StartBackend(factory);
  SetEphemeralPorts(kPort - 10, kPort + 10);
  SetReservedPorts(absl::StrCat(kPort - 2, "-", kPort - 1, ",", kPort + 2));
  const std::string given = ReservedPorts();
  const std::string with_ours = absl::StrCat(kPort - 2, "-", kPort, ",", kPort + 2);
  Player service("service", At(protocol, "127.84.3.1"));
  ASSERT_OPEN(service);
  Publish(protocol, {&service}, {"192.0.2.7/32"});
  EXPECT_EQ(ReservedPorts(), given);
  Publish(protocol, {&service}, {"192.0.2.8/32"}, Guard);
  EXPECT_EQ(ReservedPorts(), with_ours);
  Publish(protocol, {&service}, {"192.0.2.9/32"}, Guard);
  RestartBackend(factory);
  const auto remove = [&](const char* prefix) {
    ASSERT_OK(backend_->RemoveRoutes({{protocol, kPort, *Prefix::Parse(prefix)}}));
    ASSERT_OK(backend_->Tick());
  };
  remove("192.0.2.8/32");
  EXPECT_EQ(ReservedPorts(), with_ours);
  RestartBackend(factory);
  remove("192.0.2.9/32");
  EXPECT_EQ(ReservedPorts(), given);
  // A supervisor that was killed before it could release it.
  Publish(protocol, {&service}, {"192.0.2.8/32"}, Guard);
  EXPECT_EQ(ReservedPorts(), with_ours);
  ASSERT_OK(backend_->RemoveRoutes({{protocol, kPort, *Prefix::Parse("192.0.2.8/32")}}));
  RestartBackend(factory);
  EXPECT_EQ(ReservedPorts(), given);
  // One that was there before stays.
  SetReservedPorts(absl::StrCat(kPort));
  Publish(protocol, {&service}, {"192.0.2.8/32"}, Guard);
  RestartBackend(factory);
  remove("192.0.2.8/32");
  EXPECT_EQ(ReservedPorts(), absl::StrCat(kPort));
}

TEST_P(ForTheBackend, APortThatBecomesEphemeralOrIsTakenOffTheListIsReservedAtTheNextTick) {
  const BackendFactory& factory = GetParam();
  StartBackend(factory);
  SetEphemeralPorts(kPort + 1, kPort + 10);
  Player service("service", At(Protocol::kTcp, "127.84.3.1"));
  ASSERT_OPEN(service);
  Publish(Protocol::kTcp, {&service}, {"0.0.0.0/0"}, Guard);
  EXPECT_EQ(ReservedPorts(), "");
  SetEphemeralPorts(kPort - 1, kPort + 10);
  ASSERT_OK(backend_->Tick());
  EXPECT_EQ(ReservedPorts(), absl::StrCat(kPort));
  SetReservedPorts(absl::StrCat(kPort + 2));
  ASSERT_OK(backend_->Tick());
  EXPECT_EQ(ReservedPorts(), absl::StrCat(kPort, ",", kPort + 2));
  ASSERT_OK(backend_->RemoveRoutes({{Protocol::kTcp, kPort, *Prefix::Parse("0.0.0.0/0")}}));
  ASSERT_OK(backend_->Tick());
  EXPECT_EQ(ReservedPorts(), absl::StrCat(kPort + 2));
}

// As where it stops a moment after the service.
TEST_P(ForTheBackend, APortOfARouteThatIsNotGuardedAnyMoreIsReleasedByTheNextSupervisor) {
  const BackendFactory& factory = GetParam();
  StartBackend(factory);
  SetEphemeralPorts(kPort - 1, kPort + 10);
  Player service("service", At(Protocol::kTcp, "127.84.3.1"));
  ASSERT_OPEN(service);
  Publish(Protocol::kTcp, {&service}, {"0.0.0.0/0"}, Guard);
  Publish(Protocol::kTcp, {&service}, {"0.0.0.0/0"});
  EXPECT_EQ(ReservedPorts(), absl::StrCat(kPort));
  RestartBackend(factory);
  EXPECT_EQ(ReservedPorts(), "");
}

// The kernel takes 4,095 bytes at once.
TEST_P(ForTheBackend, ALongListOfReservedPortsStaysWhole) {
  const BackendFactory& factory = GetParam();
  StartBackend(factory);
  SetEphemeralPorts(kPort - 1, 65535);
  std::string list = absl::StrCat(kPort + 1);
  for (int port = kPort + 3; port < 20000; port += 2) absl::StrAppend(&list, ",", port);
  SetReservedPorts(list);
  ASSERT_EQ(ReservedPorts(), list);
  Player service("service", At(Protocol::kTcp, "127.84.3.1"));
  ASSERT_OPEN(service);
  Publish(Protocol::kTcp, {&service}, {"0.0.0.0/0"}, Guard);
  EXPECT_EQ(ReservedPorts().substr(0, 9), absl::StrCat(kPort, "-", kPort + 1));
  ASSERT_OK(backend_->RemoveRoutes({{Protocol::kTcp, kPort, *Prefix::Parse("0.0.0.0/0")}}));
  ASSERT_OK(backend_->Tick());
  EXPECT_EQ(ReservedPorts(), list);
}

TEST_P(ForTheBackend, TwoProtocolsShareOneReservation) {
  StartBackend(GetParam());
  SetEphemeralPorts(kPort - 1, kPort + 10);
  Player tcp("tcp", At(Protocol::kTcp, "127.84.3.1")), udp("udp", At(Protocol::kUdp, "127.84.3.1"));
  ASSERT_OPEN(tcp);
  ASSERT_OPEN(udp);
  Publish(Protocol::kTcp, {&tcp}, {"0.0.0.0/0"}, Guard);
  Publish(Protocol::kUdp, {&udp}, {"0.0.0.0/0"}, Guard);
  ASSERT_OK(backend_->RemoveRoutes({{Protocol::kTcp, kPort, *Prefix::Parse("0.0.0.0/0")}}));
  ASSERT_OK(backend_->Tick());
  EXPECT_EQ(ReservedPorts(), absl::StrCat(kPort));
  ASSERT_OK(backend_->RemoveRoutes({{Protocol::kUdp, kPort, *Prefix::Parse("0.0.0.0/0")}}));
  ASSERT_OK(backend_->Tick());
  EXPECT_EQ(ReservedPorts(), "");
}

TEST_P(ForTheBackend, ARouteThatIsNotGuardedAnyMoreLetsThePortGoAtTheNextTick) {
  StartBackend(GetParam());
  SetEphemeralPorts(kPort - 1, kPort + 10);
  Player service("service", At(Protocol::kTcp, "127.84.3.1"));
  ASSERT_OPEN(service);
  Publish(Protocol::kTcp, {&service}, {"0.0.0.0/0"}, Guard);
  EXPECT_EQ(ReservedPorts(), absl::StrCat(kPort));
  Publish(Protocol::kTcp, {&service}, {"0.0.0.0/0"});
  ASSERT_OK(backend_->Tick());
  EXPECT_EQ(ReservedPorts(), "");
}

// The kernel's settings cannot be written while it lives, as in a container.
class ReadOnlySettings {
 public:
  ReadOnlySettings() {
    if (mount("/proc/sys", "/proc/sys", nullptr, MS_BIND, nullptr) != 0 ||
        mount(nullptr, "/proc/sys", nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr) != 0)
      abort();
  }
  ~ReadOnlySettings() {
    if (umount("/proc/sys") != 0) abort();
  }
};

TEST_P(ForTheBackend, WhereTheListCannotBeWrittenAPortThatBecomesEphemeralStopsNothingElse) {
  StartBackend(GetParam());
  SetEphemeralPorts(kPort + 1, kPort + 10);
  Player service("service", At(Protocol::kTcp, "127.84.3.1"));
  ASSERT_OPEN(service);
  const GroupId group = Publish(Protocol::kTcp, {&service}, {"0.0.0.0/0"}, Guard);
  SetEphemeralPorts(kPort - 1, kPort + 10);
  const ReadOnlySettings settings;
  EXPECT_THAT(std::string(backend_->Tick().message()), testing::HasSubstr("port 8080 is guarded"));
  EXPECT_EQ(Who(Protocol::kTcp, "192.0.2.7", {&service}), "service");
  ASSERT_OK(backend_->RemoveRoutes({{Protocol::kTcp, kPort, *Prefix::Parse("0.0.0.0/0")}}));
  ASSERT_OK(backend_->RemoveGroup(group));
  ASSERT_OK(backend_->Tick());
}

// What could not be guarded is not published.
TEST_P(ForTheBackend, WithoutAReservationTheRouteIsRefused) {
  const BackendFactory& factory = GetParam();
  StartBackend(factory);
  SetEphemeralPorts(kPort - 1, kPort + 10);
  Player service("service", At(Protocol::kTcp, "127.84.3.1"));
  ASSERT_OPEN(service);
  const auto group = backend_->NewGroup();
  ASSERT_OK(group.status());
  Route route{.key = {Protocol::kTcp, kPort, *Prefix::Parse("0.0.0.0/0")}, .group = *group, .guard = true};
  absl::Status refused;
  {
    const ReadOnlySettings settings;
    refused = backend_->AddRoutes({route});
  }
  EXPECT_THAT(std::string(refused.message()),
              testing::AllOf(testing::HasSubstr("port 8080 is guarded"), testing::HasSubstr("Read-only file system"),
                             testing::HasSubstr("ip_local_reserved_ports, or publish it with guard = false")));
  EXPECT_TRUE(backend_->Routes()->empty());
  EXPECT_EQ(ReservedPorts(), "");
  ASSERT_OK(backend_->AddRoutes({route}));
  EXPECT_EQ(ReservedPorts(), absl::StrCat(kPort));
}

TEST_P(ForEachProtocol, TheGuardKeepsToItsPrefix) {
  const auto& [factory, protocol] = GetParam();
  StartBackend(factory);
  Player service("service", At(protocol, "127.84.3.1"));
  ASSERT_OPEN(service);
  Publish(protocol, {&service}, {"192.0.2.0/24"}, Guard);
  EXPECT_EQ(OpenResultWithoutNetAdmin(At(protocol, "192.0.2.8")), "EADDRINUSE");
  EXPECT_EQ(OpenResultWithoutNetAdmin(At(protocol, "198.51.100.7")), "bound");
}

TEST_P(ForEachProtocol, WithoutTheFlagOrWithoutALiveServiceThePortIsFree) {
  const auto& [factory, protocol] = GetParam();
  StartBackend(factory);
  Player service("service", At(protocol, "127.84.3.1"));
  ASSERT_OPEN(service);
  Publish(protocol, {&service}, {"192.0.2.7/32"});
  Publish(protocol, {&service}, {"192.0.2.8/32"}, Guard);
  EXPECT_EQ(OpenResultWithoutNetAdmin(At(protocol, "192.0.2.7")), "bound");
  EXPECT_EQ(OpenResultWithoutNetAdmin(At(protocol, "192.0.2.8")), "EADDRINUSE");
  service.Close();
  EXPECT_EQ(OpenResultWithoutNetAdmin(At(protocol, "192.0.2.8")), "bound");
}

TEST_P(ForTheBackend, AnMptcpSocketIsAStrangerToo) {
  StartBackend(GetParam());
  Player service("service", At(Protocol::kTcp, "127.84.3.1"));
  ASSERT_OPEN(service);
  Publish(Protocol::kTcp, {&service}, {"0.0.0.0/0"}, Guard);
  SocketSpec spec = At(Protocol::kTcp, "192.0.2.7");
  spec.mptcp = true;
  if (const std::string result = OpenResult(spec); result != "bound") GTEST_SKIP() << "no MPTCP: " << result;
  EXPECT_EQ(OpenResultWithoutNetAdmin(spec), "EADDRINUSE");
}

// Root of a user namespace has every capability there, and none over the host's network.
TEST_P(ForTheBackend, RootOfAUserNamespaceIsAStranger) {
  StartBackend(GetParam());
  Player service("service", At(Protocol::kTcp, "127.84.3.1"));
  ASSERT_OPEN(service);
  Publish(Protocol::kTcp, {&service}, {"0.0.0.0/0"}, Guard);
  // Not by unshare(), which wants a process of one thread: a sanitizer may have another.
  const pid_t child = static_cast<pid_t>(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
  ASSERT_GE(child, 0);
  if (child == 0) {
    Player stranger("stranger", At(Protocol::kTcp, "192.0.2.7"));
    _exit(stranger.Open() == EADDRINUSE ? 0 : 2);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace forcebind
