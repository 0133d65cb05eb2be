// SPDX-License-Identifier: Apache-2.0
#include "supervisor/status_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <nlohmann/json.hpp>

#include "core/address_plan.h"
#include "supervisor/metrics.h"
#include "supervisor/status_http.h"
#include "tests/fakes/fake_backend.h"

namespace forcebind {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

class StatusReportTest : public ::testing::Test {
 protected:
  void SetUp() override {
    wire::Hello hello;
    hello.name = "web";
    hello.pid = 4711;
    hello.walls = {"notify", "landlock"};
    Publication publication;
    publication.port = 80;
    publication.on = {*Prefix::Parse("192.0.2.0/24"), *Prefix::Parse("198.51.100.7")};
    hello.publish = {publication};
    const auto admission = registry_.Admit({}, {1, 1}, hello);
    SocketReport report;
    report.is_socket = report.accepting = true;
    report.domain = AF_INET;
    report.type = SOCK_STREAM;
    report.protocol = IPPROTO_TCP;
    report.local = {*admission.welcome.addresses.v4, 80};
    report.netns_cookie = 1;
    report.cookie = 9;
    wire::Listener listener;
    listener.requested = *Endpoint::Parse("0.0.0.0:80");
    listener.published = true;
    session_ = admission.session;
    ASSERT_EQ(registry_.AddListener(session_, listener, report, 9).error, 0);
    backend_.counts[0] = {.dispatched = 12, .fell_through = 3};
  }

