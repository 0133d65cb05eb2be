// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "launcher/command.h"
#include "version.h"

namespace forcebind {

CommandFunction DeclareVersion(CLI::App&) {
  return [] {
    printf("forcebind %s\n", FORCEBIND_VERSION);
    return 0;
  };
}

}  // namespace forcebind
