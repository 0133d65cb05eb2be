// SPDX-License-Identifier: Apache-2.0
#include "launcher/doctor_report.h"

#include <errno.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/launcher/doctor_samples.h"

namespace forcebind {
namespace {

using ::testing::ContainsRegex;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(DoctorReport, SaysInTheLastLineThatAllWorks) {
  const Diagnosis diagnosis = Diagnose(EverythingWorks());
  EXPECT_TRUE(diagnosis.run_works);
  EXPECT_THAT(FormatDiagnosis(diagnosis), EndsWith("\nforcebind run works here; publishing works\n"));
  EXPECT_THAT(FormatDiagnosis(diagnosis),
              HasSubstr("\nok       supervisor        answers: version 1.2.3, backend hook-b\n"));
}

TEST(DoctorReport, WithoutASupervisorPublishingIsPossibleOnly) {
  DoctorFacts facts = EverythingWorks();
  facts.supervisor = {.trouble = "nobody"};
  const Diagnosis diagnosis = Diagnose(facts);
  EXPECT_TRUE(diagnosis.run_works);
  EXPECT_THAT(FormatDiagnosis(diagnosis),
              EndsWith("\nforcebind run works here; publishing would, with forcebind-supervisor running\n"));
  facts.btf = ENOENT;
  EXPECT_THAT(FormatDiagnosis(Diagnose(facts)), EndsWith("\nforcebind run works here; publishing does not\n"));
}

TEST(DoctorReport, ASupervisorThatAnswersPublishesWhateverThisUserMayNot) {
  DoctorFacts facts = EverythingWorks();
  facts.bpf_lookup = facts.bpf_cgroup = facts.bpf_sockops = EPERM;
  EXPECT_THAT(FormatDiagnosis(Diagnose(facts)), EndsWith("; publishing works\n"));
}

TEST(DoctorReport, WhatRunCannotDoWithoutIsMissingAndDecides) {
  DoctorFacts facts = EverythingWorks();
  facts.child.pidfd_getfd = EPERM;
  const Diagnosis diagnosis = Diagnose(facts);
  EXPECT_FALSE(diagnosis.run_works);
  EXPECT_THAT(FormatDiagnosis(diagnosis),
              ContainsRegex("\nmissing  pidfd-getfd  .*EPERM; give forcebind CAP_SYS_PTRACE"));
  EXPECT_THAT(FormatDiagnosis(diagnosis), HasSubstr("\nforcebind run does not work here; "));
}

TEST(DoctorReport, WarningsDecideNothing) {
  DoctorFacts facts = EverythingWorks();
  facts.capabilities = 0;
  facts.ula.reset();
  facts.bpffs = false;
  EXPECT_THAT(FormatDiagnosis(Diagnose(facts)), EndsWith("\nforcebind run works here; publishing works\n"));
}

TEST(DoctorReport, SaysWhatTheWallsHereDoNotHold) {
  DoctorFacts facts = EverythingWorks();
  facts.landlock_abi = 0;
  facts.supervisor.cgroup_wall = true;
  const std::string said = FormatDiagnosis(Diagnose(facts));
  EXPECT_THAT(said, HasSubstr("\nwalls (notify, cgroup)\nopen     udp-client "));
  EXPECT_THAT(said, ContainsRegex("\nopen     outside-process .*; closed by landlock\n"));
  EXPECT_THAT(said, Not(HasSubstr("outside-ring  ")));
  const auto json = nlohmann::json::parse(DiagnosisAsJson(Diagnose(facts)));
  EXPECT_EQ(json["walls"], nlohmann::json::array({"notify", "cgroup"}));
  EXPECT_EQ(json["open"][0]["name"], "udp-client");
}

TEST(DoctorReport, JsonHasTheSame) {
  DoctorFacts facts = EverythingWorks();
  facts.child.read_memory = EPERM;
  facts.supervisor = {};
  const Diagnosis diagnosis = Diagnose(facts);
  const auto json = nlohmann::json::parse(DiagnosisAsJson(diagnosis));
  EXPECT_EQ(json["run"], false);
  EXPECT_EQ(json["publishing"], "possible");
  ASSERT_EQ(json["checks"].size(), diagnosis.checks.size());
  for (size_t i = 0; i < diagnosis.checks.size(); ++i) {
    EXPECT_EQ(json["checks"][i]["name"], diagnosis.checks[i].name);
    EXPECT_EQ(json["checks"][i]["group"], diagnosis.checks[i].group == CheckGroup::kRun ? "run" : "publish");
    EXPECT_EQ(json["checks"][i]["level"] == "missing", diagnosis.checks[i].level == CheckLevel::kMissing);
  }
}

TEST(DoctorReport, WhatASupervisorSaysCannotSteerATerminal) {
  DoctorFacts facts = EverythingWorks();
  facts.supervisor.backend = "\x1b[2J\n\xc2\x9b";
  for (const char byte : FormatDiagnosis(Diagnose(facts))) {
    EXPECT_TRUE(byte == '\n' || (byte >= ' ' && byte < 127)) << static_cast<int>(byte);
  }
}

}  // namespace
}  // namespace forcebind
