// SPDX-License-Identifier: Apache-2.0
// connect() through the handler, with a device that is played. The "service" is this thread: its sockets and its memory
// are real, and so is the kernel's answer; only the stopped call is not there. "Continue" is made good by this thread's
// own connect(2), which is what the kernel would do.
#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <memory>

#include "notify/call_handler.h"
#include "sys/netns.h"
#include "sys/socket_info.h"

namespace forcebind {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kNativeArch = AUDIT_ARCH_X86_64;
#else
constexpr uint32_t kNativeArch = AUDIT_ARCH_AARCH64;
#endif
constexpr uint8_t kPrivate[4] = {127, 84, 3, 210}, kLoopback[4] = {127, 0, 0, 1};
constexpr uint8_t kPrivateMapped[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 84, 3, 210};
constexpr uint8_t kLoopback6[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

class PlayedDevice : public NotifyDevice {
 public:
  int fd() const override { return -1; }
  int Receive(Notification*) override { return ENOENT; }
  bool IsAlive(uint64_t) override { return alive_; }
  int Reply(uint64_t, int) override { return ENOENT; }
  int Continue(uint64_t) override {
    ++continued_;
    return alive_ ? 0 : ENOENT;
  }
  int AddFd(uint64_t, int, bool, int*) override { return ENOENT; }
  int ReplyWithFd(uint64_t, int, bool) override { return ENOENT; }

  bool alive_ = true;
  int continued_ = 0;
};

class NoPublisher : public Publisher {
  int Claim(const Announcement&, std::string*) override { return 0; }
  int Announce(const Announcement&, int, std::string*) override { return 0; }
};

UniqueFd Open(int family, int type) { return UniqueFd(socket(family, type | SOCK_CLOEXEC, 0)); }

uint16_t PortOf(int fd) {
  SockAddr name;
  return LocalName(fd, &name) == 0 ? ntohs(name.v4()->sin_port) : 0;
}

std::string SourceOf(int fd) {
  SockAddr name;
  if (LocalName(fd, &name) != 0) return "?";
  const Endpoint local = name.family() == AF_INET
                             ? Endpoint{IpAddress::V4(ntohl(name.v4()->sin_addr.s_addr)), 0}
                             : Endpoint{IpAddress::V6(std::to_array(name.v6()->sin6_addr.s6_addr)), 0};
  return local.address.ToString();
}

// Bound to this name, with a port of the kernel's choice.
UniqueFd OpenBound(int type, const SockAddr& name) {
  UniqueFd fd = Open(name.family(), type);
  if (bind(fd.get(), name.get(), name.size) != 0) ADD_FAILURE() << "bind: " << strerror(errno);
  if (type == SOCK_STREAM && listen(fd.get(), 8) != 0) ADD_FAILURE() << "listen: " << strerror(errno);
  return fd;
}

class ConnectCall : public ::testing::Test {
 protected:
  ConnectCall() {
    policy_.name = "test";
    policy_.addresses.v4 = IpAddress::V4(0x7f5403d2);
    handler_ = std::make_unique<CallHandler>(policy_, device_, publisher_, log_, *OwnNetnsCookie(),
                                             /*deny_mptcp=*/false, /*enclosed=*/false, pins_);
  }

  CallOutcome Handle(int fd, const void* address, socklen_t size) {
    return handler_->Handle({.id = 1,
                             .tid = static_cast<pid_t>(syscall(SYS_gettid)),
                             .arch = kNativeArch,
                             .number = __NR_connect,
                             .args = {static_cast<uint64_t>(fd), reinterpret_cast<uint64_t>(address), size}});
  }
  // What the service's connect() would give: 0 or an errno.
  int Connect(int fd, const SockAddr& name) {
    const int before = device_.continued_;
    const CallOutcome outcome = Handle(fd, name.get(), name.size);
    if (device_.continued_ == before) return outcome.error;
    EXPECT_TRUE(outcome.answered);
    return connect(fd, name.get(), name.size) == 0 ? 0 : errno;
  }

  ServicePolicy policy_;
  PlayedDevice device_;
  NoPublisher publisher_;
  ServiceLog log_{"test", LogLevel::kError, -1};
  PinLog pins_;
  std::unique_ptr<CallHandler> handler_;
};

TEST_F(ConnectCall, ReachesTheServicesOwnListener) {
  const UniqueFd listener = OpenBound(SOCK_STREAM, SockAddrV4(kPrivate, 0));
  const UniqueFd client = Open(AF_INET, SOCK_STREAM);
  EXPECT_EQ(Connect(client.get(), SockAddrV4(kLoopback, PortOf(listener.get()))), 0);
  EXPECT_EQ(SourceOf(client.get()), "127.84.3.210");
  EXPECT_EQ(IntOption(client.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, -1), 0) << "as it was";
  EXPECT_EQ(device_.continued_, 1) << "a call that may wait ends in the kernel";
  EXPECT_EQ(Connect(client.get(), SockAddrV4(kLoopback, PortOf(listener.get()))), EISCONN);
}

TEST_F(ConnectCall, ReachesADualStackListenerFromBothFamilies) {
  const UniqueFd listener = OpenBound(SOCK_STREAM, SockAddrV6(kPrivateMapped, 0));
  const UniqueFd v4 = Open(AF_INET, SOCK_STREAM), v6 = Open(AF_INET6, SOCK_STREAM);
  EXPECT_EQ(Connect(v4.get(), SockAddrV4(kLoopback, PortOf(listener.get()))), 0);
  EXPECT_EQ(Connect(v6.get(), SockAddrV6(kLoopback6, PortOf(listener.get()))), 0);
  EXPECT_EQ(SourceOf(v6.get()), "::ffff:127.84.3.210");
}

TEST_F(ConnectCall, LeavesTheHostsListenerToTheKernel) {
  const UniqueFd listener = OpenBound(SOCK_STREAM, SockAddrV4(kLoopback, 0));
  const UniqueFd client = Open(AF_INET, SOCK_STREAM);
  EXPECT_EQ(Connect(client.get(), SockAddrV4(kLoopback, PortOf(listener.get()))), 0);
  EXPECT_EQ(SourceOf(client.get()), "127.0.0.1");
  EXPECT_EQ(device_.continued_, 1);
}

TEST_F(ConnectCall, DoesNotWaitForANonBlockingSocket) {
  const UniqueFd listener = OpenBound(SOCK_STREAM, SockAddrV4(kPrivate, 0));
  const UniqueFd client = Open(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
  const SockAddr name = SockAddrV4(kLoopback, PortOf(listener.get()));
  EXPECT_EQ(Connect(client.get(), name), EINPROGRESS);
  EXPECT_EQ(device_.continued_, 0);
  pollfd established = {.fd = client.get(), .events = POLLOUT, .revents = 0};
  ASSERT_EQ(poll(&established, 1, 30000), 1);
  EXPECT_EQ(Connect(client.get(), name), 0) << "the kernel's: established meanwhile";
  EXPECT_EQ(Connect(client.get(), name), EISCONN);
  EXPECT_EQ(device_.continued_, 2);
}

TEST_F(ConnectCall, TellsARefusalOnce) {
  policy_.loopback = Loopback::kOwn;
  uint16_t closed = 0;
  {
    const UniqueFd listener = OpenBound(SOCK_STREAM, SockAddrV4(kPrivate, 0));
    closed = PortOf(listener.get());
  }
  for (const int flags : std::initializer_list<int>{0, SOCK_NONBLOCK}) {
    const UniqueFd client = Open(AF_INET, SOCK_STREAM | flags);
    const SockAddr name = SockAddrV4(kLoopback, closed);
    if (flags != 0) {
      EXPECT_EQ(Connect(client.get(), name), EINPROGRESS);
    }
    EXPECT_EQ(Connect(client.get(), name), ECONNREFUSED);
    EXPECT_EQ(IntOption(client.get(), SOL_SOCKET, SO_ERROR, -1), 0);
  }
}

TEST_F(ConnectCall, ConnectsDatagrams) {
  const UniqueFd receiver = OpenBound(SOCK_DGRAM, SockAddrV4(kPrivate, 0));
  const UniqueFd client = Open(AF_INET, SOCK_DGRAM);
  EXPECT_EQ(Connect(client.get(), SockAddrV4(kLoopback, PortOf(receiver.get()))), 0);
  EXPECT_EQ(device_.continued_, 0);
  EXPECT_EQ(SourceOf(client.get()), "127.84.3.210");
  ASSERT_EQ(send(client.get(), "x", 1, 0), 1);
  char byte;
  EXPECT_EQ(recv(receiver.get(), &byte, 1, 0), 1);
}

TEST_F(ConnectCall, LeavesWhatItCannotLookAtToTheKernel) {
  const UniqueFd client = Open(AF_INET, SOCK_STREAM);
  const SockAddr name = SockAddrV4(kLoopback, 9);
  const auto continues = [&](int fd, const void* address, socklen_t size) {
    const int before = device_.continued_;
    const CallOutcome outcome = Handle(fd, address, size);
    return device_.continued_ == before + 1 && outcome.answered && outcome.verdict == Verdict::kAsRequested;
  };
  EXPECT_TRUE(continues(client.get(), nullptr, 16));
  EXPECT_TRUE(continues(client.get(), reinterpret_cast<const void*>(64), 16));
  EXPECT_TRUE(continues(client.get(), name.get(), 0));
  EXPECT_TRUE(continues(client.get(), name.get(), 15));
  EXPECT_TRUE(continues(client.get(), name.get(), 4096));
  EXPECT_TRUE(continues(client.get(), name.get(), static_cast<socklen_t>(-1)));
  EXPECT_TRUE(continues(-1, name.get(), name.size));
  const UniqueFd file(open("/dev/null", O_RDONLY | O_CLOEXEC)), local = Open(AF_UNIX, SOCK_STREAM);
  EXPECT_TRUE(continues(file.get(), name.get(), name.size));
  EXPECT_TRUE(continues(local.get(), name.get(), name.size));
  EXPECT_EQ(TcpState(client.get()), TCP_CLOSE) << "nothing has been done";
}

TEST_F(ConnectCall, DoesNothingForACallThatIsGone) {
  const UniqueFd listener = OpenBound(SOCK_STREAM, SockAddrV4(kPrivate, 0));
  const UniqueFd client = Open(AF_INET, SOCK_STREAM);
  const SockAddr own = SockAddrV4(kLoopback, PortOf(listener.get()));
  device_.alive_ = false;
  EXPECT_EQ(Handle(client.get(), own.get(), own.size).verdict, Verdict::kGone);
  EXPECT_EQ(device_.continued_, 0);
  EXPECT_EQ(TcpState(client.get()), TCP_CLOSE);
  EXPECT_EQ(Handle(client.get(), nullptr, 16).verdict, Verdict::kGone);
}

}  // namespace
}  // namespace forcebind
