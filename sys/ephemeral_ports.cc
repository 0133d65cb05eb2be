// SPDX-License-Identifier: Apache-2.0
#include "sys/ephemeral_ports.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "sys/errno_status.h"
#include "sys/unique_fd.h"

namespace forcebind {
namespace {

constexpr char kRangeFile[] = "/proc/sys/net/ipv4/ip_local_port_range";
constexpr char kReservedFile[] = "/proc/sys/net/ipv4/ip_local_reserved_ports";

// Every second port, each with five digits and a comma, is less than that.
constexpr size_t kMaxText = 1 << 18;

// In one read(): a second one gives nothing, whatever did not fit (kernel/sysctl.c, proc_do_large_bitmap()).
absl::StatusOr<std::string> ReadSysctl(const char* path) {
  const UniqueFd fd(open(path, O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, absl::StrCat("open ", path));
  std::string text(kMaxText, '\0');
  const ssize_t size = read(fd.get(), text.data(), text.size());
  if (size < 0) return ErrnoStatus(errno, absl::StrCat("read ", path));
  text.resize(size);
  return text;
}

// Written at the file's begin the list replaces the one in force; behind it, it is added, so that a long one can be
// written in parts.
absl::Status WriteReserved(const std::string& list, off_t at) {
  const UniqueFd fd(open(kReservedFile, O_WRONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, absl::StrCat("open ", kReservedFile));
  for (size_t done = 0; done < list.size();) {
    const ssize_t size = pwrite(fd.get(), list.data() + done, list.size() - done, at + static_cast<off_t>(done));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return ErrnoStatus(size < 0 ? errno : EIO, absl::StrCat("write ", kReservedFile));
    done += static_cast<size_t>(size);
  }
  return absl::OkStatus();
}

// Takes a number off the front of `text`.
std::optional<uint16_t> TakePort(std::string_view* text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), port);
  if (error != std::errc()) return std::nullopt;
  text->remove_prefix(end - text->data());
  return port;
}

bool Take(char wanted, std::string_view* text) {
  if (text->empty() || text->front() != wanted) return false;
  text->remove_prefix(1);
  return true;
}

absl::Status Unreadable(const char* name) {
  return absl::InvalidArgumentError(std::string(name) + " is not as the kernel documents it");
}

}  // namespace

absl::StatusOr<EphemeralPorts> EphemeralPorts::Parse(std::string_view range, std::string_view reserved) {
  EphemeralPorts ports;
  const auto low = TakePort(&range);
  const bool separated = Take('\t', &range);
  const auto high = TakePort(&range);
  if (!low || !separated || !high) return Unreadable("net.ipv4.ip_local_port_range");
  ports.range_ = {*low, *high};
  while (!Take('\n', &reserved)) {
    const auto first = TakePort(&reserved);
    const auto last = Take('-', &reserved) ? TakePort(&reserved) : first;
    if (!first || !last) return Unreadable("net.ipv4.ip_local_reserved_ports");
    ports.reserved_.emplace_back(*first, *last);
    Take(',', &reserved);
  }
  return ports;
}

absl::StatusOr<EphemeralPorts> EphemeralPorts::Read() {
  auto range = ReadSysctl(kRangeFile);
  if (!range.ok()) return range.status();
  auto reserved = ReadSysctl(kReservedFile);
  if (!reserved.ok()) return reserved.status();
  return Parse(*range, *reserved);
}

bool EphemeralPorts::Contains(uint16_t port) const {
  const auto holds = [port](const Range& range) { return range.first <= port && port <= range.second; };
  return holds(range_) && std::none_of(reserved_.begin(), reserved_.end(), holds);
}

std::string EphemeralPorts::ReservedWithout(absl::Span<const uint16_t> ports) const {
  const std::set<uint16_t> without(ports.begin(), ports.end());
  std::string list;
  const auto add = [&list](int first, int last) {
    if (first > last) return;
    absl::StrAppend(&list, list.empty() ? "" : ",", first);
    if (first != last) absl::StrAppend(&list, "-", last);
  };
  for (const auto& [low, high] : reserved_) {
    int first = low;
    for (auto port = without.lower_bound(low); port != without.end() && *port <= high; ++port) {
      add(first, *port - 1);
      first = *port + 1;
    }
    add(first, high);
  }
  return list + "\n";
}

absl::Status EphemeralPorts::Reserve(absl::Span<const uint16_t> ports) {
  return WriteReserved(absl::StrCat(absl::StrJoin(ports, ","), "\n"), 1);
}

absl::Status EphemeralPorts::Release(absl::Span<const uint16_t> ports) {
  const auto all = Read();
  if (!all.ok()) return all.status();
  const std::string left = all->ReservedWithout(ports);
  return left == all->ReservedWithout({}) ? absl::OkStatus() : WriteReserved(left, 0);
}

}  // namespace forcebind
