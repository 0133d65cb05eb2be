// SPDX-License-Identifier: Apache-2.0
// Runs the corpus (tests/escape/cases.h): each attempt natively and at every level, as root and as an ordinary user,
// dynamic, static and of 32 bits, each run on a host of its own.
//
// FORCEBIND_ESCAPE_TRIES makes it a long run, with every program as every user: how often a race is tried under
// forcebind, at least. Natively it is tried until it has been won a hundred times.
// FORCEBIND_CORPUS_KERNEL says that the kernel has the protocols and the ABI of Kernel::kCorpus.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>

#include <algorithm>
#include <fstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/escape/cases.h"
#include "tests/escape/verdict.h"
#include "tests/support/child_process.h"
#include "tests/support/sanitized.h"
#include "tests/support/service_host.h"
#include "tests/support/supervisor_process.h"

namespace forcebind {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using Words = std::vector<std::string>;

constexpr long kNativeWins = 100, kNativeTries = 1'000'000;
constexpr char kDefaultTries[] = "200";
constexpr char kProfile[] = "/mnt/profile.toml";
constexpr char kSupervisorConfig[] = "ula = \"fd5e:1f2a:90c1::/48\"\n";

struct Program {
  const char* suffix;
  bool is_32_bit;
};
constexpr Program kPrograms[] = {{"", false}, {"_static", false}, {"_32", true}};

// One run of a case. `level` is null for the native one.
struct Setup {
  const EscapeCase& escape;
  const Level* level;
  Program program;
  bool root;
  long tries;
};

struct Outcome {
  Words escaped;
  bool held = false;  // the attempt came to its end
  long tries = 0;
  std::string said;
};

Words AttemptWords(const Setup& setup) {
  const EscapeCase& escape = setup.escape;
  if (!escape.probe.empty()) {
    return Join(Join({absl::StrCat("/mnt/bin/probe", setup.program.suffix)}, escape.probe), {"hold"});
  }
  Words words = {absl::StrCat("/mnt/bin/attempt", setup.program.suffix)};
  if (escape.race) {
    if (setup.level == nullptr) words.push_back("--naive");
    words = Join(words, {"--wins", absl::StrCat(kNativeWins), "--tries", absl::StrCat(setup.tries)});
  }
  return Join(words, escape.attempt);
}

Words CommandWords(const Setup& setup, const std::string& supervisor) {
  const EscapeCase& escape = setup.escape;
  Words words;
  if (!escape.inherited.empty()) words = {"/mnt/bin/attempt", "outer", escape.inherited};
  if (setup.level != nullptr) {
    Words options;
    for (const Wall wall : setup.level->walls) options = Join(options, {"--wall", ToString(wall)});
    if (!escape.profile.empty()) options = Join(options, {"--profile", kProfile});
    words = Join(words, PrivateRun(options, supervisor));
  }
  return Join(words, AttemptWords(setup));
}

// Natively a bystander stands where the companion would.
std::string BystanderOf(const Setup& setup) {
  const EscapeCase& escape = setup.escape;
  if (escape.victim != Victim::kCompanion) return escape.bystander;
  if (setup.level != nullptr) return "";
  return escape.bystander.empty() ? "idle" : escape.bystander;
}

pid_t VictimOf(const Setup& setup, const ChildProcess& service, const ChildProcess* bystander) {
  if (setup.level == nullptr || setup.escape.victim == Victim::kBystander) return bystander->pid();
  std::vector<pid_t> found = FindProcesses("forcebind");
  std::erase(found, service.pid());
  EXPECT_EQ(found.size(), 1u);
  return found.empty() ? -1 : found.front();
}

// Reads until `marker`. What listens meanwhile is seen as well: it may be gone when the attempt is done.
bool WatchUntil(const std::string& marker, ChildProcess& child, const ServiceHost& host, Words* seen) {
  while (child.output().find(marker) == std::string::npos) {
    pollfd readable = {.fd = child.terminal(), .events = POLLIN, .revents = 0};
    if (poll(&readable, 1, 20) != 0) {
      if (!child.ReadSome()) return false;
      continue;
    }
    for (const std::string& line : NotPrivate(host.Listeners())) {
      if (line.rfind("tcp ", 0) == 0) seen->push_back(line);
    }
  }
  return true;
}

long TriesSaid(const std::string& output) {
  const size_t place = output.rfind("tries ");
  long tries = 0;
  if (place != std::string::npos) tries = atol(output.c_str() + place + 6);
  return tries;
}

// What it would inherit is there before forcebind looks, whatever forcebind then says.
bool IsWatched(const Setup& setup) {
  const EscapeCase& escape = setup.escape;
  if (setup.level == nullptr || escape.way.has_value() || !escape.inherited.empty()) return false;
  return !escape.for_a_moment.has_value() || !IsOpen(FactsOf(*escape.for_a_moment), setup.level->walls);
}

Outcome Run(const Setup& setup) {
  ServiceHost host({"attempt", "attempt_static", "attempt_32"});
  if (!setup.escape.profile.empty()) std::ofstream(kProfile) << setup.escape.profile;
  const auto become = [&] {
    if (!setup.root) BecomeOrdinaryUser();
  };
  std::unique_ptr<ChildProcess> bystander;
  if (const std::string has = BystanderOf(setup); !has.empty()) {
    bystander = std::make_unique<ChildProcess>(Words{"/mnt/bin/attempt", "bystander", has}, ChildInput::kPipe, become);
    EXPECT_TRUE(bystander->ReadUntil("ready\n"));
  }
  std::unique_ptr<SupervisorProcess> supervisor;
  if (setup.level != nullptr && setup.level->Has(Wall::kCgroup)) {
    supervisor = std::make_unique<SupervisorProcess>(host.network().bpffs(), kSupervisorConfig);
    EXPECT_EQ(supervisor->Start(), absl::OkStatus());
  }
  const MarkedRun run;
  ChildProcess child(CommandWords(setup, supervisor ? supervisor->socket_path() : "none"), ChildInput::kPipe, [&] {
    run.Mark();
    become();
  });
  Outcome outcome;
  if (setup.escape.victim != Victim::kNobody && child.ReadUntil("ready\n")) {
    child.Write(absl::StrCat(VictimOf(setup, child, bystander.get()), "\n"));
  }
  Words seen;
  const bool watched = bystander == nullptr && IsWatched(setup);
  outcome.held = watched ? WatchUntil("holding\n", child, host, &seen) : child.ReadUntil("holding\n");
  // What it holds itself is no escape. One that was made to do something is let live.
  if (bystander != nullptr && !setup.escape.bystander.empty() && setup.escape.attempt.front() != "trace-victim") {
    bystander->CloseInput();
    bystander->Wait();
  }
  outcome.escaped = Join(run.Escaped(host), seen);
  child.CloseInput();
  outcome.said = absl::StrCat(child.ReadAll(), child.ErrorText());
  outcome.tries = TriesSaid(child.output());
  return outcome;
}

std::string Describe(const Setup& setup) {
  return absl::StrCat(setup.escape.reason, "\n", setup.level != nullptr ? setup.level->name() : "natively", ", ",
                      setup.root ? "root" : "ordinary user", ", program", setup.program.suffix);
}

const char* WantedTries() { return getenv("FORCEBIND_ESCAPE_TRIES"); }

long ForcedTries() {
  long tries = 0;
  EXPECT_TRUE(absl::SimpleAtoi(WantedTries() != nullptr ? WantedTries() : kDefaultTries, &tries));
  return tries;
}

// Unless a long run is wanted: static programs as root, those of 32 bits as an ordinary user, races with neither.
bool IsFor(const EscapeCase& escape, const Program& program, bool root) {
  if (escape.who == (root ? Who::kOrdinaryUser : Who::kRoot)) return false;
  if (escape.code == Code::kOnly64Bit && program.is_32_bit) return false;
  if (WantedTries() != nullptr || program.suffix[0] == '\0') return true;
  return !escape.race && (escape.who != Who::kEverybody || root != program.is_32_bit);
}

// A supervisor takes its time to start. Unless a long run is wanted: without sanitizers only, dynamic programs, behind
// `cgroup` alone as root, behind all walls as an ordinary user.
bool IsFor(const EscapeCase& escape, const Level& level, const Program& program, bool root) {
  if (!level.Has(Wall::kCgroup) || WantedTries() != nullptr) return true;
  if (kSanitized) return false;
  return program.suffix[0] == '\0' && (escape.who != Who::kEverybody || root != level.Has(Wall::kNotify));
}

int YamaScope() {
  std::ifstream file("/proc/sys/kernel/yama/ptrace_scope");
  int scope = 0;
  file >> scope;
  return scope;
}

bool IsHeldByYama(const Setup& setup) { return setup.escape.attaches && !setup.root && YamaScope() >= 1; }

// Where nobody but root may look into another process, the companion of an ordinary user's service could not either
// (docs/adr/0008-parent-mode.md).
bool IsStarted(const Setup& setup) { return setup.escape.starts && (setup.root || YamaScope() < 2); }

// How often a race was tried.
long ExpectNativeEscape(const Setup& setup) {
  const Outcome outcome = Run(setup);
  SCOPED_TRACE(absl::StrCat(Describe(setup), "\n", outcome.said));
  if (IsHeldByYama(setup)) {
    EXPECT_THAT(outcome.escaped, IsEmpty());
    return outcome.tries;
  }
  EXPECT_TRUE(outcome.held);
  EXPECT_THAT(outcome.escaped, Contains(StartsWith(setup.escape.escapes))) << "proves nothing";
  if (setup.escape.race) {
    EXPECT_GE(outcome.escaped.size(), static_cast<size_t>(kNativeWins));
  }
  return outcome.tries;
}

// Behind `cgroup` alone, programs of 32 bits have no sockets at all.
bool GetsOut(const Setup& setup) {
  if (!setup.escape.way.has_value() || IsHeldByYama(setup) || !IsStarted(setup)) return false;
  const OpenWayFacts& way = FactsOf(*setup.escape.way);
  if (way.takes_root && !setup.root) return false;
  if (setup.program.is_32_bit && !setup.level->Has(Wall::kNotify)) return false;
  return IsOpen(way, setup.level->walls);
}

void ExpectAsDocumented(const Setup& setup) {
  const EscapeCase& escape = setup.escape;
  const Outcome outcome = Run(setup);
  SCOPED_TRACE(absl::StrCat(Describe(setup), "\n", outcome.said));
  EXPECT_EQ(outcome.held, IsStarted(setup));
  if (!GetsOut(setup)) {
    EXPECT_THAT(outcome.escaped, IsEmpty());
  } else {
    EXPECT_THAT(outcome.escaped, Contains(StartsWith(escape.escapes)))
        << "core/open_ways says that this level does not hold it; if it does now, say so there and in docs/security.md";
  }
}

class Escape : public testing::TestWithParam<EscapeCase> {};

TEST_P(Escape, IsHeldWhereDocumented) {
  for (const Program& program : kPrograms) {
    for (const bool root : {true, false}) {
      const EscapeCase& escape = GetParam();
      if (!IsFor(escape, program, root)) continue;
      const long tries = ExpectNativeEscape({escape, nullptr, program, root, kNativeTries});
      for (const Level& level : Levels()) {
        if (!IsFor(escape, level, program, root)) continue;
        ExpectAsDocumented({escape, &level, program, root, std::max(tries, ForcedTries())});
      }
    }
  }
}

TEST(EscapeCorpus, HasACaseForEachWayThatIsOpen) {
  for (const OpenWayFacts& way : OpenWays()) {
    const auto is_that = [&](const EscapeCase& escape) { return escape.way == way.way; };
    EXPECT_TRUE(std::any_of(EscapeCases().begin(), EscapeCases().end(), is_that)) << way.name;
  }
}

std::vector<EscapeCase> CasesOfThisKernel() {
  std::vector<EscapeCase> cases = EscapeCases();
  const bool has_all = getenv("FORCEBIND_CORPUS_KERNEL") != nullptr;
  std::erase_if(cases, [&](const EscapeCase& escape) { return escape.kernel == Kernel::kCorpus && !has_all; });
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Corpus, Escape, testing::ValuesIn(CasesOfThisKernel()),
                         [](const testing::TestParamInfo<EscapeCase>& info) { return info.param.name; });

}  // namespace
}  // namespace forcebind
