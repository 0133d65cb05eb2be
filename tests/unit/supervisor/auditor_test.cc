// SPDX-License-Identifier: Apache-2.0
#include "supervisor/auditor.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <nlohmann/json.hpp>

namespace forcebind {
namespace {

DiagSocket Listener(uint64_t cookie) {
  return {.family = AF_INET, .protocol = IPPROTO_TCP, .state = TCP_LISTEN, .port = 80, .cookie = cookie, .inode = 7};
}

std::vector<uint64_t> CookiesOf(const std::vector<DiagSocket>& sockets) {
  std::vector<uint64_t> cookies;
  for (const DiagSocket& socket : sockets) cookies.push_back(socket.cookie);
  return cookies;
}

TEST(StillThere, WhatHasGoneOrHasJustComeIsLeftOut) {
  EXPECT_EQ(CookiesOf(StillThere({Listener(1), Listener(2)}, {Listener(2), Listener(3)})), std::vector<uint64_t>({2}));
}

TEST(StillThere, WhatHasChangedMeanwhileIsAnotherMatter) {
  const std::vector<DiagSocket> before = {Listener(1)};
  DiagSocket now = Listener(1);
  EXPECT_EQ(StillThere(before, {now}).size(), 1u);
  now.port = 81;
  EXPECT_TRUE(StillThere(before, {now}).empty());
  now = Listener(1);
  now.address[0] = 127;
  EXPECT_TRUE(StillThere(before, {now}).empty());
  now = Listener(1);
  now.inode = 8;
  EXPECT_TRUE(StillThere(before, {now}).empty());
  now = Listener(1);
  now.state = TCP_ESTABLISHED;
  EXPECT_TRUE(StillThere(before, {now}).empty());
}

TEST(AuditJson, SaysWhatWasSeenAndWhatNot) {
  AuditReport report{.trouble = "", .services = 2, .processes = 3, .sockets = 4};
  report.unseen[4711] = "EACCES";
  report.findings.push_back({.service = "web",
                             .pid = 12,
                             .command = "a\xff",
                             .socket = {.protocol = Protocol::kUdp, .local = *Endpoint::Parse("[::]:53")},
                             .standing = Standing::kLetIn,
                             .why = "is bound"});
  EXPECT_FALSE(report.complete());
  const auto json = nlohmann::json::parse(AuditJson(report));
  EXPECT_EQ(json["processes"], 3);
  EXPECT_EQ(json["unseen"][0]["pid"], 4711);
  EXPECT_EQ(json["findings"][0]["protocol"], "udp");
  EXPECT_EQ(json["findings"][0]["socket"], "[::]:53");
  EXPECT_EQ(json["findings"][0]["allowed"], true);
}

}  // namespace
}  // namespace forcebind
