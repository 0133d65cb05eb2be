// SPDX-License-Identifier: Apache-2.0
#include "launcher/printable.h"

namespace forcebind {

std::string Printable(const std::string& text) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string result;
  result.reserve(text.size());
  for (const char byte : text) {
    const auto value = static_cast<unsigned char>(byte);
    if (value < 0x20 || value > 0x7e) {
      result += {'\\', 'x', kDigits[value >> 4], kDigits[value & 15]};
    } else {
      result.append(byte == '\\' ? 2 : 1, byte);
    }
  }
  return result;
}

}  // namespace forcebind
