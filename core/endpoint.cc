// SPDX-License-Identifier: Apache-2.0
#include "core/endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cassert>
#include <cstring>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace forcebind {
namespace {

constexpr std::array<uint8_t, 16> kIpv6Loopback = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
constexpr uint8_t kMappedHead[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// Decimal digits only, no sign, no leading zero, at most `max`.
std::optional<int> ParseDecimal(absl::string_view text, int max) {
  if (text.empty() || text.size() > 5 || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  int value = 0;
  for (char c : text) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return std::nullopt;
    value = value * 10 + (c - '0');
  }
  if (value > max) return std::nullopt;
  return value;
}

absl::Status Invalid(absl::string_view text, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" ", why));
}

// True if every bit from `length` on is zero.
bool HostBitsAreZero(const IpAddress& address, int length) {
  for (int bit = length; bit < address.bit_length(); ++bit) {
    if (address.bytes()[bit / 8] & (0x80 >> (bit % 8))) return false;
  }
  return true;
}

}  // namespace

std::string ToString(Protocol protocol) {
  switch (protocol) {
    case Protocol::kTcp:
      return "tcp";
    case Protocol::kUdp:
      return "udp";
  }
  return absl::StrCat("protocol ", static_cast<int>(protocol));
}

absl::StatusOr<IpAddress> IpAddress::Parse(absl::string_view text) {
  const std::string copy(text);
  if (copy.find('\0') == std::string::npos) {
    struct in_addr v4;
    if (inet_pton(AF_INET, copy.c_str(), &v4) == 1) return V4(ntohl(v4.s_addr));
    std::array<uint8_t, 16> v6;
    if (inet_pton(AF_INET6, copy.c_str(), v6.data()) == 1) return V6(v6);
  }
  return Invalid(text, "is not an IPv4 or IPv6 address");
}

uint32_t IpAddress::v4() const {
  assert(is_v4());
  return static_cast<uint32_t>(bytes_[0]) << 24 | static_cast<uint32_t>(bytes_[1]) << 16 |
         static_cast<uint32_t>(bytes_[2]) << 8 | bytes_[3];
}

bool IpAddress::IsWildcard() const { return bytes_ == std::array<uint8_t, 16>{}; }

bool IpAddress::IsLoopback() const {
  if (is_v4()) return bytes_[0] == 127;
  return bytes_ == kIpv6Loopback;
}

bool IpAddress::IsV4Mapped() const {
  return !is_v4() && std::memcmp(bytes_.data(), kMappedHead, sizeof(kMappedHead)) == 0;
}

bool IpAddress::IsMulticast() const { return is_v4() ? (bytes_[0] & 0xf0) == 0xe0 : bytes_[0] == 0xff; }

bool IpAddress::IsUla() const { return !is_v4() && bytes_[0] == 0xfd; }

bool IpAddress::IsLinkLocal() const {
  if (is_v4()) return bytes_[0] == 169 && bytes_[1] == 254;
  return bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
}

bool IpAddress::IsPrivateRange() const {
  if (!is_v4()) return IsUla();
  return IsLoopback() && v4() != 0x7f000000 && v4() != 0x7fffffff;
}

IpAddress IpAddress::Unmapped() const {
  if (!IsV4Mapped()) return *this;
  IpAddress address;
  std::memcpy(address.bytes_.data(), bytes_.data() + sizeof(kMappedHead), 4);
  return address;
}

IpAddress IpAddress::Mapped() const {
  if (!is_v4()) return *this;
  std::array<uint8_t, 16> mapped;
  std::memcpy(mapped.data(), kMappedHead, sizeof(kMappedHead));
  std::memcpy(mapped.data() + sizeof(kMappedHead), bytes_.data(), 4);
  return V6(mapped);
}

std::string IpAddress::ToString() const {
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(is_v4() ? AF_INET : AF_INET6, bytes_.data(), text, sizeof(text));
}

