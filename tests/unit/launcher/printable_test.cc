// SPDX-License-Identifier: Apache-2.0
#include "launcher/printable.h"

#include <gtest/gtest.h>

namespace forcebind {
namespace {

TEST(Printable, AsciiStaysAsItIs) { EXPECT_EQ(Printable("nginx: [::]:80 ~!"), "nginx: [::]:80 ~!"); }

TEST(Printable, ControlCharactersAreShownAndNotSent) {
  EXPECT_EQ(Printable("a\x1b[2Jb\n\r\t\x7f"), "a\\x1b[2Jb\\x0a\\x0d\\x09\\x7f");
  EXPECT_EQ(Printable(std::string("a\0b", 3)), "a\\x00b");
}

TEST(Printable, BytesBeyondAsciiAreShown) { EXPECT_EQ(Printable("\xc2\x9b\xff"), "\\xc2\\x9b\\xff"); }

TEST(Printable, ABackslashCannotPassForAnEscape) { EXPECT_EQ(Printable("\\x1b"), "\\\\x1b"); }

}  // namespace
}  // namespace forcebind
