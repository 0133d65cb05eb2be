// SPDX-License-Identifier: Apache-2.0
#include "supervisor/bpf_grace.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace forcebind {

bool WaitForRunningPrograms() { return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0; }

}  // namespace forcebind
