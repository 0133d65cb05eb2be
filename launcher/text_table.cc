// SPDX-License-Identifier: Apache-2.0
#include "launcher/text_table.h"

#include <algorithm>

#include "launcher/printable.h"

namespace forcebind {
namespace {

constexpr size_t kGap = 2;
// A column gives way no further than this.
constexpr size_t kNarrowest = 8;

using Row = std::vector<TableCell>;

Row MakePrintable(const Row& row) {
  Row result;
  for (const TableCell& cell : row) {
    TableCell& lines = result.emplace_back();
    for (const std::string& line : cell) lines.push_back(Printable(line));
  }
  return result;
}

std::vector<size_t> NaturalWidths(const Table& table, const std::vector<Row>& rows) {
  std::vector<size_t> widths;
  for (const TableColumn& column : table.columns) widths.push_back(column.header.size());
  for (const Row& row : rows) {
    for (size_t i = 0; i < widths.size(); ++i) {
      for (const std::string& line : row[i]) widths[i] = std::max(widths[i], line.size());
    }
  }
  return widths;
}

size_t TotalWidth(const std::vector<size_t>& widths) {
  size_t total = kGap * (widths.size() - 1);
  for (const size_t width : widths) total += width;
  return total;
}

// Takes from the widest column that can give, until the table fits or none can.
void Shrink(const Table& table, size_t width, std::vector<size_t>* widths) {
  const auto least = [&](size_t i) { return std::max(table.columns[i].header.size(), kNarrowest); };
  for (size_t i = 0; i < widths->size(); ++i) {
    if (!table.columns[i].rigid) (*widths)[i] = std::min((*widths)[i], std::max(width, least(i)));
  }
  while (TotalWidth(*widths) > width) {
    size_t* widest = nullptr;
    for (size_t i = 0; i < widths->size(); ++i) {
      const bool can = !table.columns[i].rigid && (*widths)[i] > least(i);
      if (can && (widest == nullptr || (*widths)[i] > *widest)) widest = &(*widths)[i];
    }
    if (widest == nullptr) return;
    --*widest;
  }
}

void AppendLine(const Table& table, const std::vector<size_t>& widths, const std::vector<std::string>& texts,
                std::string* out) {
  std::string line;
  for (size_t i = 0; i < widths.size(); ++i) {
    const std::string padding(widths[i] - std::min(widths[i], texts[i].size()), ' ');
    if (i > 0) line.append(kGap, ' ');
    line += table.columns[i].right ? padding + texts[i] : texts[i] + padding;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  *out += line + "\n";
}

void AppendRow(const Table& table, const std::vector<size_t>& widths, const Row& row, std::string* out) {
  std::vector<std::vector<std::string>> cells;
  size_t height = 1;
  for (size_t i = 0; i < widths.size(); ++i) {
    std::vector<std::string>& lines = cells.emplace_back();
    for (const std::string& line : row[i]) {
      const std::vector<std::string> pieces = Wrap(line, widths[i]);
      lines.insert(lines.end(), pieces.begin(), pieces.end());
    }
    height = std::max(height, lines.size());
  }
  for (size_t y = 0; y < height; ++y) {
    std::vector<std::string> texts;
    for (const std::vector<std::string>& lines : cells) texts.push_back(y < lines.size() ? lines[y] : "");
    AppendLine(table, widths, texts, out);
  }
}

}  // namespace

std::vector<std::string> Wrap(const std::string& text, size_t width) {
  std::vector<std::string> pieces;
  size_t begin = 0;
  while (text.size() - begin > width) {
    const size_t found = text.find_last_of(" ,;:]/", begin + width - 1);
    const bool good = found != std::string::npos && found >= begin + width / 2;
    const size_t end = good ? found + 1 : begin + width;
    pieces.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  pieces.push_back(text.substr(begin));
  return pieces;
}

std::string FormatTable(const Table& table, size_t width) {
  std::vector<Row> rows;
  for (const Row& row : table.rows) rows.push_back(MakePrintable(row));
  std::vector<size_t> widths = NaturalWidths(table, rows);
  Shrink(table, width, &widths);
  std::vector<std::string> headers;
  for (const TableColumn& column : table.columns) headers.push_back(column.header);
  std::string out;
  AppendLine(table, widths, headers, &out);
  for (const Row& row : rows) AppendRow(table, widths, row, &out);
  return out;
}

}  // namespace forcebind
