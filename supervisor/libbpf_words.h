// SPDX-License-Identifier: Apache-2.0
// libbpf_words: libbpf explains itself in print callbacks only: as long as one of these lives, what it says on this
// thread is kept for a Status.
#ifndef FORCEBIND_SUPERVISOR_LIBBPF_WORDS_H_
#define FORCEBIND_SUPERVISOR_LIBBPF_WORDS_H_

#include <string>

#include "absl/status/status.h"

namespace forcebind {

// One at a time on a thread.
class LibbpfWords {
 public:
  LibbpfWords();
  ~LibbpfWords();
  LibbpfWords(const LibbpfWords&) = delete;
  LibbpfWords& operator=(const LibbpfWords&) = delete;

  // Why programs could not be loaded: PERMISSION_DENIED, UNAVAILABLE.
  absl::Status LoadError(int error) const;

 private:
  std::string words_;
};

// UNAVAILABLE: this kernel does not describe its types, which every loading needs.
absl::Status CheckBtf();

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_LIBBPF_WORDS_H_
