// SPDX-License-Identifier: Apache-2.0
#include "launcher/doctor_checks.h"

#include <errno.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>

#include "launcher/doctor_probes.h"
#include "tests/unit/launcher/doctor_samples.h"

namespace forcebind {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

DoctorCheck Find(const std::vector<DoctorCheck>& checks, const std::string& name) {
  for (const DoctorCheck& check : checks) {
    if (check.name == name) return check;
  }
  ADD_FAILURE() << "no check \"" << name << "\"";
  return {};
}

DoctorCheck RunCheck(const DoctorFacts& facts, const char* name) { return Find(RunChecks(facts), name); }
DoctorCheck PublishCheck(const DoctorFacts& facts, const char* name) { return Find(PublishChecks(facts), name); }

TEST(DoctorChecks, AMachineWithEverythingHasNoComplaint) {
  for (const auto& checks : {RunChecks(EverythingWorks()), PublishChecks(EverythingWorks())}) {
    for (const DoctorCheck& check : checks) {
      EXPECT_EQ(check.level, CheckLevel::kOk) << check.name << ": " << check.meaning;
      EXPECT_EQ(check.advice, "") << check.name;
    }
  }
}

struct Fault {
  const char* check;
  CheckLevel level;
  void (*break_it)(DoctorFacts*);
};

// What each fact alone changes: one check, to this level, with advice.
class OneFault : public ::testing::TestWithParam<Fault> {};

TEST_P(OneFault, ChangesItsOwnCheckAndSaysWhatToDo) {
  DoctorFacts facts = EverythingWorks();
  GetParam().break_it(&facts);
  std::vector<DoctorCheck> checks = RunChecks(facts);
  for (const DoctorCheck& check : PublishChecks(facts)) checks.push_back(check);
  for (const DoctorCheck& check : checks) {
    const bool broken = check.name == GetParam().check;
    EXPECT_EQ(check.level, broken ? GetParam().level : CheckLevel::kOk) << check.name << ": " << check.meaning;
    EXPECT_EQ(check.advice.empty(), !broken) << check.name << ": " << check.advice;
  }
  Find(checks, GetParam().check);
}

constexpr auto kWarn = CheckLevel::kWarn, kMissing = CheckLevel::kMissing;
INSTANTIATE_TEST_SUITE_P(
    DoctorChecks, OneFault,
    ::testing::Values(
        Fault{"seccomp-notify", kMissing, [](DoctorFacts* facts) { facts->child.notify_sizes = ENOSYS; }},
        Fault{"wait-killable", kWarn, [](DoctorFacts* facts) { facts->child.wait_killable = EINVAL; }},
        Fault{"sync-wake-up", kWarn, [](DoctorFacts* facts) { facts->child.sync_wake_up = EINVAL; }},
        Fault{"pidfd-getfd", kMissing, [](DoctorFacts* facts) { facts->child.pidfd_getfd = EPERM; }},
        Fault{"pidfd-thread", kWarn, [](DoctorFacts* facts) { facts->child.pidfd_thread = EINVAL; }},
        Fault{"read-memory", kMissing, [](DoctorFacts* facts) { facts->child.read_memory = EPERM; }},
        Fault{"netns-cookie", kMissing, [](DoctorFacts* facts) { facts->netns_cookie = ENOPROTOOPT; }},
        Fault{"no-new-privs", kWarn, [](DoctorFacts* facts) { facts->capabilities &= ~(1ull << CAP_SYS_ADMIN); }},
        Fault{"cap-sys-ptrace", kWarn, [](DoctorFacts* facts) { facts->capabilities &= ~(1ull << CAP_SYS_PTRACE); }},
        Fault{"low-ports", kWarn, [](DoctorFacts* facts) { facts->capabilities &= ~(1ull << CAP_NET_BIND_SERVICE); }},
        Fault{"landlock", kWarn, [](DoctorFacts* facts) { facts->landlock_abi = 3; }},
        Fault{"ipv6", kWarn, [](DoctorFacts* facts) { facts->ipv6_socket = EAFNOSUPPORT; }},
        Fault{"ipv6", kWarn, [](DoctorFacts* facts) { facts->ipv6_bind = EADDRNOTAVAIL; }},
        Fault{"ula", kWarn, [](DoctorFacts* facts) { facts->ula_local = false; }},
        Fault{"cgroup-wall", kWarn, [](DoctorFacts* facts) { facts->supervisor.cgroup_wall = false; }},
        Fault{"bpffs", kWarn, [](DoctorFacts* facts) { facts->bpffs = false; }}));

// The same, for what only a supervisor needs, where none runs.
class NoPublishing : public ::testing::TestWithParam<Fault> {};

TEST_P(NoPublishing, IsMissingUntilASupervisorAnswersAllTheSame) {
  DoctorFacts facts = EverythingWorks();
  GetParam().break_it(&facts);
  const DoctorCheck beside = PublishCheck(facts, GetParam().check);
  EXPECT_EQ(beside.level, CheckLevel::kWarn);
  EXPECT_THAT(beside.meaning, HasSubstr("the supervisor that runs can do without"));
  facts.supervisor = {.trouble = "nobody"};
  const DoctorCheck alone = PublishCheck(facts, GetParam().check);
  EXPECT_EQ(alone.level, CheckLevel::kMissing);
  EXPECT_NE(alone.advice, "");
}

INSTANTIATE_TEST_SUITE_P(
    DoctorChecks, NoPublishing,
    ::testing::Values(Fault{"cgroup-v2", kMissing, [](DoctorFacts* facts) { facts->cgroup2 = ""; }},
                      Fault{"bpf-sk-lookup", kMissing, [](DoctorFacts* facts) { facts->bpf_lookup = EINVAL; }},
                      Fault{"bpf-cgroup", kMissing, [](DoctorFacts* facts) { facts->bpf_cgroup = EINVAL; }},
                      Fault{"bpf-sockops", kMissing, [](DoctorFacts* facts) { facts->bpf_sockops = EPERM; }},
                      Fault{"btf", kMissing, [](DoctorFacts* facts) { facts->btf = ENOENT; }}));

TEST(DoctorChecks, SaysWhetherTheUserOrTheKernelLacksBpf) {
  DoctorFacts facts = EverythingWorks();
  facts.supervisor = {};
  facts.bpf_lookup = EPERM;
  EXPECT_THAT(PublishCheck(facts, "bpf-sk-lookup").advice, HasSubstr("CAP_BPF"));
  facts.bpf_lookup = EINVAL;
  EXPECT_THAT(PublishCheck(facts, "bpf-sk-lookup").advice, HasSubstr("CONFIG_BPF_SYSCALL"));
}

TEST(DoctorChecks, WithoutAListenerNothingIsSaidOfItsFlags) {
  DoctorFacts facts = EverythingWorks();
  facts.child.new_listener = facts.child.wait_killable = facts.child.sync_wake_up = EBUSY;
  EXPECT_EQ(RunCheck(facts, "seccomp-listener").level, CheckLevel::kMissing);
  EXPECT_THAT(RunCheck(facts, "seccomp-listener").meaning, HasSubstr("another seccomp notifier"));
  for (const char* flag : {"wait-killable", "sync-wake-up"}) {
    EXPECT_EQ(RunCheck(facts, flag).level, CheckLevel::kWarn);
    EXPECT_THAT(RunCheck(facts, flag).meaning, HasSubstr("could not be tried"));
    EXPECT_EQ(RunCheck(facts, flag).advice, "");
  }
}

TEST(DoctorChecks, AProbeThatWasKilledIsNotTheKernelsRefusal) {
  DoctorFacts facts = EverythingWorks();
  facts.child = {ECHILD, ECHILD, ECHILD, ECHILD, ECHILD, ECHILD, ECHILD};
  for (const char* name : {"seccomp-notify", "seccomp-listener", "pidfd-getfd", "read-memory"}) {
    EXPECT_EQ(RunCheck(facts, name).level, CheckLevel::kMissing) << name;
    EXPECT_THAT(RunCheck(facts, name).meaning, HasSubstr("the probe was killed")) << name;
  }
}

TEST(DoctorChecks, YamaMattersOnlyWhereItForbids) {
  DoctorFacts facts = EverythingWorks();
  facts.yama_scope = 1;
  EXPECT_EQ(RunCheck(facts, "yama").level, CheckLevel::kOk);
  facts.child.pidfd_getfd = facts.child.read_memory = EPERM;
  for (const char* name : {"yama", "pidfd-getfd", "read-memory"}) {  // forcebind is the parent then
    EXPECT_EQ(RunCheck(facts, name).level, CheckLevel::kOk) << name;
    EXPECT_THAT(RunCheck(facts, name).meaning, HasSubstr("parent")) << name;
  }
  facts.yama_scope = 2;
  EXPECT_EQ(RunCheck(facts, "yama").level, CheckLevel::kWarn);
  EXPECT_THAT(RunCheck(facts, "pidfd-getfd").advice, HasSubstr("kernel.yama.ptrace_scope to 0"));
  facts.yama_scope = 3;
  EXPECT_THAT(RunCheck(facts, "yama").advice, HasSubstr("next boot"));
}

TEST(DoctorChecks, LowPortsFollowTheSysctl) {
  DoctorFacts facts = EverythingWorks();
  facts.capabilities = 0;
  facts.unprivileged_ports = 80;
  EXPECT_THAT(RunCheck(facts, "low-ports").meaning, HasSubstr("below 80,"));
  facts.unprivileged_ports = 0;
  EXPECT_EQ(RunCheck(facts, "low-ports").level, CheckLevel::kOk);
}

TEST(DoctorChecks, AnUnknownUlaPrefixMattersOnlyWithoutASupervisor) {
  DoctorFacts facts = EverythingWorks();
  facts.ula.reset();
  EXPECT_EQ(RunCheck(facts, "ula").level, CheckLevel::kOk);
  facts.supervisor = {};
  EXPECT_EQ(RunCheck(facts, "ula").level, CheckLevel::kWarn);
  EXPECT_THAT(RunCheck(facts, "ula").advice, HasSubstr("start forcebind-supervisor"));
}

TEST(DoctorChecks, ASupervisorThatWasNamedMustAnswer) {
  DoctorFacts facts = EverythingWorks();
  facts.supervisor = {.named = true, .trouble = "nobody"};
  EXPECT_EQ(RunCheck(facts, "named-supervisor").level, CheckLevel::kMissing);
  facts.supervisor.named = false;
  for (const DoctorCheck& check : RunChecks(facts)) EXPECT_NE(check.name, "named-supervisor");
}

TEST(DoctorChecks, SaysWhyNoSupervisorAnswers) {
  DoctorFacts facts = EverythingWorks();
  facts.supervisor = {.trouble = "connect to /x: ENOENT"};
  EXPECT_THAT(PublishCheck(facts, "supervisor").meaning, HasSubstr("connect to /x: ENOENT"));
  facts.supervisor.wanted = false;
  EXPECT_THAT(PublishCheck(facts, "supervisor").meaning, Not(HasSubstr("ENOENT")));
}

// The parent keeps what the child looks for until it has looked: only permission may be wanting.
TEST(DoctorProbe, FindsInTheParentWhatIsThere) {
  for (int i = 0; i < 50; ++i) {
    const ChildFacts facts = ProbeInChild();
    ASSERT_NE(facts.pidfd_getfd, EBADF);
    ASSERT_NE(facts.pidfd_getfd, ESRCH);
    ASSERT_NE(facts.read_memory, EFAULT);
    ASSERT_NE(facts.read_memory, ESRCH);
  }
}

TEST(DoctorChecks, SaysWhichHooksTheKernelHas) {
  DoctorFacts facts = EverythingWorks();
  for (const char* name : {"hook-d", "hook-f"}) {
    EXPECT_THAT(PublishCheck(facts, name).meaning, HasSubstr("not in this kernel (see kernel-patches/README.md)"));
  }
  facts.hook_d = true;
  EXPECT_THAT(PublishCheck(facts, "hook-d").meaning, HasSubstr("nobody need be tracked"));
  EXPECT_THAT(PublishCheck(facts, "hook-f").meaning, HasSubstr("not in this kernel"));
  facts.hook_f = true;
  EXPECT_THAT(PublishCheck(facts, "hook-f").meaning, HasSubstr("what nobody else takes"));
}

}  // namespace
}  // namespace forcebind
