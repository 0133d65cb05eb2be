// SPDX-License-Identifier: Apache-2.0
// Any bytes as what a companion has left: refused, or written the same again.
#include <stddef.h>
#include <stdint.h>

#include <vector>

#include "tests/fuzz/canary.h"
#include "wire/companion_state.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace forcebind;
  const auto state = wire::DecodeCompanionState({data, size});
  if (!state.ok()) {
    Require(absl::IsInvalidArgument(state.status()) || absl::IsFailedPrecondition(state.status()),
            "a refusal is INVALID_ARGUMENT or FAILED_PRECONDITION");
    return 0;
  }
  Require(wire::EncodeCompanionState(*state) == std::vector<uint8_t>(data, data + size),
          "what is accepted is written the same");
  Canary(state->has_stderr && state->policy.allow.has_value() && state->policy.allow->size() == 2);
  return 0;
}
