// SPDX-License-Identifier: Apache-2.0
// text_table: a table that fits a terminal. Columns are as wide as their longest cell; if that is too much, the widest
// ones give way, and what no longer fits goes on in the next line of the same cell. Headers, and columns that are
// marked `rigid`, are never broken: a table may thus be wider than asked for, but never by text that could have been
// wrapped.
//
// Tested by tests/unit/launcher/text_table_test.cc.
#ifndef FORCEBIND_LAUNCHER_TEXT_TABLE_H_
#define FORCEBIND_LAUNCHER_TEXT_TABLE_H_

#include <cstddef>
#include <string>
#include <vector>

namespace forcebind {

struct TableColumn {
  std::string header;
  bool rigid = false;  // never wrapped
  bool right = false;  // aligned to the right
};

// The lines of one cell.
using TableCell = std::vector<std::string>;

struct Table {
  std::vector<TableColumn> columns;
  std::vector<std::vector<TableCell>> rows;  // each with a cell per column
};

// Cells are made Printable() here. Every line ends in '\n', none in a space.
std::string FormatTable(const Table& table, size_t width);

// `text` in pieces of at most `width` characters, broken behind punctuation or at a space where that leaves at least
// half of the width in use. REQUIRES: width > 0.
std::vector<std::string> Wrap(const std::string& text, size_t width);

}  // namespace forcebind

#endif  // FORCEBIND_LAUNCHER_TEXT_TABLE_H_
