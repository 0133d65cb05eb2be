// SPDX-License-Identifier: Apache-2.0
#include "sys/ephemeral_ports.h"

#include <gtest/gtest.h>

namespace forcebind {
namespace {

TEST(EphemeralPorts, AreTheRangeWithoutTheReservedOnes) {
  const auto ports = EphemeralPorts::Parse("32768\t60999\n", "33000,40000-40002\n");
  ASSERT_TRUE(ports.ok()) << ports.status();
  for (uint16_t inside : {32768, 32999, 33001, 39999, 40003, 60999}) EXPECT_TRUE(ports->Contains(inside)) << inside;
  for (uint16_t outside : {80, 32767, 33000, 40000, 40001, 40002, 61000}) {
    EXPECT_FALSE(ports->Contains(outside)) << outside;
  }
}

TEST(EphemeralPorts, NoneIsReservedByDefault) {
  const auto ports = EphemeralPorts::Parse("8080\t8080\n", "\n");
  ASSERT_TRUE(ports.ok()) << ports.status();
  EXPECT_TRUE(ports->Contains(8080));
  EXPECT_FALSE(ports->Contains(8081));
}

TEST(EphemeralPorts, OtherTextIsAnError) {
  EXPECT_FALSE(EphemeralPorts::Parse("", "\n").ok());
  EXPECT_FALSE(EphemeralPorts::Parse("80\n", "\n").ok());
  EXPECT_FALSE(EphemeralPorts::Parse("80\t99999\n", "\n").ok());
  EXPECT_FALSE(EphemeralPorts::Parse("80\t90\n", "http\n").ok());
  EXPECT_FALSE(EphemeralPorts::Parse("80\t90\n", "80-\n").ok());
  EXPECT_FALSE(EphemeralPorts::Parse("80\t90\n", "").ok()) << "cut short";
  EXPECT_FALSE(EphemeralPorts::Parse("80\t90\n", "80").ok()) << "cut short";
}

TEST(EphemeralPorts, AListWithoutSomePortsHasAllOthers) {
  const auto ports = EphemeralPorts::Parse("1024\t65535\n", "33000,40000-40002,65535\n");
  ASSERT_TRUE(ports.ok()) << ports.status();
  EXPECT_EQ(ports->ReservedWithout({33000}), "40000-40002,65535\n");
  EXPECT_EQ(ports->ReservedWithout({40000}), "33000,40001-40002,65535\n");
  EXPECT_EQ(ports->ReservedWithout({40001}), "33000,40000,40002,65535\n");
  EXPECT_EQ(ports->ReservedWithout({40002, 65535, 40000}), "33000,40001\n");
  EXPECT_EQ(ports->ReservedWithout({80, 40003}), "33000,40000-40002,65535\n");
  EXPECT_EQ(ports->ReservedWithout({33000, 40000, 40001, 40002, 65535}), "\n");
}

TEST(EphemeralPorts, TheKernelsOwnCanBeRead) { EXPECT_TRUE(EphemeralPorts::Read().ok()); }

}  // namespace
}  // namespace forcebind
