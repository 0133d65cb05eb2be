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

TEST(PrintableLine, KeepsUtf8AndBackslashes) {
  const std::string text = "/home/s\xc3\xb8ren/\xe2\x80\xa6/\xf0\x9f\x90\x8c\\x";
  EXPECT_EQ(PrintableLine(text), text);
}

TEST(PrintableLine, ShowsWhatControlsATerminalOrTurnsTextAround) {
  EXPECT_EQ(PrintableLine("a\x1b\n\x7f"), "a\\x1b\\x0a\\x7f");
  EXPECT_EQ(PrintableLine("\xc2\x9b"), "\\xc2\\x9b");           // U+009B, CSI
  EXPECT_EQ(PrintableLine("\xe2\x80\xae"), "\\xe2\\x80\\xae");  // U+202E, right to left
}

TEST(PrintableLine, ShowsWhatIsNotUtf8) {
  for (const char* bad : {"\xc3", "\x80", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                          "\xf8\x88\x80\x80\x80", "\xff", "\xe2\x28\xa1"}) {
    for (const char byte : PrintableLine(bad)) EXPECT_TRUE(byte >= ' ' && byte < 127) << bad;
  }
}

}  // namespace
}  // namespace forcebind
