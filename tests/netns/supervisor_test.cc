// SPDX-License-Identifier: Apache-2.0
// The real supervisor over the real backend, spoken to as companions, commands and attackers speak to it.
#include <errno.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "sys/small_file.h"
#include "sys/unix_channel.h"
#include "tests/netns/supervisor_fixture.h"
#include "tests/support/sanitized.h"

namespace forcebind {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;

TEST_F(SupervisorTest, APublishedListenerIsLiveWhenTheAnswerComes) {
  TestClient web = Connect();
  const UniqueFd listener = Publish(&web, "web", AF_INET6);
  for (const char* endpoint : {"192.0.2.7:80", "198.51.100.7:80", "[2001:db8::7]:80"}) {
    EXPECT_EQ(FromClient(endpoint), 0) << endpoint;
    EXPECT_TRUE(HasWaiting(listener.get())) << endpoint;
  }
  EXPECT_EQ(FromClient("192.0.2.7:81"), ECONNREFUSED);
}

TEST_F(SupervisorTest, TheEndOfTheConnectionEndsThePublication) {
  std::optional<TestClient> web(Connect());
  const UniqueFd listener = Publish(&*web, "web");
  ASSERT_EQ(FromClient("192.0.2.7:80"), 0);
  web.reset();
  // The supervisor has seen the end before it answers the next client.
  ASSERT_EQ(Status()["services"].size(), 0u);
  EXPECT_EQ(FromClient("192.0.2.7:80"), ECONNREFUSED);
}

TEST_F(SupervisorTest, TheSupervisorKeepsNoCopyOfASocket) {
  TestClient web = Connect();
  UniqueFd listener = Publish(&web, "web");
  ASSERT_EQ(FromClient("192.0.2.7:80"), 0);
  listener.reset();
  EXPECT_EQ(FromClient("192.0.2.7:80"), ECONNREFUSED);
  EXPECT_TRUE(Status()["services"][0]["listeners"].empty());
}

TEST_F(SupervisorTest, AnUnpublishedDualStackListenerIsReachableOnItsUla) {
  TestClient api = Connect();
  const auto welcome = api.Hello(HelloOf("api"));
  ASSERT_TRUE(welcome.has_value() && welcome->addresses.v6.has_value());
  const UniqueFd listener = ListenOn({*welcome->addresses.v4, 8080}, AF_INET6);
  wire::Listener shown = Published();
  shown.published = false;
  shown.dual_stack = true;
  ASSERT_EQ(api.Listener(shown, listener.get()), 0);
  ASSERT_EQ(Status()["services"][0]["listeners"][0]["reachable"].size(), 2u);
  EXPECT_EQ(ConnectTo(Endpoint{*welcome->addresses.v6, 8080}.ToString()), 0);
  EXPECT_TRUE(HasWaiting(listener.get()));
  TestClient admin = Connect();
  admin.Send(wire::ExplainRequest{.protocol = Protocol::kTcp, .endpoint = {*welcome->addresses.v6, 8080}});
  EXPECT_EQ(Json::parse(admin.ReceiveDocument(), nullptr, false)["winner"]["service"], "api");
  EXPECT_EQ(FromClient("[2001:db8::7]:8080"), ECONNREFUSED);
}

TEST_F(SupervisorTest, UlasAreReachable) {
  TestClient api = Connect();
  const auto welcome = api.Hello(HelloOf("api"));
  ASSERT_TRUE(welcome.has_value());
  const UniqueFd listener = ListenOn({*welcome->addresses.v6, 8080});
  ASSERT_TRUE(listener.valid());
  EXPECT_EQ(ConnectTo(Endpoint{*welcome->addresses.v6, 8080}.ToString()), 0);
  EXPECT_TRUE(HasWaiting(listener.get()));
}

TEST_F(SupervisorTest, StatusHasTheAgreedShape) {
  TestClient web = Connect();
  const UniqueFd listener = Publish(&web, "web");
  const Json status = Status();
  EXPECT_EQ(status["backend"], KernelHasHookD() ? "hook-d" : "hook-b");
  const Json& service = status["services"][0];
  EXPECT_EQ(service["name"], "web");
  EXPECT_EQ(service["pid"], 4711);
  EXPECT_EQ(service["walls"], Json::array({"notify"}));
  EXPECT_EQ(service["private"].size(), 2u);
  const Json& shown = service["listeners"][0];
  EXPECT_EQ(shown["protocol"], "tcp");
  EXPECT_EQ(shown["requested"], "0.0.0.0:80");
  EXPECT_EQ(shown["private"], absl::StrCat(service["private"][0].get<std::string>(), ":80"));
  EXPECT_EQ(shown["public"], Json::array({"0.0.0.0:80"}));
  EXPECT_EQ(shown["published"], true);
  EXPECT_EQ(shown["connections"], 0);
  ASSERT_EQ(FromClient("192.0.2.7:80"), 0);
  EXPECT_EQ(Status()["services"][0]["listeners"][0]["connections"], 1);
}

TEST_F(SupervisorTest, HttpSaysTheSame) {
  TestClient web = Connect();
  const UniqueFd listener = Publish(&web, "web");
  EXPECT_THAT(supervisor_->Get("/v1/services"), AllOf(HasSubstr("200 OK"), HasSubstr("\"name\": \"web\"")));
  EXPECT_THAT(supervisor_->Get("/v1/services/web"), AllOf(HasSubstr("200 OK"), HasSubstr("\"pid\": 4711")));
  EXPECT_THAT(supervisor_->Get("/v1/services/api"), HasSubstr("404"));
  EXPECT_THAT(supervisor_->Get("/metrics"), HasSubstr("forcebind_dispatched_total{service=\"web\"} 0"));
  EXPECT_THAT(supervisor_->Get("/v1/explain?protocol=tcp&endpoint=192.0.2.7:80"), HasSubstr("service \\\"web\\\""));
  EXPECT_THAT(supervisor_->Get("/nothing"), HasSubstr("404"));
}

TEST_F(SupervisorTest, ExplainNamesTheWinner) {
  TestClient web = Connect();
  const UniqueFd listener = Publish(&web, "web");
  const auto winner = [&](const char* endpoint) {
    TestClient client = Connect();
    client.Send(wire::ExplainRequest{.protocol = Protocol::kTcp, .endpoint = E(endpoint)});
    return Json::parse(client.ReceiveDocument(), nullptr, false)["winner"];
  };
  EXPECT_EQ(winner("192.0.2.7:80")["service"], "web");
  EXPECT_EQ(winner("192.0.2.7:80")["stage"], KernelHasHookD() ? "D" : "B");
  EXPECT_EQ(winner("192.0.2.7:80")["pid"], getpid());
  EXPECT_TRUE(winner("192.0.2.7:81").is_null());
  const UniqueFd admin = ListenOn(E("198.51.100.7:80"));
  EXPECT_EQ(winner("198.51.100.7:80")["stage"], "C");
  EXPECT_EQ(winner("198.51.100.7:80")["command"], "supervisor_test");
  EXPECT_TRUE(winner("203.0.113.1:80").is_null());
}

TEST_F(SupervisorTest, AUserWithoutAGrantIsRefused) {
  EXPECT_EQ(InChild([&] {
              if (!BecomeUser()) return 1;
              TestClient web = Connect();
              const auto welcome = web.Hello(HelloOf("web", {80}));
              if (!welcome.has_value()) return 2;
              const Endpoint target{*welcome->addresses.v4, 8080};
              if (web.Claim({.protocol = Protocol::kTcp, .target = {target.address, 80}}) != EACCES) return 3;
              const UniqueFd listener = ListenOn(target);
              return web.Listener(Published(), listener.get()) == EACCES ? 0 : 4;
            }),
            0);
}

TEST_F(SupervisorTest, ANameBelongsToItsFirstUser) {
  TestClient web = Connect();
  ASSERT_TRUE(web.Hello(HelloOf("web")).has_value());
  EXPECT_EQ(InChild([&] {
              if (!BecomeUser()) return 1;
              TestClient thief = Connect();
              thief.Send(HelloOf("web"));
              return thief.ReceiveError() == EACCES ? 0 : 2;
            }),
            0);
}

TEST_F(SupervisorTest, RootTakesANameOverFromTheUserWhoRunsIt) {
  int ready[2];
  ASSERT_EQ(pipe2(ready, O_CLOEXEC), 0);
  UniqueFd ready_in(ready[0]), ready_out(ready[1]);
  const pid_t child = fork();
  if (child == 0) {
    if (!BecomeUser()) _exit(1);
    TestClient squatter = Connect();
    if (!squatter.Hello(HelloOf("web")).has_value()) _exit(2);
    if (write(ready_out.get(), "1", 1) != 1) _exit(3);
    if (!squatter.ReceiveClosed()) _exit(4);
    TestClient again = Connect();
    again.Send(HelloOf("web"));
    _exit(again.ReceiveError() == EACCES ? 0 : 5);
  }
  ready_out.reset();
  char byte = 0;
  ASSERT_EQ(read(ready_in.get(), &byte, 1), 1);
  TestClient web = Connect();
  EXPECT_TRUE(web.Hello(HelloOf("web")).has_value());
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  const Json services = Status()["services"];
  ASSERT_EQ(services.size(), 1u);
  EXPECT_EQ(services[0]["uid"], 0);
}

TEST_F(SupervisorTest, OnlyTheRightSocketIsPublished) {
  TestClient web = Connect();
  const auto welcome = web.Hello(HelloOf("web", {80}));
  ASSERT_TRUE(welcome.has_value());
  const Endpoint target{*welcome->addresses.v4, 80};
  int pipe_fds[2];
  ASSERT_EQ(pipe2(pipe_fds, O_CLOEXEC), 0);
  const UniqueFd pipe_in(pipe_fds[0]), pipe_out(pipe_fds[1]);
  EXPECT_EQ(web.Listener(Published(), pipe_in.get()), ENOTSOCK);
  const UniqueFd channel(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(web.Listener(Published(), channel.get()), EAFNOSUPPORT);
  const UniqueFd udp = Bound(AF_INET, SOCK_DGRAM, 0, target);
  EXPECT_EQ(web.Listener(Published(), udp.get()), EACCES);
  const UniqueFd unbound(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(web.Listener(Published(), unbound.get()), EACCES);
  const UniqueFd not_listening = Bound(AF_INET, SOCK_STREAM, 0, target);
  EXPECT_EQ(web.Listener(Published(), not_listening.get()), EACCES);
  const UniqueFd elsewhere = ListenOn(E("192.0.2.7:80"));
  EXPECT_EQ(web.Listener(Published(), elsewhere.get()), EACCES);
  const UniqueFd wildcard = ListenOn(E("0.0.0.0:8081"));
  EXPECT_EQ(web.Listener(Published(), wildcard.get()), EACCES);
  const UniqueFd foreign = network_->OnClient([&] { return ListenOn(E("192.0.2.100:80")); });
  EXPECT_EQ(web.Listener(Published(), foreign.get()), EACCES);
  const UniqueFd other_port = ListenOn({target.address, 81});
  EXPECT_EQ(web.Listener(Published(), other_port.get()), EACCES);
  EXPECT_EQ(FromClient("198.51.100.7:80"), ECONNREFUSED);
}

TEST_F(SupervisorTest, ASocketOfAnotherNamespaceOnTheSameAddressIsRefused) {
  TestClient web = Connect();
  const auto welcome = web.Hello(HelloOf("web", {80}));
  ASSERT_TRUE(welcome.has_value());
  const UniqueFd foreign = network_->OnClient([&] { return ListenOn({*welcome->addresses.v4, 80}); });
  ASSERT_TRUE(foreign.valid());
  std::string text;
  web.Send(Published(), foreign.get());
  EXPECT_EQ(web.ReceiveError(&text), EACCES);
  EXPECT_THAT(text, HasSubstr("network namespace"));
}

TEST_F(SupervisorTest, AnMptcpSocketIsNotPublished) {
  TestClient web = Connect();
  const auto welcome = web.Hello(HelloOf("web", {80}));
  ASSERT_TRUE(welcome.has_value());
  const UniqueFd mptcp = ListenOn({*welcome->addresses.v4, 80}, AF_INET, 262);
  ASSERT_TRUE(mptcp.valid()) << "this kernel has no MPTCP";
  EXPECT_EQ(web.Listener(Published(), mptcp.get()), EPROTONOSUPPORT);
}

TEST_F(SupervisorTest, WhatIsNoMessageEndsTheConnectionWithAReason) {
  std::vector<uint8_t> other_version = wire::Encode(wire::StatusRequest{});
  other_version[4] = 9;
  const std::vector<std::pair<const char*, std::vector<uint8_t>>> packets = {
      {"not a forcebind message", {1, 2, 3}},
      {"version 9", other_version},
      {"packet of more than", std::vector<uint8_t>(wire::kMaxMessageSize + 1)},
      {"no Hello", wire::Encode(wire::Claim{})},
      {"no Hello", wire::Encode(wire::Counters{})},
      {"no Hello", wire::Encode(wire::Opened{})},
      {"without a descriptor", wire::Encode(wire::Listener{})},
      {"without a descriptor", wire::Encode(wire::Successor{})},
      {"supervisor's to say", wire::Encode(wire::Welcome{})},
      {"supervisor's to say", wire::Encode(wire::Result{})},
      {"supervisor's to say", wire::Encode(wire::Succeeded{})},
      {"supervisor's to say", wire::Encode(wire::Document{})},
  };
  for (const auto& [reason, packet] : packets) {
    TestClient client = Connect();
    client.SendBytes(packet);
    std::string text;
    EXPECT_EQ(client.ReceiveError(&text), EPROTO) << reason;
    EXPECT_THAT(text, HasSubstr(reason));
    EXPECT_TRUE(client.ReceiveClosed()) << reason;
  }
  EXPECT_TRUE(Status().is_object());
}

TEST_F(SupervisorTest, ASecondHelloAndAStrayDescriptorEndTheConnection) {
  TestClient twice = Connect();
  ASSERT_TRUE(twice.Hello(HelloOf("web")).has_value());
  twice.Send(HelloOf("web"));
  EXPECT_EQ(twice.ReceiveError(), EPROTO);
  EXPECT_TRUE(twice.ReceiveClosed());
  TestClient stray = Connect();
  stray.Send(wire::StatusRequest{}, STDERR_FILENO);
  EXPECT_EQ(stray.ReceiveError(), EPROTO);
  EXPECT_TRUE(stray.ReceiveClosed());
}

TEST_F(SupervisorTest, ASuccessorShowsItself) {
  TestClient client = Connect();
  ASSERT_TRUE(client.Hello(HelloOf("web")).has_value());
  const UniqueFd self(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
  client.Send(wire::Successor{5}, self.get());
  EXPECT_EQ(client.Receive(), std::optional<wire::Message>(wire::Succeeded{5}));
  client.Send(wire::Successor{}, STDERR_FILENO);
  EXPECT_EQ(client.ReceiveError(), EPROTO);
  EXPECT_TRUE(client.ReceiveClosed());
}

TEST_F(SupervisorTest, AClientThatDoesNotReadIsDropped) {
  TestClient deaf = Connect();
  fcntl(deaf.fd(), F_SETFL, O_NONBLOCK);
  const std::vector<uint8_t> request = wire::Encode(wire::StatusRequest{});
  int error = 0;
  for (int i = 0; i < 100000 && error != EPIPE && error != ECONNRESET; ++i) {
    error = SendPacket(deaf.fd(), request);
    // A full queue: the supervisor's turn.
    if (error == EAGAIN) {
      ASSERT_TRUE(Status().is_object());
    }
  }
  EXPECT_THAT(error, AnyOf(EPIPE, ECONNRESET));
}

TEST_F(SupervisorTest, OneDocumentPerClientIsInFlight) {
  TestClient greedy = Connect();
  // No third one, which the end of the connection could overtake.
  for (int i = 0; i < 2; ++i) greedy.Send(wire::StatusRequest{});
  // Whoever reads may ask again: so nothing is read before the supervisor has seen both.
  pollfd end = {.fd = greedy.fd(), .events = POLLRDHUP, .revents = 0};
  ASSERT_EQ(poll(&end, 1, 30000), 1);
  int documents = 0;
  std::optional<wire::Message> answer;
  while ((answer = greedy.Receive()).has_value() && std::holds_alternative<wire::Document>(*answer)) ++documents;
  EXPECT_LE(documents, 1);
  ASSERT_TRUE(answer.has_value() && std::holds_alternative<wire::Result>(*answer));
  EXPECT_EQ(std::get<wire::Result>(*answer).error, EPROTO);
  EXPECT_TRUE(greedy.ReceiveClosed());
}

TEST_F(SupervisorTest, EachUsersQuestionsAreAnsweredAmongThoseOfOthers) {
  EXPECT_EQ(InChild([&] {
              std::vector<TestClient> own;
              for (int i = 0; i < 50; ++i) own.emplace_back(supervisor_->socket_path());
              for (TestClient& client : own) client.Send(wire::StatusRequest{});
              // What has left is not waited for.
              own.erase(own.begin() + 25, own.end());
              if (!BecomeUser()) return 1;
              TestClient other = Connect();
              other.Send(wire::StatusRequest{});
              if (other.ReceiveDocument().empty()) return 2;
              for (TestClient& client : own) {
                if (client.ReceiveDocument().empty()) return 3;
              }
              return 0;
            }),
            0);
}

TEST_F(SupervisorTest, TwoDescriptorsInAPacketEndTheConnection) {
  TestClient client = Connect();
  const std::vector<uint8_t> bytes = wire::Encode(wire::StatusRequest{});
  iovec data = {.iov_base = const_cast<uint8_t*>(bytes.data()), .iov_len = bytes.size()};
  const int fds[2] = {STDERR_FILENO, STDERR_FILENO};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(fds))] = {};
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(fds));
  memcpy(CMSG_DATA(header), fds, sizeof(fds));
  ASSERT_GT(sendmsg(client.fd(), &message, MSG_NOSIGNAL), 0);
  std::string text;
  EXPECT_EQ(client.ReceiveError(&text), EPROTO);
  EXPECT_THAT(text, HasSubstr("more than one descriptor"));
  EXPECT_TRUE(client.ReceiveClosed());
}

class LimitedSupervisorTest : public SupervisorTest {
 protected:
  LimitedSupervisorTest() { config_ = "[limits]\nclients-per-user = 8\nnames-per-user = 2\ndescriptor-seconds = 60\n"; }
};

TEST_F(LimitedSupervisorTest, AFloodEndsAtTheLimitOfItsUser) {
  EXPECT_EQ(InChild([&] {
              if (!BecomeUser()) return 1;
              std::vector<TestClient> clients;
              for (int i = 0; i < 8; ++i) clients.emplace_back(supervisor_->socket_path());
              // Each is served, so each has been counted.
              for (TestClient& client : clients) {
                client.Send(wire::StatusRequest{});
                if (client.ReceiveDocument().empty()) return 2;
              }
              TestClient over = Connect();
              if (over.ReceiveError() != EMFILE) return 3;
              if (!over.ReceiveClosed()) return 4;
              clients.pop_back();
              clients.front().Send(wire::StatusRequest{});
              if (clients.front().ReceiveDocument().empty()) return 5;
              TestClient again = Connect();
              again.Send(wire::StatusRequest{});
              return again.ReceiveDocument().empty() ? 6 : 0;
            }),
            0);
  EXPECT_TRUE(Status().is_object());
}

TEST_F(SupervisorTest, AThousandServicesAtOnce) {
  std::vector<TestClient> clients;
  std::vector<UniqueFd> listeners;
  for (int i = 0; i < 1000; ++i) {
    clients.emplace_back(supervisor_->socket_path());
    const auto welcome = clients.back().Hello(HelloOf(absl::StrCat("service-", i)));
    ASSERT_TRUE(welcome.has_value()) << i;
    listeners.push_back(ListenOn({*welcome->addresses.v4, 80}, AF_INET6));
    ASSERT_TRUE(listeners.back().valid()) << i;
    wire::Listener shown = Published();
    shown.published = false;
    shown.dual_stack = true;
    ASSERT_EQ(clients.back().Listener(shown, listeners.back().get()), 0) << i;
  }
  EXPECT_EQ(Status()["services"].size(), 1000u);
  const size_t resident = supervisor_->ResidentBytes();
  RecordProperty("resident_kilobytes", static_cast<int>(resident / 1024));
  printf("with 1,000 services the supervisor has %zu kB resident\n", resident / 1024);
  // A sanitizer's shadow memory is not the supervisor's.
  if (!kSanitized) {
    EXPECT_LT(resident, size_t{32} << 20);
  }
}

TEST_F(SupervisorTest, AStrangersExactListenerKeepsItsPackets) {
  const UniqueFd stranger = ListenOn(E("198.51.100.7:80"));
  TestClient web = Connect();
  const UniqueFd listener = Publish(&web, "web");
  EXPECT_EQ(FromClient("198.51.100.7:80"), 0);
  EXPECT_TRUE(HasWaiting(stranger.get()));
  EXPECT_EQ(FromClient("192.0.2.7:80"), 0);
  EXPECT_TRUE(HasWaiting(listener.get()));
}

TEST_F(SupervisorTest, WithoutIpv6ItGoesOnWithIpv4) {
  ASSERT_EQ(supervisor_->Stop(SIGTERM), 0);
  ASSERT_EQ(supervisor_->RunToEnd({"--unload"}).exit_status, 0);
  for (const char* name : {"all", "default", "lo"}) {
    const UniqueFd file(
        open(absl::StrCat("/proc/sys/net/ipv6/conf/", name, "/disable_ipv6").c_str(), O_WRONLY | O_CLOEXEC));
    ASSERT_EQ(write(file.get(), "1", 1), 1);
  }
  ASSERT_EQ(supervisor_->Start(), absl::OkStatus());
  EXPECT_THAT(supervisor_->StderrText(), HasSubstr("IPv4 alone"));
  TestClient web = Connect();
  const UniqueFd listener = Publish(&web, "web");
  EXPECT_EQ(FromClient("192.0.2.7:80"), 0);
}

TEST_F(SupervisorTest, WhatThisBuildDoesNotHaveIsSaid) {
  supervisor_->Stop(SIGTERM);
  const auto ended = supervisor_->RunToEnd({"--backend", "reuseport"});
  EXPECT_EQ(ended.exit_status, 1);
  EXPECT_THAT(ended.stderr_text, HasSubstr("--backend reuseport: not in this build"));
}

TEST_F(SupervisorTest, TheBackendIsHookDWhereTheKernelHasItAndElseHookB) {
  if (KernelHasHookD()) {
    EXPECT_EQ(Status()["backend"], "hook-d");
    EXPECT_THAT(supervisor_->StderrText(), Not(HasSubstr("using backend")));
    return;
  }
  EXPECT_EQ(Status()["backend"], "hook-b");
  TestClient rest = Connect();
  wire::Hello hello = HelloOf("rest");
  hello.publish = {{.protocol = Protocol::kTcp, .port = kAnyPort, .guard = false, .stage = Stage::kF}};
  rest.Send(hello);
  std::string why;
  EXPECT_EQ(rest.ReceiveError(&why), EOPNOTSUPP);
  EXPECT_EQ(why, "this kernel has no hook F (see kernel-patches/README.md)");
  EXPECT_THAT(supervisor_->StderrText(),
              HasSubstr("this kernel has no hook D (see kernel-patches/README.md); using backend hook-b\n"));
  supervisor_->Stop(SIGTERM);
  const auto ended = supervisor_->RunToEnd({"--backend", "hook-d"});
  EXPECT_EQ(ended.exit_status, 1);
  EXPECT_EQ(ended.stderr_text, "forcebind-supervisor: this kernel has no hook D (see kernel-patches/README.md)\n");
  // What was published by hook-b is as it was.
  EXPECT_EQ(supervisor_->Start({"--backend", "hook-b"}), absl::OkStatus());
  EXPECT_THAT(supervisor_->StderrText(), Not(HasSubstr("no hook D")));
}

TEST_F(SupervisorTest, AWrongCommandLineIsExitStatus2) {
  EXPECT_EQ(supervisor_->RunToEnd({"--backend", "magic"}).exit_status, 2);
  EXPECT_EQ(supervisor_->RunToEnd({"--nonsense"}).exit_status, 2);
  EXPECT_EQ(supervisor_->RunToEnd({"--config", "/nonexistent.toml"}).exit_status, 1);
}

}  // namespace
}  // namespace forcebind
