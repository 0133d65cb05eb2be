// SPDX-License-Identifier: Apache-2.0
#include "launcher/printable.h"

#include <cstddef>
#include <cstdint>

namespace forcebind {
namespace {

bool IsPlain(char byte) { return byte >= 0x20 && byte <= 0x7e; }

void AppendEscape(char byte, std::string* out) {
  constexpr char kDigits[] = "0123456789abcdef";
  const auto value = static_cast<unsigned char>(byte);
  *out += {'\\', 'x', kDigits[value >> 4], kDigits[value & 15]};
}

// C1 controls, and what Unicode calls format characters: invisible ones and those that turn text around.
bool Controls(uint32_t character) {
  constexpr uint32_t kRanges[][2] = {{0x00, 0x9f},     {0xad, 0xad},      {0x61c, 0x61c},   {0x200b, 0x200f},
                                     {0x2028, 0x202e}, {0x2060, 0x206f},  {0xfeff, 0xfeff}, {0xfff9, 0xfffb},
                                     {0xd800, 0xdfff}, {0xe0000, 0xe0fff}};
  for (const auto& range : kRanges) {
    if (character >= range[0] && character <= range[1]) return true;
  }
  return false;
}

// The length of the character of two to four bytes at `begin`, 0 if there is none that may be printed.
size_t CharacterLength(const std::string& text, size_t begin) {
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const auto first = static_cast<unsigned char>(text[begin]);
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 0;
  if (length == 0 || text.size() - begin < length) return 0;
  uint32_t character = first & (0x7fu >> length);
  for (size_t i = 1; i < length; ++i) {
    const auto byte = static_cast<unsigned char>(text[begin + i]);
    if ((byte & 0xc0) != 0x80) return 0;
    character = character << 6 | (byte & 0x3f);
  }
  const bool good = first < 0xf8 && character >= kLeast[length] && character <= 0x10ffff;
  return good && !Controls(character) ? length : 0;
}

}  // namespace

std::string Printable(const std::string& text) {
  std::string result;
  for (const char byte : text) {
    if (IsPlain(byte)) {
      result.append(byte == '\\' ? 2 : 1, byte);
    } else {
      AppendEscape(byte, &result);
    }
  }
  return result;
}

std::string PrintableLine(const std::string& text) {
  std::string result;
  for (size_t i = 0; i < text.size();) {
    const size_t length = IsPlain(text[i]) ? 1 : CharacterLength(text, i);
    if (length == 0) {
      AppendEscape(text[i++], &result);
    } else {
      result.append(text, i, length);
      i += length;
    }
  }
  return result;
}

}  // namespace forcebind
