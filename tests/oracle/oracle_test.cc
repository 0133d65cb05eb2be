// SPDX-License-Identifier: Apache-2.0
// Random sequences of socket calls, from a fixed seed; more of them by script/oracle.
#include "tests/oracle/oracle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "oracle_paths.h"

namespace forcebind {
namespace {

using ::testing::IsEmpty;
using ::testing::Not;

constexpr uint64_t kSeed = 1;
constexpr size_t kSequences = 20000;

struct Run {
  const char* name;
  OracleSetting setting;
  size_t count;
};
// As gtest prints it.
[[maybe_unused]] void PrintTo(const Run& run, std::ostream* out) { *out << run.name; }

class RandomSequences : public ::testing::TestWithParam<Run> {};

// What the sequences must have tried, or they have tried nothing; the latter where there is traffic.
constexpr const char* kLeastOutcomes[] = {
    "bind succeeds",     "bind EADDRINUSE",   "bind EADDRNOTAVAIL",   "bind EINVAL",      "bind EAFNOSUPPORT",
    "bind EBADF",        "bind EFAULT",       "bind ENOTSOCK",        "listen succeeds",  "listen EINVAL",
    "listen EOPNOTSUPP", "accept EAGAIN",     "getpeername ENOTCONN", "connect succeeds", "setsockopt succeeds",
    "dup2 succeeds",     "shutdown succeeds",
};
constexpr const char* kLeastOfTraffic[] = {
    "accept succeeds",      "connect EINPROGRESS", "connect EISCONN",
    "connect ECONNREFUSED", "recv succeeds",       "getpeername succeeds",
};

TEST_P(RandomSequences, AreTheSameForcedAsNatively) {
  Oracle oracle(GetParam().setting);
  Outcomes outcomes;
  for (const char* outcome : kLeastOutcomes) outcomes[outcome] = 0;
  if (!GetParam().setting.in_cgroup()) {
    for (const char* outcome : kLeastOfTraffic) outcomes[outcome] = 0;
  }
  for (size_t next = 0; next < GetParam().count;) {
    std::vector<Sequence> sequences;
    const size_t first = next;
    for (; next < GetParam().count && sequences.size() < Oracle::kMostAtOnce; ++next) {
      sequences.push_back(GenerateSequence(kSeed, next, GetParam().setting.generator()));
    }
    const std::vector<Comparison> comparisons = oracle.Compare(sequences);
    for (size_t i = 0; i < sequences.size(); ++i) {
      CountOutcomes(sequences[i], comparisons[i].reference, &outcomes);
      if (comparisons[i].same || IsChance(oracle, sequences[i], comparisons[i])) continue;
      const Sequence small = Minimise(oracle, sequences[i]);
      FAIL() << "seed " << kSeed << ", sequence " << first + i << (small.empty() ? ", not by itself" : "") << "\n"
             << (small.empty() ? Describe(sequences[i], comparisons[i]) : Describe(small, oracle.Compare({small})[0]));
    }
  }
  for (const auto& [outcome, count] : outcomes) EXPECT_GT(count, 0u) << outcome << ": no sequence has come to it";
}
INSTANTIATE_TEST_SUITE_P(Programs, RandomSequences,
                         ::testing::Values(Run{"OfRoot", {}, kSequences},
                                           Run{"OfAnOrdinaryUser", {.ordinary_user = true}, kSequences / 4},
                                           Run{"Of32Bits", {.program = "executor_32"}, kSequences / 4},
                                           Run{"BehindAllWalls",
                                               {.walls = {Wall::kNotify, Wall::kLandlock, Wall::kCgroup}},
                                               kSequences / 4}),
                         [](const auto& info) { return std::string(info.param.name); });

// Those that were not the same once.
TEST(KeptSequences, AreTheSameForcedAsNatively) {
  std::vector<Sequence> sequences;
  std::vector<std::string> files;
  for (const auto& file : std::filesystem::directory_iterator(FORCEBIND_KEPT_SEQUENCES)) {
    for (Sequence& one : ReadSequences(file.path())) {
      sequences.push_back(std::move(one));
      files.push_back(file.path().filename());
    }
  }
  ASSERT_THAT(sequences, Not(IsEmpty()));
  for (const char* program : {"executor", "executor_32"}) {
    const std::vector<Comparison> comparisons = Oracle({.program = program}).Compare(sequences);
    for (size_t i = 0; i < sequences.size(); ++i) {
      EXPECT_TRUE(comparisons[i].same) << program << ", " << files[i] << "\n" << Describe(sequences[i], comparisons[i]);
    }
  }
}

// An oracle that expects another address sees it, and says so with the calls that it takes and no other.
TEST(Oracle, FindsADifferenceAndMinimisesIt) {
  Oracle oracle({.reference_v4 = "127.84.3.2"});
  const Sequence sequence = {"a=socket inet6 stream",
                             "b=socket inet stream+nonblock",
                             "setsockopt b reuseaddr 1",
                             "bind.thread b 0.0.0.0:p1",
                             "listen a 5",
                             "getsockname.fork b",
                             "close a"};
  EXPECT_FALSE(oracle.Compare({sequence})[0].same);
  const Sequence small = Minimise(oracle, sequence);
  EXPECT_EQ(small, (Sequence{"b=socket inet stream+nonblock", "bind b 0.0.0.0:p1", "getsockname b"}));
  EXPECT_EQ(Describe(small, oracle.Compare({small})[0]),
            "  b=socket inet stream+nonblock               3\n"
            "  bind b 0.0.0.0:p1                           0\n"
            "  getsockname b                               0 127.84.3.2:p1   but forced: 0 127.84.3.1:p1\n");
}

TEST(Oracle, EphemeralPortsAreTheSameIfTheyComeAgainInTheSamePlaces) {
  EXPECT_EQ(Canonical({"0 127.0.0.1:40000", "0 127.0.0.1:40001", "5 127.0.0.1:40000"}),
            Canonical({"0 127.0.0.1:50000", "0 127.0.0.1:33000", "5 127.0.0.1:50000"}));
  EXPECT_NE(Canonical({"0 127.0.0.1:40000", "0 127.0.0.1:40001"}),
            Canonical({"0 127.0.0.1:40000", "0 127.0.0.1:40000"}));
  EXPECT_NE(Canonical({"0 127.0.0.1:40000"}), Canonical({"0 127.0.0.2:40000"}));
  EXPECT_NE(Canonical({"0 127.0.0.1:8080"}), Canonical({"0 127.0.0.1:8081"}));
  EXPECT_EQ(Canonical({"0 127.0.0.1:40000", "0 [::ffff:127.0.0.1]:40000"}),
            Canonical({"0 127.0.0.1:41000", "0 [::ffff:127.0.0.1]:41000"}));
}

}  // namespace
}  // namespace forcebind
