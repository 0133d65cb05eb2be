// SPDX-License-Identifier: Apache-2.0
// toml_reader: TOML as a tree of plain values that know where they stand, and the readers that turn them into ours. The
// only place that knows of toml++.
//
// Every error is INVALID_ARGUMENT, "FILE:LINE:COLUMN: KEY: what is wrong, and what would be right". Columns count
// characters, from 1.
//
// THREADS  Thread-compatible.
// Tested by tests/unit/config/.
#ifndef FORCEBIND_CONFIG_TOML_READER_H_
#define FORCEBIND_CONFIG_TOML_READER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace forcebind {

struct TomlNode;
struct TomlArray {
  std::vector<TomlNode> elements;
};
struct TomlTable {
  std::vector<TomlNode> entries;
};
// A date, a time or a float: nothing that a file of ours holds.
struct TomlOther {};

struct TomlPosition {
  uint32_t line = 1;
  uint32_t column = 1;
};

struct TomlNode {
  std::string key;  // an array's element has the key of the array; empty for the whole document
  TomlPosition key_position;
  TomlPosition position;  // of the value
  std::variant<TomlOther, bool, int64_t, std::string, TomlArray, TomlTable> value;
};

class TomlReader {
 public:
  // `file` is only named in errors.
  explicit TomlReader(std::string file) : file_(std::move(file)) {}

  absl::StatusOr<TomlNode> Parse(const std::string& text) const;

  // An error at the value of `node`.
  absl::Status Error(const TomlNode& node, absl::string_view message) const;

  // Each checks the type.
  absl::Status Read(const TomlNode& node, bool* value) const;
  absl::Status Read(const TomlNode& node, std::string* value) const;
  absl::Status ReadNumber(const TomlNode& node, uint32_t min, uint32_t max, uint32_t* value) const;
  absl::Status ReadEach(const TomlNode& node, const std::function<absl::Status(const TomlNode&)>& read) const;

  struct Key {
    const char* name;
    std::function<absl::Status(const TomlNode&)> read;
  };
  // Reads the keys that `node` has in the order of `keys`, after a check that it has no others.
  absl::Status ReadTable(const TomlNode& node, const std::vector<Key>& keys) const;

 private:
  absl::Status ErrorAt(const TomlPosition& position, absl::string_view message) const;
  absl::Status UnknownKey(const TomlNode& entry, const std::vector<Key>& keys) const;

  std::string file_;
};

}  // namespace forcebind

#endif  // FORCEBIND_CONFIG_TOML_READER_H_
