// SPDX-License-Identifier: Apache-2.0
// Any bytes as a message: refused, or written the same again.
#include <stddef.h>
#include <stdint.h>

#include <variant>
#include <vector>

#include "tests/fuzz/canary.h"
#include "wire/messages.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace forcebind;
  const auto message = wire::Decode({data, size});
  if (!message.ok()) {
    Require(absl::IsInvalidArgument(message.status()) || absl::IsFailedPrecondition(message.status()),
            "a refusal is INVALID_ARGUMENT or FAILED_PRECONDITION");
    return 0;
  }
  Require(wire::Encode(*message) == std::vector<uint8_t>(data, data + size), "what is accepted is written the same");
  const auto* hello = std::get_if<wire::Hello>(&*message);
  Canary(hello != nullptr && !hello->publish.empty() && hello->publish[0].port != 0 &&
         (hello->resumed || hello->connect_limited));
  return 0;
}
