// SPDX-License-Identifier: Apache-2.0
// The real supervisor on a kernel with hook D: what it leaves out, and how it changes places with hook-b.
#include <dirent.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <set>
#include <thread>

#include "tests/netns/supervisor_fixture.h"

namespace forcebind {
namespace {

using ::testing::Contains;
using ::testing::Not;

class HookDTest : public SupervisorTest {
 protected:
  std::set<std::string> Pinned() {
    std::set<std::string> names;
    DIR* directory = opendir(supervisor_->bpf_dir().c_str());
    while (const dirent* entry = directory != nullptr ? readdir(directory) : nullptr) names.insert(entry->d_name);
    if (directory != nullptr) closedir(directory);
    return names;
  }
  void Restart(const char* backend) {
    ASSERT_EQ(supervisor_->Stop(SIGTERM), 0);
    ASSERT_EQ(supervisor_->Start({"--backend", backend}), absl::OkStatus());
    ASSERT_EQ(Status()["backend"], backend);
  }
  Json Explain(const std::string& endpoint) {
    TestClient client = Connect();
    client.Send(wire::ExplainRequest{.protocol = Protocol::kTcp, .endpoint = E(endpoint)});
    return Json::parse(client.ReceiveDocument(), nullptr, false);
  }
};

TEST_F(HookDTest, TracksNobody) {
  EXPECT_EQ(Status()["backend"], "hook-d");
  const auto pinned = Pinned();
  EXPECT_THAT(pinned, Contains("link_fb_lookup"));
  for (const char* tracking : {"exact", "records", "link_fb_tcp_listen", "link_fb_tcp_state", "link_fb_udp_connect4",
                               "link_fb_udp_release", "link_fb_bound4", "link_fb_bound6"}) {
    EXPECT_THAT(pinned, Not(Contains(tracking)));
  }
}

TEST_F(HookDTest, ExplainNamesTheStage) {
  TestClient web = Connect();
  const UniqueFd listener = Publish(&web, "web");
  const Json published = Explain("192.0.2.7:80");
  EXPECT_EQ(published["winner"]["stage"], "D") << published;
  EXPECT_EQ(published["winner"]["service"], "web");
  const UniqueFd exact = ListenOn(E("192.0.2.8:80"));
  const Json specific = Explain("192.0.2.8:80");
  EXPECT_EQ(specific["winner"]["stage"], "C") << specific;
}

TEST_F(HookDTest, ASwitchOfBackendsLosesNoConnection) {
  TestClient web = Connect();
  const UniqueFd listener = Publish(&web, "web");
  const UniqueFd exact = ListenOn(E("192.0.2.8:80"));
  ASSERT_TRUE(listener.valid() && exact.valid());
  std::atomic<bool> stop = false;
  std::atomic<int> answered = 0;
  std::atomic<bool> failed = false;
  std::thread clients([&] {
    while (!stop && !failed) {
      failed = FromClient("192.0.2.7:80") != 0 || !HasWaiting(listener.get()) || FromClient("192.0.2.8:80") != 0 ||
               !HasWaiting(exact.get());
      ++answered;
    }
  });
  for (const char* backend : {"hook-b", "hook-d", "hook-b", "hook-b", "hook-d"}) {
    Restart(backend);
    const int before = answered;
    while (answered < before + 3 && !failed) std::this_thread::yield();
  }
  stop = true;
  clients.join();
  EXPECT_FALSE(failed);
  EXPECT_EQ(Status()["services"].size(), 1u);
}

// A listener that came while nobody was tracked, and one that went.
TEST_F(HookDTest, HookBKnowsTheListenersThatItFinds) {
  TestClient web = Connect();
  const UniqueFd listener = Publish(&web, "web");
  Restart("hook-b");
  UniqueFd gone = ListenOn(E("192.0.2.7:80"));
  Restart("hook-d");
  gone.reset();
  const UniqueFd exact = ListenOn(E("192.0.2.8:80"));
  Restart("hook-b");
  EXPECT_THAT(Pinned(), Contains("exact"));
  EXPECT_EQ(FromClient("192.0.2.7:80"), 0);
  EXPECT_TRUE(HasWaiting(listener.get()));
  EXPECT_EQ(FromClient("192.0.2.8:80"), 0);
  EXPECT_TRUE(HasWaiting(exact.get()));
}

// Publishes every TCP port at stage F from 127.…:9090, by its first listener.
TEST_F(HookDTest, AServiceTakesWhatNobodyElseTakes) {
  TestClient rest = Connect(), web = Connect();
  wire::Hello hello = HelloOf("rest");
  hello.publish = {{.protocol = Protocol::kTcp, .port = kAnyPort, .guard = false, .stage = Stage::kF}};
  const auto welcome = rest.Hello(hello);
  ASSERT_TRUE(welcome.has_value());
  const Endpoint first{*welcome->addresses.v4, 9090}, second{*welcome->addresses.v4, 9091};
  const auto open = [&](const Endpoint& target) {
    EXPECT_EQ(rest.Claim({.protocol = Protocol::kTcp, .target = target, .dual_stack = true}), 0);
    UniqueFd listener = ListenOn(target, AF_INET6);
    EXPECT_EQ(rest.Listener(Published(), listener.get()), 0);
    return listener;
  };
  UniqueFd oldest = open(first);
  const UniqueFd younger = open(second);
  const auto gets = [&](const std::string& endpoint, const UniqueFd& listener) {
    return FromClient(endpoint) == 0 && HasWaiting(listener.get());
  };
  EXPECT_TRUE(gets("192.0.2.7:80", oldest));
  EXPECT_TRUE(gets("192.0.2.7:65535", oldest));
  EXPECT_TRUE(gets("[2001:db8::7]:1", oldest));
  const UniqueFd published = Publish(&web, "web");
  const UniqueFd exact = ListenOn(E("192.0.2.8:81")), wildcard = ListenOn(E("0.0.0.0:82"));
  EXPECT_TRUE(gets("192.0.2.7:80", published));
  EXPECT_TRUE(gets("192.0.2.8:81", exact));
  EXPECT_TRUE(gets("192.0.2.7:81", oldest));
  EXPECT_TRUE(gets("192.0.2.7:82", wildcard));
  // Private addresses are nobody's but their service's.
  EXPECT_EQ(ConnectTo("127.84.3.9:1234"), ECONNREFUSED);
  // Its ULA leads to each of its dual-stack listeners on their ports.
  EXPECT_EQ(ConnectTo(Endpoint{*welcome->addresses.v6, 9091}.ToString()), 0);
  EXPECT_TRUE(HasWaiting(younger.get()));

  const Json explained = Explain("192.0.2.7:1234");
  EXPECT_EQ(explained["winner"]["stage"], "F") << explained;
  EXPECT_EQ(explained["winner"]["service"], "rest");
  for (const char* endpoint : {"192.0.2.7:1234", "192.0.2.7:9091"}) {
    const Json winner = Explain(endpoint)["winner"];
    EXPECT_EQ(winner["socket"], (Endpoint{first.address.Mapped(), first.port}.ToString())) << endpoint;
    EXPECT_EQ(winner["pid"], getpid()) << endpoint;
  }
  EXPECT_EQ(Explain("192.0.2.7:82")["winner"]["stage"], "E");

  // Another service may not have it as well.
  TestClient late = Connect();
  wire::Hello other = hello;
  other.name = "other";
  const auto second_welcome = late.Hello(other);
  ASSERT_TRUE(second_welcome.has_value());
  EXPECT_EQ(late.Claim({.protocol = Protocol::kTcp, .target = {*second_welcome->addresses.v4, 80}}), EADDRINUSE);

  const auto listeners = [&] {
    const Json status = Status();
    for (const Json& service : status["services"]) {
      if (service["name"] == "rest") return service["listeners"];
    }
    return Json();
  };
  for (const Json& listener : listeners()) {
    EXPECT_EQ(listener["stage"], "F");
    const bool leads = listener["private"] == first.ToString();
    EXPECT_EQ(listener["public"], leads ? Json({"0.0.0.0:*", "[::]:*"}) : Json::array()) << listener;
  }
  Restart("hook-d");
  EXPECT_TRUE(gets("192.0.2.7:1234", oldest));
  EXPECT_EQ(listeners().size(), 2u);
  oldest.reset();
  EXPECT_EQ(FromClient("192.0.2.7:1234"), ECONNREFUSED) << "its companion has not said again what it publishes";
}

TEST_F(HookDTest, TheNextListenerTakesOverAfterARestartToo) {
  TestClient rest = Connect();
  wire::Hello hello = HelloOf("rest");
  hello.publish = {{.protocol = Protocol::kTcp, .port = kAnyPort, .guard = false, .stage = Stage::kF}};
  const auto welcome = rest.Hello(hello);
  ASSERT_TRUE(welcome.has_value());
  UniqueFd first = ListenOn({*welcome->addresses.v4, 9090});
  ASSERT_EQ(rest.Listener(Published(), first.get()), 0);
  const UniqueFd second = ListenOn({*welcome->addresses.v4, 9091});
  ASSERT_EQ(rest.Listener(Published(), second.get()), 0);
  Restart("hook-d");
  TestClient back = Connect();
  hello.resumed = true;
  ASSERT_TRUE(back.Hello(hello).has_value());
  first.reset();
  EXPECT_EQ(Status()["services"][0]["listeners"].size(), 1u);
  EXPECT_EQ(FromClient("192.0.2.7:1234"), 0);
  EXPECT_TRUE(HasWaiting(second.get()));
}

}  // namespace
}  // namespace forcebind
