// SPDX-License-Identifier: Apache-2.0
#include "sys/kernel_btf.h"

#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <linux/btf.h>
#include <string.h>

#include <string>

namespace forcebind {
namespace {

// Type information put together by hand.
class Btf {
 public:
  Btf& Type(uint32_t kind, uint32_t members, const std::string& name) {
    const btf_type type = {.name_off = Name(name), .info = kind << 24 | members, .size = 4};
    return Add(&type, sizeof(type));
  }
  Btf& Member(const std::string& name, int32_t value) {
    const btf_enum member = {.name_off = Name(name), .val = value};
    return Add(&member, sizeof(member));
  }
  Btf& Bytes(size_t count) {
    types_.append(count, '\x7f');
    return *this;
  }
  std::string Text() const {
    btf_header header = {.magic = BTF_MAGIC, .version = 1, .hdr_len = sizeof(header)};
    header.type_len = types_.size();
    header.str_off = types_.size();
    header.str_len = strings_.size();
    return std::string(reinterpret_cast<const char*>(&header), sizeof(header)) + types_ + strings_;
  }

 private:
  uint32_t Name(const std::string& name) {
    const uint32_t at = strings_.size();
    strings_ += name + '\0';
    return at;
  }
  Btf& Add(const void* bytes, size_t size) {
    types_.append(static_cast<const char*>(bytes), size);
    return *this;
  }

  std::string types_, strings_ = std::string(1, '\0');
};

Btf Sample() {
  return Btf()
      .Type(BTF_KIND_INT, 0, "int")
      .Bytes(4)
      .Type(BTF_KIND_STRUCT, 2, "point")
      .Bytes(2 * sizeof(btf_member))
      .Type(BTF_KIND_ENUM, 1, "colour")
      .Member("RED", 5)
      .Type(BTF_KIND_PTR, 0, "")
      .Type(BTF_KIND_ENUM, 2, "bpf_attach_type")
      .Member("FIRST", 3)
      .Member("SECOND", 57);
}

TEST(KernelBtf, FindsAValueByItsName) {
  const std::string btf = Sample().Text();
  EXPECT_EQ(**FindEnumValue(btf, "bpf_attach_type", "SECOND"), 57u);
  EXPECT_EQ(**FindEnumValue(btf, "bpf_attach_type", "FIRST"), 3u);
  EXPECT_EQ(**FindEnumValue(btf, "colour", "RED"), 5u);
}

TEST(KernelBtf, TheWholeNameInTheRightEnumCounts) {
  const std::string btf = Sample().Text();
  for (const char* name : {"RED", "SECON", "SECONDS", "", "ECOND"}) {
    EXPECT_FALSE(FindEnumValue(btf, "bpf_attach_type", name)->has_value()) << name;
  }
  EXPECT_FALSE(FindEnumValue(btf, "point", "FIRST")->has_value());
}

TEST(KernelBtf, WhatIsCutOffOrOfAnUnknownKindIsAnError) {
  const std::string btf = Sample().Text();
  EXPECT_FALSE(FindEnumValue("", "colour", "BLUE").ok());
  EXPECT_FALSE(FindEnumValue(btf.substr(0, sizeof(btf_header) - 1), "colour", "BLUE").ok());
  EXPECT_FALSE(FindEnumValue(btf.substr(0, 60), "colour", "BLUE").ok());
  EXPECT_FALSE(FindEnumValue(Sample().Type(31, 0, "new").Text(), "colour", "BLUE").ok());
  EXPECT_FALSE(FindEnumValue(Sample().Type(BTF_KIND_ENUM, 9, "cut").Text(), "colour", "BLUE").ok());
}

// Also that every kind of type that the kernel uses is known.
TEST(KernelBtf, TheRunningKernelsOwnIsUnderstood) {
  const auto found = FindKernelEnumValue("bpf_attach_type", "BPF_SK_LOOKUP");
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_TRUE(found->has_value());
  EXPECT_EQ(**found, static_cast<uint32_t>(BPF_SK_LOOKUP));
  const auto none = FindKernelEnumValue("bpf_attach_type", "BPF_NO_SUCH_HOOK");
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_FALSE(none->has_value());
}

}  // namespace
}  // namespace forcebind