  Registry::SessionId session_ = 0;
  FakeBackend backend_;
  MemoryStateStore state_;
  AddressBook book_{DefaultPool(), std::nullopt};
  Registry registry_{{.pool = DefaultPool(), .ula = {}, .grants = {}, .own_netns_cookie = 1}, backend_, state_, book_};
};

TEST_F(StatusReportTest, TheShapeIsTheOneThatWasAgreed) {
  const Json status = Json::parse(StatusJson(registry_, backend_, {"cgroup"}));
  EXPECT_EQ(status["walls"], Json::array({"cgroup"}));
  EXPECT_EQ(status["backend"], "fake");
  const Json& service = status["services"][0];
  EXPECT_EQ(service["name"], "web");
  EXPECT_EQ(service["pid"], 4711);
  EXPECT_EQ(service["private"], Json::array({book_.entries().at("web").addresses.v4->ToString()}));
  EXPECT_EQ(service["walls"], Json::array({"notify", "landlock"}));
  const Json& listener = service["listeners"][0];
  EXPECT_EQ(listener["protocol"], "tcp");
  EXPECT_EQ(listener["requested"], "0.0.0.0:80");
  EXPECT_EQ(listener["private"], service["private"][0].get<std::string>() + ":80");
  EXPECT_EQ(listener["public"], Json::array({"192.0.2.0/24:80", "198.51.100.7:80"}));
  EXPECT_EQ(listener["published"], true);
  EXPECT_EQ(listener["connections"], 12);
}

TEST_F(StatusReportTest, AConnectListIsEnforcedByTheCgroupWall) {
  const auto word = [&] { return Json::parse(*ServiceJson(registry_, "limited"))["connect"]; };
  EXPECT_EQ(Json::parse(*ServiceJson(registry_, "web"))["connect"], "open");
  wire::Hello hello;
  hello.name = "limited";
  hello.connect_limited = true;
  const auto admission = registry_.Admit({}, {2, 1}, hello);
  EXPECT_EQ(word(), "not enforced");
  registry_.AddWall(admission.session, "cgroup");
  EXPECT_EQ(word(), "enforced");
}

TEST_F(StatusReportTest, OneServiceHasTheSameShape) {
  EXPECT_EQ(Json::parse(*ServiceJson(registry_, "web")),
            Json::parse(StatusJson(registry_, backend_, {"cgroup"}))["services"][0]);
  EXPECT_FALSE(ServiceJson(registry_, "api").has_value());
}

TEST(PublicText, IsWrittenForPeople) {
  const auto text = [](const char* prefix) { return PublicText(*Prefix::Parse(prefix), 80); };
  EXPECT_EQ(text("0.0.0.0/0"), "0.0.0.0:80");
  EXPECT_EQ(text("::/0"), "[::]:80");
  EXPECT_EQ(text("192.0.2.7/32"), "192.0.2.7:80");
  EXPECT_EQ(text("192.0.2.0/24"), "192.0.2.0/24:80");
  EXPECT_EQ(text("2001:db8::/32"), "[2001:db8::/32]:80");
  EXPECT_EQ(PublicText(*Prefix::Parse("0.0.0.0/0"), kAnyPort), "0.0.0.0:*");
  EXPECT_EQ(PublicText(*Prefix::Parse("::/0"), kAnyPort), "[::]:*");
}

TEST_F(StatusReportTest, MetricsCountWhatHappened) {
  registry_.Count(session_, {.verdicts = {5, 0, 0, 2}, .latency_us_log2 = {0, 1, 2, 4}});
  registry_.Count(session_, {.verdicts = {1}, .latency_us_log2 = {0, 1}});
  backend_.totals.assign_failed = 6;
  const std::string text = MetricsText(registry_, backend_, {.clients = 2, .refused_clients = 1});
  for (const char* line :
       {"forcebind_dispatched_total{service=\"web\"} 12\n", "forcebind_fell_through_total{service=\"web\"} 3\n",
        "forcebind_calls_total{verdict=\"rewritten\"} 6\n", "forcebind_calls_total{verdict=\"denied\"} 2\n",
        "forcebind_notify_latency_microseconds_bucket{le=\"2\"} 2\n",
        "forcebind_notify_latency_microseconds_bucket{le=\"4\"} 4\n",
        "forcebind_notify_latency_microseconds_bucket{le=\"+Inf\"} 8\n", "forcebind_errors_total{cause=\"assign\"} 6\n",
        "forcebind_errors_total{cause=\"client\"} 1\n", "forcebind_services 1\n", "forcebind_listeners 1\n",
        "forcebind_clients 2\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(StatusHttp, EveryRequestHasItsAnswer) {
  const StatusPages pages{
      .services = [] { return "all"; },
      .service =
          [](const std::string& name) { return name == "web" ? std::optional<std::string>("web") : std::nullopt; },
      .explain = [](const wire::ExplainRequest& request) { return request.endpoint.ToString(); },
      .metrics = [] { return "metrics"; }};
  const auto code = [&](const HttpRequest& request) { return AnswerHttp(request, pages).code; };
  EXPECT_EQ(AnswerHttp({.method = "GET", .path = "/v1/services"}, pages).body, "all");
  EXPECT_EQ(AnswerHttp({.method = "GET", .path = "/v1/services/web"}, pages).body, "web");
  EXPECT_EQ(AnswerHttp({.method = "GET", .path = "/metrics"}, pages).body, "metrics");
  const HttpRequest explain{.method = "GET", .path = "/v1/explain", .protocol = "tcp", .endpoint = "192.0.2.7:80"};
  EXPECT_EQ(AnswerHttp(explain, pages).body, "192.0.2.7:80");
  EXPECT_EQ(code({.method = "GET", .path = "/v1/services/"}), 404);
  EXPECT_EQ(code({.method = "GET", .path = "/v1/services/api"}), 404);
  EXPECT_EQ(code({.method = "GET", .path = "/"}), 404);
  EXPECT_EQ(code({.method = "POST", .path = "/"}), 404);
  EXPECT_EQ(code({.method = "POST", .path = "/metrics"}), 405);
  EXPECT_EQ(code({.method = "DELETE", .path = "/v1/services/web"}), 405);
  EXPECT_EQ(code({.method = "GET", .path = "/v1/explain"}), 400);
  EXPECT_EQ(code({.method = "GET", .path = "/v1/explain", .protocol = "tcp", .endpoint = "192.0.2.7"}), 400);
  EXPECT_EQ(code({.method = "GET", .path = "/v1/explain", .protocol = "sctp", .endpoint = "192.0.2.7:80"}), 400);
}

}  // namespace
}  // namespace forcebind