absl::StatusOr<Endpoint> Endpoint::Parse(absl::string_view text) {
  const size_t colon = text.rfind(':');
  const auto port = colon == absl::string_view::npos ? std::nullopt : ParseDecimal(text.substr(colon + 1), 65535);
  if (!port) return Invalid(text, "is not ADDRESS:PORT (for IPv6, [ADDRESS]:PORT)");
  absl::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  auto address = IpAddress::Parse(host);
  if (!address.ok()) return address.status();
  if (address->is_v4() == bracketed) return Invalid(text, "is not ADDRESS:PORT (for IPv6, [ADDRESS]:PORT)");
  return Endpoint{*address, static_cast<uint16_t>(*port)};
}

std::string Endpoint::ToString() const {
  if (address.is_v4()) return absl::StrCat(address.ToString(), ":", port);
  return absl::StrCat("[", address.ToString(), "]:", port);
}

absl::StatusOr<Prefix> Prefix::Parse(absl::string_view text) {
  const size_t slash = text.find('/');
  auto base = IpAddress::Parse(text.substr(0, slash));
  if (!base.ok()) return Invalid(text, "is not a network such as 192.0.2.0/24 or 2001:db8::/32");
  Prefix prefix = Host(*base);
  if (slash != absl::string_view::npos) {
    const auto length = ParseDecimal(text.substr(slash + 1), base->bit_length());
    if (!length) return Invalid(text, absl::StrCat("needs a prefix length of 0 to ", base->bit_length()));
    prefix.length = *length;
  }
  if (prefix.base.IsV4Mapped() && prefix.length >= 96) {
    return Invalid(text,
                   absl::StrCat("is IPv4 in disguise: write ", base->Unmapped().ToString(), "/", prefix.length - 96));
  }
  if (!HostBitsAreZero(prefix.base, prefix.length)) {
    return Invalid(text, absl::StrCat("has bits set behind the first ", prefix.length));
  }
  return prefix;
}

bool Prefix::IsValid() const {
  return length >= 0 && length <= base.bit_length() && HostBitsAreZero(base, length) &&
         !(base.IsV4Mapped() && length >= 96);
}

Prefix Prefix::All(Family family) { return {family == Family::kIpv4 ? IpAddress::V4(0) : IpAddress::V6({}), 0}; }

Prefix Prefix::Host(const IpAddress& address) { return {address, address.bit_length()}; }

bool Prefix::Contains(const IpAddress& address) const {
  if (address.family() != base.family()) return false;
  const int whole = length / 8;
  if (std::memcmp(address.bytes().data(), base.bytes().data(), whole) != 0) return false;
  if (length % 8 == 0) return true;
  const uint8_t mask = static_cast<uint8_t>(0xff << (8 - length % 8));
  return ((address.bytes()[whole] ^ base.bytes()[whole]) & mask) == 0;
}

std::string Prefix::ToString() const { return absl::StrCat(base.ToString(), "/", length); }

absl::StatusOr<PortRange> PortRange::Parse(absl::string_view text) {
  const auto bad = [text] { return Invalid(text, "is not a port such as tcp/80 or udp/5000-5999"); };
  const size_t slash = text.find('/');
  if (slash == absl::string_view::npos) return bad();
  const absl::string_view protocol = text.substr(0, slash);
  if (protocol != "tcp" && protocol != "udp") return bad();
  const absl::string_view ports = text.substr(slash + 1);
  const size_t dash = ports.find('-');
  const auto first = ParseDecimal(ports.substr(0, dash), 65535);
  const auto last = dash == absl::string_view::npos ? first : ParseDecimal(ports.substr(dash + 1), 65535);
  if (!first || !last || *first == 0) return bad();
  if (*first > *last) return Invalid(text, "ends before it begins");
  return PortRange{protocol == "tcp" ? Protocol::kTcp : Protocol::kUdp, static_cast<uint16_t>(*first),
                   static_cast<uint16_t>(*last)};
}

bool PortRange::Contains(Protocol other, uint16_t port) const {
  return other == protocol && first <= port && port <= last;
}

std::string PortRange::ToString() const {
  if (first == last) return absl::StrCat(forcebind::ToString(protocol), "/", first);
  return absl::StrCat(forcebind::ToString(protocol), "/", first, "-", last);
}

}  // namespace forcebind
