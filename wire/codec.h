// SPDX-License-Identifier: Apache-2.0
// codec: the two directions of wire/messages. Writer and Reader have the same methods, so that the fields of a message
// are listed once (messages.cc) and cannot be written in one order and read in another.
//
// TRUST    What a Reader is given is hostile. After the first error it reads nothing more, and every value
//          it hands out is the one that was there before.
// THREADS  Thread-compatible.
#ifndef FORCEBIND_WIRE_CODEC_H_
#define FORCEBIND_WIRE_CODEC_H_

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"

namespace forcebind::wire {

class Writer {
 public:
  static constexpr bool kReading = false;

  template <typename T>
  void Number(const T& value, const char* /*field*/) {
    const auto bits = static_cast<std::make_unsigned_t<T>>(value);
    for (size_t i = 0; i < sizeof(T); ++i) bytes_.push_back(static_cast<uint8_t>(bits >> (8 * i)));
  }
  void Bool(const bool& value, const char* field) { Number<uint8_t>(value ? 1 : 0, field); }
  template <typename E>
  void Enum(const E& value, std::initializer_list<E> /*known*/, const char* field) {
    Number(static_cast<uint8_t>(value), field);
  }
  void Bytes(const uint8_t* bytes, size_t size, const char* /*field*/) {
    bytes_.insert(bytes_.end(), bytes, bytes + size);
  }
  void Text(const std::string& text, size_t max, const char* field) {
    assert(text.size() <= max);
    (void)max;
    Number(static_cast<uint16_t>(text.size()), field);
    bytes_.insert(bytes_.end(), text.begin(), text.end());
  }
  template <typename T, typename EachFn>
  void List(const std::vector<T>& list, size_t max, const char* field, EachFn each) {
    assert(list.size() <= max);
    (void)max;
    Number(static_cast<uint16_t>(list.size()), field);
    for (const T& element : list) each(element);
  }
  void Check(bool holds, const char* /*field*/, const char* /*what*/) const {
    assert(holds);
    (void)holds;
  }

  std::vector<uint8_t> Take() { return std::move(bytes_); }

 private:
  std::vector<uint8_t> bytes_;
};

class Reader {
 public:
  static constexpr bool kReading = true;

  explicit Reader(absl::Span<const uint8_t> bytes) : rest_(bytes) {}

  template <typename T>
  void Number(T& value, const char* field) {
    if (!Have(sizeof(T), field)) return;
    std::make_unsigned_t<T> bits = 0;
    for (size_t i = 0; i < sizeof(T); ++i) bits |= static_cast<std::make_unsigned_t<T>>(rest_[i]) << (8 * i);
    rest_.remove_prefix(sizeof(T));
    value = static_cast<T>(bits);
  }
  void Bool(bool& value, const char* field) {
    uint8_t byte = value ? 1 : 0;
    Number(byte, field);
    Check(byte <= 1, field, "neither 0 nor 1");
    if (ok()) value = byte == 1;
  }
  template <typename E>
  void Enum(E& value, std::initializer_list<E> known, const char* field) {
    uint8_t byte = 0;
    Number(byte, field);
    if (!ok()) return;
    for (E each : known) {
      if (static_cast<uint8_t>(each) == byte) {
        value = each;
        return;
      }
    }
    Fail(field, "an unknown value");
  }
  void Bytes(uint8_t* bytes, size_t size, const char* field) {
    if (!Have(size, field)) return;
    for (size_t i = 0; i < size; ++i) bytes[i] = rest_[i];
    rest_.remove_prefix(size);
  }
  void Text(std::string& text, size_t max, const char* field) {
    uint16_t size = 0;
    Number(size, field);
    Check(size <= max, field, "too long");
    if (!Have(size, field)) return;
    text.assign(rest_.begin(), rest_.begin() + size);
    rest_.remove_prefix(size);
  }
  template <typename T, typename EachFn>
  void List(std::vector<T>& list, size_t max, const char* field, EachFn each) {
    uint16_t size = 0;
    Number(size, field);
    Check(size <= max, field, "too many");
    for (uint16_t i = 0; i < size && ok(); ++i) each(list.emplace_back());
  }
  // Turns what holds of every message that we write into a condition of what we read.
  void Check(bool holds, const char* field, const char* what) {
    if (!holds) Fail(field, what);
  }
  void End() { Check(rest_.empty(), "end", "bytes left over"); }

  bool ok() const { return error_.empty(); }
  const std::string& error() const { return error_; }

 private:
  bool Have(size_t size, const char* field) {
    Check(rest_.size() >= size, field, "cut off");
    return ok();
  }
  void Fail(const char* field, const char* what) {
    if (ok()) error_ = absl::StrCat(field, ": ", what);
  }

  absl::Span<const uint8_t> rest_;
  std::string error_;
};

// A message's type as seen by `Io`: const for a Writer.
template <typename Io, typename T>
using Ref = std::conditional_t<Io::kReading, T&, const T&>;

}  // namespace forcebind::wire

#endif  // FORCEBIND_WIRE_CODEC_H_
