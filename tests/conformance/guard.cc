// SPDX-License-Identifier: Apache-2.0
// The guard: who may bind a published port.
#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

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
  std::ofstream range("/proc/sys/net/ipv4/ip_local_port_range");
  range << kPort << " " << kPort + 1 << std::flush;
  ASSERT_TRUE(range.good());
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

// The kernel chooses the port where nobody can refuse it; so the stranger has it. hook-b does not believe in him, and
// he gets no packets. At hook D the kernel has found him before it asks: see the next test for the remedy.
TEST_P(ForEachProtocol, AStrangerWhomThePortWasGivenLateGetsNothingFromABackendThatKnowsHim) {
  const auto& [factory, protocol] = GetParam();
  const char* winner = factory.kernel_comes_first ? "stranger" : "service";
  StartBackend(factory);
  std::ofstream range("/proc/sys/net/ipv4/ip_local_port_range");
  range << kPort << " " << kPort + 1 << std::flush;
  ASSERT_TRUE(range.good());
  SocketSpec dual = At(protocol, "127.84.3.1");
  dual.dual_stack = true;
  Player service("service", dual);
  ASSERT_OPEN(service);
  Publish(protocol, {&service}, {"192.0.2.0/24", "2001:db8::/64"}, Guard);
  for (const char* address : {"192.0.2.7", "2001:db8::7"}) {
    SCOPED_TRACE(address);
    Player taken("taken", {.protocol = protocol, .at = {Ip(address), kPort + 1}});
    ASSERT_OPEN(taken);
    Player stranger("stranger", {.protocol = protocol, .at = {Ip(address), 0}, .late_port = true});
    {
      WithoutNetAdmin unprivileged;
      ASSERT_OPEN(stranger);
    }
    EXPECT_EQ(Who(protocol, address, {&service, &stranger}), winner);
    RestartBackend(factory);
    ASSERT_OK(backend_->Tick());
    EXPECT_EQ(Who(protocol, address, {&service, &stranger}), winner);
    service.Close();
    EXPECT_EQ(Who(protocol, address, {&service, &stranger}), "stranger");
    ASSERT_OPEN(service);
    Publish(protocol, {&service}, {"192.0.2.0/24", "2001:db8::/64"}, Guard);
  }
}

// What is to be done about a published port among the ephemeral ones.
TEST_P(ForEachProtocol, AReservedPortIsGivenToNobody) {
  const auto& [factory, protocol] = GetParam();
  StartBackend(factory);
  std::ofstream range("/proc/sys/net/ipv4/ip_local_port_range"), reserved("/proc/sys/net/ipv4/ip_local_reserved_ports");
  range << kPort << " " << kPort + 1 << std::flush;
  reserved << kPort << std::flush;
  ASSERT_TRUE(range.good() && reserved.good());
  Player service("service", At(protocol, "127.84.3.1"));
  ASSERT_OPEN(service);
  Publish(protocol, {&service}, {"0.0.0.0/0"}, Guard);
  Player stranger("stranger", {.protocol = protocol, .at = {Ip("192.0.2.7"), 0}, .late_port = true});
  {
    WithoutNetAdmin unprivileged;
    ASSERT_OPEN(stranger);
  }
  EXPECT_EQ(WhoAnswers(*network_, protocol, {Ip("192.0.2.7"), kPort + 1}, {&service, &stranger}), "stranger");
  EXPECT_EQ(Who(protocol, "192.0.2.7", {&service, &stranger}), "service");
}

TEST_P(ForTheBackend, AnAdministratorHasThePortThatHeWasGiven) {
  StartBackend(GetParam());
  std::ofstream range("/proc/sys/net/ipv4/ip_local_port_range");
  range << kPort << " " << kPort << std::flush;
  ASSERT_TRUE(range.good());
  Player service("service", At(Protocol::kTcp, "127.84.3.1"));
  ASSERT_OPEN(service);
  Publish(Protocol::kTcp, {&service}, {"0.0.0.0/0"}, Guard);
  Player late("late", {.at = {Ip("192.0.2.7"), 0}, .late_port = true});
  ASSERT_OPEN(late);
  EXPECT_EQ(Who(Protocol::kTcp, "192.0.2.7", {&service, &late}), "late");
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
