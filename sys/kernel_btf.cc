// SPDX-License-Identifier: Apache-2.0
#include "sys/kernel_btf.h"

#include <linux/btf.h>
#include <string.h>

#include "sys/small_file.h"

namespace forcebind {
namespace {

constexpr size_t kMaxBtf = 256 << 20;
constexpr uint32_t kKindEnum64 = 19;  // BTF_KIND_ENUM64 of Linux 6.0

absl::Status Malformed() { return absl::DataLossError("the kernel's type information (BTF) is malformed"); }

// Reads a T at `offset`; false if it is not all there.
template <typename T>
bool ReadAt(std::string_view bytes, size_t offset, T* value) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return false;
  memcpy(value, bytes.data() + offset, sizeof(T));
  return true;
}

// What follows a type's btf_type, in bytes; nothing for a kind that is not known.
std::optional<size_t> TailSize(const btf_type& type) {
  const size_t members = BTF_INFO_VLEN(type.info);
  switch (BTF_INFO_KIND(type.info)) {
    case BTF_KIND_PTR:
    case BTF_KIND_FWD:
    case BTF_KIND_TYPEDEF:
    case BTF_KIND_VOLATILE:
    case BTF_KIND_CONST:
    case BTF_KIND_RESTRICT:
    case BTF_KIND_FUNC:
    case BTF_KIND_FLOAT:
    case BTF_KIND_TYPE_TAG:
      return 0;
    case BTF_KIND_INT:
      return sizeof(uint32_t);
    case BTF_KIND_VAR:
      return sizeof(btf_var);
    case BTF_KIND_DECL_TAG:
      return sizeof(btf_decl_tag);
    case BTF_KIND_ARRAY:
      return sizeof(btf_array);
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
      return members * sizeof(btf_member);
    case BTF_KIND_ENUM:
      return members * sizeof(btf_enum);
    case kKindEnum64:
      return members * 3 * sizeof(uint32_t);
    case BTF_KIND_FUNC_PROTO:
      return members * sizeof(btf_param);
    case BTF_KIND_DATASEC:
      return members * sizeof(btf_var_secinfo);
    default:
      return std::nullopt;
  }
}

// `text` with its NUL stands at the offset. An offset beyond the strings is no match.
bool IsNamed(std::string_view strings, uint32_t offset, std::string_view text) {
  if (offset > strings.size() || strings.size() - offset <= text.size()) return false;
  return strings.compare(offset, text.size(), text) == 0 && strings[offset + text.size()] == '\0';
}

}  // namespace

absl::StatusOr<std::optional<uint32_t>> FindEnumValue(std::string_view btf, std::string_view enumeration,
                                                      std::string_view name) {
  btf_header header;
  if (!ReadAt(btf, 0, &header) || header.magic != BTF_MAGIC || header.hdr_len > btf.size()) return Malformed();
  const std::string_view sections = btf.substr(header.hdr_len);
  if (header.type_off > sections.size() || header.str_off > sections.size()) return Malformed();
  const std::string_view types = sections.substr(header.type_off, header.type_len);
  const std::string_view strings = sections.substr(header.str_off, header.str_len);
  for (size_t at = 0; at < types.size();) {
    btf_type type;
    if (!ReadAt(types, at, &type)) return Malformed();
    const std::optional<size_t> tail = TailSize(type);
    at += sizeof(type);
    if (!tail.has_value() || *tail > types.size() - at) return Malformed();
    if (BTF_INFO_KIND(type.info) == BTF_KIND_ENUM && IsNamed(strings, type.name_off, enumeration)) {
      for (size_t member = at; member < at + *tail; member += sizeof(btf_enum)) {
        btf_enum each;
        if (ReadAt(types, member, &each) && IsNamed(strings, each.name_off, name))
          return static_cast<uint32_t>(each.val);
      }
    }
    at += *tail;
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<uint32_t>> FindKernelEnumValue(std::string_view enumeration, std::string_view name) {
  auto btf = ReadSmallFile("/sys/kernel/btf/vmlinux", kMaxBtf);
  if (!btf.ok()) return btf.status();
  return FindEnumValue(*btf, enumeration, name);
}

}  // namespace forcebind
