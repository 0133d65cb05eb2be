// SPDX-License-Identifier: Apache-2.0
// state_codec: values of core to and from the fixed layout of state_records.h.
#ifndef FORCEBIND_SUPERVISOR_STATE_CODEC_H_
#define FORCEBIND_SUPERVISOR_STATE_CODEC_H_

#include <optional>
#include <string>
#include <vector>

#include "core/endpoint.h"
#include "supervisor/state_records.h"

namespace forcebind {

AddressRecord ToRecord(const Endpoint& endpoint);
AddressRecord ToRecord(const std::optional<IpAddress>& address);
std::optional<IpAddress> AddressOf(const AddressRecord& record);
Endpoint EndpointOf(const AddressRecord& record);

// Cut to what fits, always ended by a zero byte.
template <size_t kSize>
void CopyText(const std::string& text, char (&out)[kSize]) {
  const size_t size = text.size() < kSize ? text.size() : kSize - 1;
  for (size_t i = 0; i < kSize; ++i) out[i] = i < size ? text[i] : '\0';
}
// Up to the first zero byte, or the array's end.
template <size_t kSize>
std::string TextOf(const char (&in)[kSize]) {
  size_t size = 0;
  while (size < kSize && in[size] != '\0') ++size;
  return std::string(in, size);
}

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_STATE_CODEC_H_
