// SPDX-License-Identifier: Apache-2.0
// oracle_run: runs as many random sequences as are asked for, or those of files.
//
//   oracle_run [--program executor|executor_32] [--wall WALL]... [--user] [--seed N] [--first N] [--count N]
//              [--outcomes] [FILE...]
//
// Prints each sequence that is not the same on both sides, with as few calls as can be; then one line with the counts.
// The status is 1 if there was one. --user: forcebind and the service run as an ordinary user. A sequence is a function
// of the seed and its number, so `--seed 1 --first 12345 --count 1` runs one again.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <random>

#include "absl/strings/str_cat.h"
#include "tests/oracle/oracle.h"

namespace forcebind {
namespace {

struct Options {
  OracleSetting setting;
  uint64_t seed = std::random_device()(), first = 0, count = 1000000;
  bool outcomes = false;
  std::vector<std::string> files;
};

struct Counts {
  uint64_t sequences = 0, calls = 0, different = 0, by_chance = 0;
  Outcomes outcomes;
};

// So that a run which goes wrong all the time ends.
constexpr uint64_t kMostDifferent = 20;

double Seconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

Options Parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto value = [&] { return i + 1 < argc ? argv[++i] : ""; };
    if (word == "--program") {
      options.setting.program = value();
    } else if (word == "--wall") {
      const auto wall = ParseWall(value());
      if (!wall.ok()) {
        fprintf(stderr, "oracle_run: --wall: %s\n", std::string(wall.status().message()).c_str());
        exit(2);
      }
      options.setting.walls.push_back(*wall);
    } else if (word == "--user") {
      options.setting.ordinary_user = true;
    } else if (word == "--seed") {
      options.seed = strtoull(value(), nullptr, 0);
    } else if (word == "--first") {
      options.first = strtoull(value(), nullptr, 0);
    } else if (word == "--count") {
      options.count = strtoull(value(), nullptr, 0);
    } else if (word == "--outcomes") {
      options.outcomes = true;
    } else if (word[0] != '-') {
      options.files.push_back(word);
    } else {
      fprintf(stderr, "oracle_run: unknown option \"%s\"\n", word.c_str());
      exit(2);
    }
  }
  return options;
}

void Report(Oracle& oracle, const std::string& title, const Sequence& sequence, const Comparison& comparison) {
  const Sequence small = Minimise(oracle, sequence);
  if (small.empty()) {
    printf("%s, not by itself:\n%s\n", title.c_str(), Describe(sequence, comparison).c_str());
  } else {
    printf("%s:\n%s\n", title.c_str(), Describe(small, oracle.Compare({small})[0]).c_str());
  }
  fflush(stdout);
}

void RunSome(Oracle& oracle, const std::vector<Sequence>& sequences, const std::string& origin, uint64_t first,
             Counts* counts) {
  const std::vector<Comparison> comparisons = oracle.Compare(sequences);
  for (size_t i = 0; i < sequences.size(); ++i) {
    ++counts->sequences;
    counts->calls += comparisons[i].reference.size();
    CountOutcomes(sequences[i], comparisons[i].reference, &counts->outcomes);
    if (comparisons[i].same || counts->different >= kMostDifferent) continue;
    if (IsChance(oracle, sequences[i], comparisons[i])) {
      ++counts->by_chance;
      continue;
    }
    ++counts->different;
    Report(oracle, absl::StrCat(origin, " ", first + i), sequences[i], comparisons[i]);
  }
}

int Main(int argc, char** argv) {
  const Options options = Parse(argc, argv);
  Oracle oracle(options.setting);
  Counts counts;
  const double start = Seconds();
  for (const std::string& file : options.files) RunSome(oracle, ReadSequences(file), file, 1, &counts);
  const uint64_t end = options.files.empty() ? options.first + options.count : 0;
  if (end != 0) printf("seed %llu\n", static_cast<unsigned long long>(options.seed));
  for (uint64_t next = options.first; next < end && counts.different < kMostDifferent;) {
    std::vector<Sequence> sequences;
    const uint64_t first = next;
    for (; next < end && sequences.size() < Oracle::kMostAtOnce; ++next) {
      sequences.push_back(GenerateSequence(options.seed, next, options.setting.generator()));
    }
    RunSome(oracle, sequences, absl::StrCat("seed ", options.seed, ", sequence"), first, &counts);
  }
  if (options.outcomes) {
    for (const auto& [outcome, count] : counts.outcomes) {
      printf("%10llu %s\n", static_cast<unsigned long long>(count), outcome.c_str());
    }
  }
  const double seconds = Seconds() - start;
  printf("%llu sequences, %llu calls, %llu different, %llu came to a port again by chance, %.0f s, %.0f sequences/s\n",
         static_cast<unsigned long long>(counts.sequences), static_cast<unsigned long long>(counts.calls),
         static_cast<unsigned long long>(counts.different), static_cast<unsigned long long>(counts.by_chance), seconds,
         static_cast<double>(counts.sequences) / seconds);
  return counts.different == 0 && counts.sequences != 0 ? 0 : 1;
}

}  // namespace
}  // namespace forcebind

int main(int argc, char** argv) { return forcebind::Main(argc, argv); }
