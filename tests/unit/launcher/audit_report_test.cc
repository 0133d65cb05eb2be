// SPDX-License-Identifier: Apache-2.0
#include "launcher/audit_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace forcebind {
namespace {

using ::testing::HasSubstr;

AuditDocument Parsed(const std::string& text) {
  const auto report = ParseAudit(text);
  EXPECT_TRUE(report.ok()) << report.status();
  return report.value_or(AuditDocument());
}

TEST(AuditReport, WithoutFindingsItIsOneLine) {
  const AuditDocument report = Parsed(R"({"findings": [], "services": 1, "processes": 0, "sockets": 2})");
  EXPECT_EQ(report.Findings(), 0u);
  EXPECT_EQ(FormatAudit(report, 80), "no findings in 1 service, no processes, 2 sockets\n");
  EXPECT_TRUE(CheckComplete(report).ok());
}

TEST(AuditReport, AFindingIsARowAndWhatIsAllowedIsNoFinding) {
  const AuditDocument report = Parsed(R"({"findings": [
    {"service": "web", "pid": 12, "command": "a\u001b", "protocol": "tcp", "socket": "0.0.0.0:80", "why": "listens"},
    {"service": "web", "pid": 0, "protocol": "udp", "socket": "[::]:53", "why": "is bound", "allowed": true}],
    "services": 1, "processes": 2, "sockets": 2})");
  EXPECT_EQ(report.Findings(), 1u);
  EXPECT_EQ(FormatAudit(report, 120),
            "1 finding in 1 service, 2 processes, 2 sockets\n"
            "\n"
            "SERVICE  PID  COMMAND  PROTO  SOCKET      WHY\n"
            "web       12  a\\x1b    tcp    0.0.0.0:80  listens\n"
            "web        -  -        udp    [::]:53     allowed: is bound\n");
}

TEST(AuditReport, WhatCouldNotBeSeenIsSaid) {
  AuditDocument report = Parsed(R"({"findings": [], "unseen": [{"pid": 3, "error": "EACCES"}, {"pid": 4}]})");
  EXPECT_THAT(std::string(CheckComplete(report).message()), HasSubstr("may not look into process 3, 4"));
  report = Parsed(R"({"findings": [], "trouble": "list the sockets of TCP: ENOENT"})");
  EXPECT_THAT(std::string(CheckComplete(report).message()), HasSubstr("nothing was seen: list the sockets of TCP"));
}

TEST(AuditReport, AnotherAnswerIsNone) {
  EXPECT_FALSE(ParseAudit("{}").ok());
  EXPECT_FALSE(ParseAudit("[]").ok());
  EXPECT_FALSE(ParseAudit(R"({"findings": 1})").ok());
}

}  // namespace
}  // namespace forcebind
