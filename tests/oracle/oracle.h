// SPDX-License-Identifier: Apache-2.0
// oracle: the kernel says what is right. Sequences of socket calls are made twice, on two hosts that are alike: by a
// program that asks for the private address itself (tests/oracle/executor/reference.c), and by the same program, which
// asks for what the sequence says, under forcebind. Every result, errno and address must be the same.
//
// What may differ, and how it is made equal:
//   ephemeral ports   the kernel chooses at random: each is named by its first appearance in the sequence, so that the
//                     same one has to come again where it did natively
//   names that the kernel chooses for AF_UNIX     as one name
// What cannot be compared is not generated (generator.h), and what a request becomes stands in reference.c: there are
// no other exceptions.
//
// Each side has a processor of its own if there are two, and never more: a loopback packet is then delivered within the
// call that sends it, and nothing waits.
//
// THREADS  Thread-compatible; see tests/support/netns.h.
#ifndef FORCEBIND_TESTS_ORACLE_ORACLE_H_
#define FORCEBIND_TESTS_ORACLE_ORACLE_H_

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "core/walls.h"
#include "sys/unique_fd.h"
#include "tests/oracle/generator.h"
#include "tests/support/netns.h"
#include "tests/support/service_host.h"
#include "tests/support/supervisor_process.h"

namespace forcebind {

struct OracleSetting {
  std::string program = "executor";  // or executor_32
  bool ordinary_user = false;        // the whole run, forcebind included
  std::vector<Wall> walls;           // none: those of a service without a supervisor
  std::string reference_v4 = kPrivateV4;

  bool in_cgroup() const { return std::count(walls.begin(), walls.end(), Wall::kCgroup) != 0; }
  GeneratorOptions generator() const { return {.ordinary_user = ordinary_user, .in_cgroup = in_cgroup()}; }
};

// What one sequence's calls told: a line each.
using Records = std::vector<std::string>;

struct Comparison {
  Records reference, forced;
  bool same = false;
};

class Oracle {
 public:
  static constexpr size_t kMostAtOnce = 2000;  // sequences in one process: each has ports of its own

  explicit Oracle(OracleSetting setting);

  // REQUIRES: no more than kMostAtOnce.
  std::vector<Comparison> Compare(absl::Span<const Sequence> sequences);

 private:
  std::string executor_;
  OracleSetting setting_;
  std::unique_ptr<ServiceHost> forced_host_;
  std::unique_ptr<SupervisorProcess> supervisor_;  // where `cgroup` is one of the walls
  std::unique_ptr<TestNetwork> reference_network_;
};

// Ephemeral ports by name.
Records Canonical(const Records& records);

// The sequence with as many calls left out as can be while it is not the same on both sides; empty if it is the same
// when it is run by itself.
Sequence Minimise(Oracle& oracle, Sequence sequence);

// Nothing but the names of ephemeral ports is different, and nothing is when the sequence is run by itself: the kernel
// chooses among some 14,000 at random, and has come to one again that was closed. What keeps a port that it should have
// lost keeps it each time.
bool IsChance(Oracle& oracle, const Sequence& sequence, const Comparison& comparison);

// The calls, and what came back on both sides.
std::string Describe(const Sequence& sequence, const Comparison& comparison);

// How often each call had each result in the reference: "bind EADDRINUSE".
using Outcomes = std::map<std::string, uint64_t>;
void CountOutcomes(const Sequence& sequence, const Records& records, Outcomes* outcomes);

// Sequences of a file: lines that begin with # say why; an empty line ends a sequence.
std::vector<Sequence> ReadSequences(const std::string& path);

}  // namespace forcebind

#endif  // FORCEBIND_TESTS_ORACLE_ORACLE_H_
