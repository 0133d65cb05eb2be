// SPDX-License-Identifier: Apache-2.0
#include "launcher/text_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_split.h"

namespace forcebind {
namespace {

using ::testing::ElementsAre;

size_t Widest(const std::string& text) {
  size_t widest = 0;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(text, '\n'))) {
    widest = std::max(widest, line.size());
  }
  return widest;
}

TEST(Wrap, ShortTextIsOnePiece) {
  EXPECT_THAT(Wrap("", 4), ElementsAre(""));
  EXPECT_THAT(Wrap("abcd", 4), ElementsAre("abcd"));
}

TEST(Wrap, BreaksBehindPunctuationIfThatFillsHalfOfTheLine) {
  EXPECT_THAT(Wrap("[fd5e::3:1]:80", 12), ElementsAre("[fd5e::3:1]:", "80"));
  EXPECT_THAT(Wrap("a:bcdefghijkl", 8), ElementsAre("a:bcdefg", "hijkl"));
}

TEST(Wrap, LosesNothing) {
  const std::string text = "one two, three; four:five/six seven]eight";
  for (size_t width = 1; width < 50; ++width) {
    std::string joined;
    for (const std::string& piece : Wrap(text, width)) {
      EXPECT_LE(piece.size(), width);
      joined += piece;
    }
    EXPECT_EQ(joined, text);
  }
}

TEST(FormatTable, ColumnsAreAsWideAsTheirLongestCell) {
  const Table table{.columns = {{"A"}, {.header = "NUMBER", .right = true}},
                    .rows = {{{"x"}, {"1"}}, {{"long cell"}, {"22"}}}};
  EXPECT_EQ(FormatTable(table, 80),
            "A          NUMBER\n"
            "x               1\n"
            "long cell      22\n");
}

TEST(FormatTable, ACellWithSeveralLinesMakesItsRowHigher) {
  const Table table{.columns = {{"NAME"}, {"PUBLIC"}}, .rows = {{{"a"}, {"0.0.0.0:80", "[::]:80"}}, {{"b"}, {"-"}}}};
  EXPECT_EQ(FormatTable(table, 80),
            "NAME  PUBLIC\n"
            "a     0.0.0.0:80\n"
            "      [::]:80\n"
            "b     -\n");
}

TEST(FormatTable, TheWidestColumnGivesWayFirst) {
  const Table table{.columns = {{"NAME"}, {"ADDRESS"}}, .rows = {{{"short"}, {"[fd5e:1f2a:90c1::3:1]:80"}}}};
  EXPECT_EQ(FormatTable(table, 20),
            "NAME   ADDRESS\n"
            "short  [fd5e:1f2a:\n"
            "       90c1::3:1]:80\n");
}

TEST(FormatTable, FitsEveryWidthThatItsHeadersFit) {
  const std::string cell(500, 'x');
  const Table table{.columns = {{"ONE"}, {"TWO"}, {"THREE"}}, .rows = {{{cell}, {cell, cell}, {cell}}}};
  for (size_t width = 3 * 8 + 2 * 2; width < 300; ++width) EXPECT_LE(Widest(FormatTable(table, width)), width);
}

TEST(FormatTable, RigidColumnsAreNeverBroken) {
  const Table table{.columns = {{.header = "PID", .rigid = true}, {"NAME"}},
                    .rows = {{{"1234567890123456"}, {"a name of some length"}}}};
  EXPECT_NE(FormatTable(table, 10).find("1234567890123456"), std::string::npos);
}

TEST(FormatTable, HostileCellsCannotBreakTheTable) {
  const Table table{.columns = {{"NAME"}}, .rows = {{{"a\n\x1b[31mb"}}}};
  EXPECT_EQ(FormatTable(table, 80), "NAME\na\\x0a\\x1b[31mb\n");
}

}  // namespace
}  // namespace forcebind
