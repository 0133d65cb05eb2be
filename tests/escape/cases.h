// SPDX-License-Identifier: Apache-2.0
// cases: the corpus of ways around forcebind, each with the reason why it might be one.
//
// A case runs natively first, where it must leave a socket that is not on the private address: else it proves nothing.
// Under forcebind it must leave none, unless it is a way that core/open_ways says is open at this level: then it must,
// so that the table and docs/security.md are changed when it no longer does.
#ifndef FORCEBIND_TESTS_ESCAPE_CASES_H_
#define FORCEBIND_TESTS_ESCAPE_CASES_H_

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "core/open_ways.h"
#include "core/walls.h"

namespace forcebind {

// A combination of walls.
struct Level {
  std::vector<Wall> walls;
  std::string name() const;  // "notify+landlock"
  bool Has(Wall wall) const;
};
const std::vector<Level>& Levels();

enum class Who { kEverybody, kRoot, kOrdinaryUser };
enum class Code { kAny, kOnly64Bit };
// kCorpus: one that has SCTP, DCCP, SMC, and x32, like that of script/corpus.
enum class Kernel { kAny, kCorpus };
// The process that the attempt is about, and whose number it is told.
enum class Victim { kNobody, kCompanion, kBystander };

struct EscapeCase {
  std::string name;
  std::string reason;                // why it might escape
  std::vector<std::string> probe;    // a script of tests/support/probe/probe.h, or
  std::vector<std::string> attempt;  // the words of tests/escape/attempt/attempt.h
  std::string escapes;               // natively: the beginning of what the kernel says
  std::optional<OpenWay> way = {};   // which it is
  // By which it may be seen for a moment, until the companion undoes it; in the end it has not got out.
  std::optional<OpenWay> for_a_moment = {};
  Who who = Who::kEverybody;
  Code code = Code::kAny;
  Victim victim = Victim::kNobody;  // natively: a bystander in the companion's place
  std::string bystander;            // what it has: "keep", "ring", or "idle"; empty: there is none
  std::string inherited;            // what `attempt outer` hands down
  bool starts = true;               // under forcebind
  bool race = false;
  Kernel kernel = Kernel::kAny;
  bool attaches = false;  // to a process that is no child of its own: Yama may keep an ordinary user from that
  std::string profile;    // TOML
};

// For GoogleTest.
inline void PrintTo(const EscapeCase& escape, std::ostream* out) { *out << escape.reason; }

const std::vector<EscapeCase>& EscapeCases();

}  // namespace forcebind

#endif  // FORCEBIND_TESTS_ESCAPE_CASES_H_
