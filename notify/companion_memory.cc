// SPDX-License-Identifier: Apache-2.0
#include "notify/companion_memory.h"

#include <sys/mman.h>

namespace forcebind {

// Fresh pages are zero, which is what every member begins with: none is touched, and so none is there, before it is
// used.
CompanionMemory* CompanionMemory::Create() {
  void* memory = mmap(nullptr, sizeof(CompanionMemory), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? nullptr : static_cast<CompanionMemory*>(memory);
}

}  // namespace forcebind
