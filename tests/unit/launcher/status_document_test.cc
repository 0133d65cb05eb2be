// SPDX-License-Identifier: Apache-2.0
#include "launcher/status_document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace forcebind {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(ParseStatus, ReadsEveryKeyOfTheShape) {
  const auto status = ParseStatus(R"({"backend": "hook-b", "version": "0.1.0", "services": [{"name": "nginx",
      "pid": 12, "private": ["127.84.3.1"], "walls": ["notify"], "attached": false, "listeners": [{"protocol": "tcp",
      "requested": "0.0.0.0:80", "private": "127.84.3.1:80", "public": ["0.0.0.0:80"], "published": true,
      "connections": 7, "reachable": ["127.84.3.1:80"], "egress": true}]}]})");
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->backend, "hook-b");
  EXPECT_EQ(status->version, "0.1.0");
  ASSERT_EQ(status->services.size(), 1u);
  const StatusService& service = status->services[0];
  EXPECT_EQ(service.name, "nginx");
  EXPECT_EQ(service.pid, 12);
  EXPECT_FALSE(service.attached);
  EXPECT_THAT(service.addresses, ElementsAre("127.84.3.1"));
  ASSERT_EQ(service.listeners.size(), 1u);
  const StatusListener& listener = service.listeners[0];
  EXPECT_EQ(listener.protocol, "tcp");
  EXPECT_EQ(listener.requested, "0.0.0.0:80");
  EXPECT_EQ(listener.bound, "127.84.3.1:80");
  EXPECT_THAT(listener.public_places, ElementsAre("0.0.0.0:80"));
  EXPECT_THAT(listener.reachable, ElementsAre("127.84.3.1:80"));
  EXPECT_TRUE(listener.published);
  EXPECT_TRUE(listener.egress);
  EXPECT_EQ(listener.connections, 7);
}

TEST(ParseStatus, SortsServicesByNameAndListenersByProtocolAndPort) {
  const auto status = ParseStatus(R"({"services": [{"name": "b"}, {"name": "a", "listeners": [
      {"protocol": "udp", "private": "127.0.0.2:1"}, {"protocol": "tcp", "private": "127.0.0.2:100"},
      {"protocol": "tcp", "private": "127.0.0.2:99"}]}]})");
  ASSERT_TRUE(status.ok());
  ASSERT_EQ(status->services.size(), 2u);
  EXPECT_EQ(status->services[0].name, "a");
  std::vector<std::string> places;
  for (const StatusListener& listener : status->services[0].listeners) places.push_back(listener.bound);
  EXPECT_THAT(places, ElementsAre("127.0.0.2:99", "127.0.0.2:100", "127.0.0.2:1"));
}

TEST(ParseStatus, ValuesOfAnotherTypeCountAsEmpty) {
  const auto status = ParseStatus(R"({"backend": 3, "services": [7, {"name": ["x"], "pid": "p", "private": {"a": 1},
      "listeners": {"a": 1}}]})");
  ASSERT_TRUE(status.ok());
  ASSERT_EQ(status->services.size(), 1u);
  EXPECT_EQ(status->services[0].name, "");
  EXPECT_EQ(status->services[0].pid, 0);
  EXPECT_TRUE(status->services[0].listeners.empty());
}

TEST(ParseStatus, WhatIsNoStatusIsAnError) {
  for (const char* text : {"", "[]", "3", "{", "{}", R"({"services": 3})", "\xff"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseStatus(text).status())) << text;
  }
}

TEST(ParseStatus, ADeepTextIsCutAndNotFollowedForEver) {
  const std::string deep(200000, '[');
  EXPECT_TRUE(absl::IsInvalidArgument(ParseStatus(deep).status()));
  const std::string closed = R"({"services": [], "x": )" + deep + std::string(deep.size(), ']') + "}";
  const auto json = StatusAsJson(closed, "");
  ASSERT_TRUE(json.ok());
  EXPECT_LT(json->size(), 2000u);
}

TEST(StatusAsJson, KeepsWhatItDoesNotKnow) {
  const auto json = StatusAsJson(R"({"new": {"key": 1}, "services": []})", "");
  ASSERT_TRUE(json.ok());
  EXPECT_THAT(*json, HasSubstr(R"("key": 1)"));
}

TEST(StatusAsJson, GivesOneServiceByName) {
  const char text[] = R"({"backend": "hook-b", "services": [{"name": "a", "pid": 1}, {"name": "b", "pid": 2}]})";
  const auto json = StatusAsJson(text, "b");
  ASSERT_TRUE(json.ok());
  EXPECT_THAT(*json, HasSubstr(R"("pid": 2)"));
  EXPECT_THAT(*json, Not(HasSubstr("backend")));
  EXPECT_TRUE(absl::IsNotFound(StatusAsJson(text, "c").status()));
}

TEST(StatusAsJson, SendsNoControlCharacterToATerminal) {
  const auto json = StatusAsJson("{\"services\": [], \"x\": \"\\u001b[31m \xc2\x9b \x7f \xe2\x80\xae\"}", "");
  ASSERT_TRUE(json.ok());
  for (const char byte : *json) EXPECT_TRUE(byte == '\n' || (byte >= ' ' && byte < 127)) << static_cast<int>(byte);
  EXPECT_THAT(*json, HasSubstr("\\u001b[31m \\u009b \\u007f \\u202e"));
}

}  // namespace
}  // namespace forcebind
