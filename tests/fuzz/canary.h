// SPDX-License-Identifier: Apache-2.0
// canary: how a fuzz target proves that it gets anywhere. Each target is built twice; in the second program Canary()
// aborts on an input that is deep inside what the parser accepts. script/fuzz fails if that program does *not* crash:
// the fuzzer then has not reached the parser, or would not notice if it broke.
#ifndef FORCEBIND_TESTS_FUZZ_CANARY_H_
#define FORCEBIND_TESTS_FUZZ_CANARY_H_

#include <stdio.h>
#include <stdlib.h>

namespace forcebind {

// `deep`: no input of the corpus makes it true.
inline void Canary([[maybe_unused]] bool deep) {
#ifdef FORCEBIND_FUZZ_CANARY
  if (!deep) return;
  fputs("canary: reached\n", stderr);
  abort();
#endif
}

// What must hold for every input.
inline void Require(bool holds, const char* what) {
  if (holds) return;
  fprintf(stderr, "violated: %s\n", what);
  abort();
}

}  // namespace forcebind

#endif  // FORCEBIND_TESTS_FUZZ_CANARY_H_
