// SPDX-License-Identifier: Apache-2.0
// The companion's side of the connection, with a supervisor that the test plays on a thread.
#include "launcher/supervisor_link.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "sys/sockaddr.h"
#include "sys/socket_info.h"
#include "sys/unix_channel.h"

namespace forcebind {
namespace {

using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr int kPatienceMs = 30000;

struct Received {
  wire::Message message;
  bool with_socket = false;
};

class SupervisorLinkTest : public testing::Test {
 protected:
  SupervisorLinkTest() {
    if (mkdtemp(directory_) == nullptr) abort();
    path_ = std::string(directory_) + "/socket";
  }
  ~SupervisorLinkTest() override {
    unlink(path_.c_str());
    rmdir(directory_);
  }
  char directory_[32] = "/tmp/forcebind-test-XXXXXX";
  std::string path_;
};

// Takes one connection at `path`, answers Hello and Listener, keeps everything else, and hangs up after `messages`.
class FakeSupervisor {
 public:
  explicit FakeSupervisor(const std::string& path, size_t messages = SIZE_MAX) : messages_(messages) {
    auto listening = ListenUnix(path, SOCK_SEQPACKET, 0600, 1);
    if (!listening.ok()) abort();
    thread_ = std::thread([this, socket = std::make_shared<UniqueFd>(*std::move(listening))] { Serve(socket->get()); });
  }
  ~FakeSupervisor() {
    if (thread_.joinable()) thread_.join();
  }
  // After the connection's end: everything but the Hello.
  const std::vector<Received>& Finish() {
    thread_.join();
    return received_;
  }

 private:
  static bool Readable(int fd) {
    pollfd waiting = {.fd = fd, .events = POLLIN, .revents = 0};
    return poll(&waiting, 1, kPatienceMs) == 1;
  }
  void Serve(int listening) {
    if (!Readable(listening)) return;
    UniqueFd client(accept4(listening, nullptr, nullptr, SOCK_CLOEXEC));
    for (;;) {
      Packet packet;
      if (!Readable(client.get()) || ReceivePacket(client.get(), wire::kMaxMessageSize, &packet) != 0) return;
      if (packet.bytes.empty()) return;
      auto message = wire::Decode(packet.bytes);
      if (!message.ok()) return;
      if (std::holds_alternative<wire::Hello>(*message)) {
        SendPacket(client.get(), wire::Encode(wire::Welcome{}));
        continue;
      }
      if (std::holds_alternative<wire::Listener>(*message)) SendPacket(client.get(), wire::Encode(wire::Result{}));
      received_.push_back({*std::move(message), packet.fd.valid()});
      if (received_.size() == messages_) return;
    }
  }

  const size_t messages_;
  std::thread thread_;
  std::vector<Received> received_;
};

wire::Hello Web() {
  wire::Hello hello;
  hello.name = "web";
  return hello;
}

UniqueFd SomeSocket() { return UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

TEST_F(SupervisorLinkTest, CountersAreWhatHasComeSinceTheLastOnes) {
  FakeSupervisor supervisor(path_);
  {
    SupervisorLink link(path_, Web());
    ASSERT_TRUE(link.Connect().ok());
    CallCounters counters;
    for (int round = 0; round < 3; ++round) {
      counters.Add(Verdict::kRewritten, 1500);
      link.OnPoll(counters);
      EXPECT_EQ(link.PollTimeoutMs(counters), -1);  // nothing new
    }
  }
  const auto& received = supervisor.Finish();
  ASSERT_THAT(received, SizeIs(3));
  for (const Received& one : received) {
    const auto& counters = std::get<wire::Counters>(one.message);
    EXPECT_EQ(counters.verdicts[static_cast<size_t>(Verdict::kRewritten)], 1u);
    EXPECT_EQ(counters.latency_us_log2[1], 1u);
  }
}

// With it the port would stay taken until the supervisor has read the message.
TEST_F(SupervisorLinkTest, AnUnpublishedSocketIsNotSentAlong) {
  FakeSupervisor supervisor(path_);
  const UniqueFd socket = SomeSocket();
  const Endpoint bound = *Endpoint::Parse("127.84.3.1:80");
  std::string why;
  {
    SupervisorLink link(path_, Web());
    ASSERT_TRUE(link.Connect().ok());
    EXPECT_EQ(link.Announce({.requested = *Endpoint::Parse("0.0.0.0:80"), .actual = bound}, socket.get(), &why), 0);
  }
  const auto& received = supervisor.Finish();
  ASSERT_THAT(received, SizeIs(1));
  EXPECT_FALSE(received[0].with_socket);
  const auto& opened = std::get<wire::Opened>(received[0].message).sockets;
  ASSERT_THAT(opened, SizeIs(1));
  EXPECT_EQ(opened[0].cookie, SocketCookie(socket.get()));
  EXPECT_EQ(opened[0].bound, bound);
}

// The supervisor keeps nothing of it, and there may be none when it is opened.
TEST_F(SupervisorLinkTest, ASupervisorThatComesIsToldEverything) {
  const UniqueFd before = SomeSocket(), meanwhile = SomeSocket();
  std::string why;
  FakeSupervisor first(path_, 1);
  SupervisorLink link(path_, Web());
  ASSERT_TRUE(link.Connect().ok());
  EXPECT_EQ(link.Announce({}, before.get(), &why), 0);
  first.Finish();
  link.OnPoll({});
  EXPECT_EQ(link.PollFd(), -1);
  EXPECT_EQ(link.Announce({}, meanwhile.get(), &why), 0);
  FakeSupervisor second(path_, 1);
  link.OnPoll({});
  EXPECT_EQ(link.PollTimeoutMs({}), 0);
  link.OnPoll({});
  const auto& received = second.Finish();
  ASSERT_THAT(received, SizeIs(1));
  std::vector<uint64_t> cookies;
  for (const auto& socket : std::get<wire::Opened>(received[0].message).sockets) cookies.push_back(socket.cookie);
  EXPECT_THAT(cookies, UnorderedElementsAre(SocketCookie(before.get()), SocketCookie(meanwhile.get())));
}

TEST_F(SupervisorLinkTest, WhatNeedsRoutesIsSentWithItsSocket) {
  FakeSupervisor supervisor(path_);
  const UniqueFd socket = SomeSocket();
  std::string why;
  {
    SupervisorLink link(path_, Web());
    ASSERT_TRUE(link.Connect().ok());
    EXPECT_EQ(link.Announce({.published = true}, socket.get(), &why), 0);
    EXPECT_EQ(link.Announce({.dual_stack = true}, socket.get(), &why), 0);
  }
  const auto& received = supervisor.Finish();
  ASSERT_THAT(received, SizeIs(2));
  EXPECT_TRUE(received[0].with_socket && std::get<wire::Listener>(received[0].message).published);
  EXPECT_TRUE(received[1].with_socket && std::get<wire::Listener>(received[1].message).dual_stack);
}

}  // namespace
}  // namespace forcebind
