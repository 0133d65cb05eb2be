// SPDX-License-Identifier: Apache-2.0
// cases: the corpus of ways around forcebind, each with the reason why it might be one.
//
// A case runs natively first, where it must leave a socket that is not on the private address: else it proves nothing.
// Under forcebind it must leave none, unless docs/security.md says that this level does not hold it: then it must, so
// that the document is changed when it no longer does.
#ifndef FORCEBIND_TESTS_ESCAPE_CASES_H_
#define FORCEBIND_TESTS_ESCAPE_CASES_H_

#include <ostream>
#include <string>
#include <vector>

namespace forcebind {

// A combination of walls.
struct Level {
  std::string name;
  std::vector<std::string> options;  // of `forcebind run`
  unsigned bit;                      // for EscapeCase::open
  bool supervisor = false;           // it takes one
  bool i386 = true;                  // programs of 32 bits have sockets there
};
inline constexpr unsigned kNotify = 1, kNotifyLandlock = 2, kCgroup = 4, kThreeWalls = 8;
inline constexpr unsigned kEveryLevel = ~0u;
const std::vector<Level>& Levels();

enum class Who { kEverybody, kRoot, kOrdinaryUser };
enum class Code { kAny, kOnly64Bit };
// The process that the attempt is about, and whose number it is told.
enum class Victim { kNobody, kCompanion, kBystander };

struct EscapeCase {
  std::string name;
  std::string reason;                // why it might escape
  std::vector<std::string> probe;    // a script of tests/support/probe/probe.h, or
  std::vector<std::string> attempt;  // the words of tests/escape/attempt/attempt.h
  std::string escapes;               // natively: the beginning of what the kernel says
  unsigned open = 0;                 // the levels that do not hold it, as docs/security.md says
  unsigned open_for_root = 0;        // those that hold it but for root
  Who who = Who::kEverybody;
  Code code = Code::kAny;
  Victim victim = Victim::kNobody;  // natively: a bystander in the companion's place
  std::string bystander;            // what it has: "keep", "ring", or "idle"; empty: there is none
  std::string inherited;            // what `attempt outer` hands down
  bool starts = true;               // under forcebind
  bool race = false;
  std::string profile;  // TOML
};

// For GoogleTest.
inline void PrintTo(const EscapeCase& escape, std::ostream* out) { *out << escape.reason; }

const std::vector<EscapeCase>& EscapeCases();

}  // namespace forcebind

#endif  // FORCEBIND_TESTS_ESCAPE_CASES_H_
