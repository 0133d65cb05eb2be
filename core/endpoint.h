// SPDX-License-Identifier: Apache-2.0
// endpoint: the addresses, prefixes, ports and protocols that every room speaks of.
//
// Pure values: no system call, no ownership. Ports and IPv4 addresses are in host order; network order exists only
// where bytes leave the process (sys/sockaddr, bpf/layout.h).
//
// Tested by tests/unit/core/endpoint_test.cc.
#ifndef FORCEBIND_CORE_ENDPOINT_H_
#define FORCEBIND_CORE_ENDPOINT_H_

#include <array>
#include <compare>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace forcebind {

enum class Family : uint8_t { kIpv4 = 4, kIpv6 = 6 };

// The protocols that have ports which forcebind forces and publishes. The values are those of IPPROTO_*.
// MPTCP counts as TCP, UDP-Lite as UDP.
enum class Protocol : uint8_t { kTcp = 6, kUdp = 17 };

// "tcp" or "udp".
std::string ToString(Protocol protocol);

// An IPv4 or IPv6 address. An IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2) is an IPv6 address here; Unmapped() turns it
// into the IPv4 address that it stands for.
class IpAddress {
 public:
  // 0.0.0.0
  constexpr IpAddress() = default;
  static constexpr IpAddress V4(uint32_t host_order) {
    IpAddress address;
    for (int i = 0; i < 4; ++i) address.bytes_[i] = static_cast<uint8_t>(host_order >> (24 - 8 * i));
    return address;
  }
  static constexpr IpAddress V6(const std::array<uint8_t, 16>& bytes) {
    IpAddress address;
    address.family_ = Family::kIpv6;
    address.bytes_ = bytes;
    return address;
  }
  static constexpr IpAddress FromBytes(Family family, const std::array<uint8_t, 16>& bytes) {
    if (family == Family::kIpv6) return V6(bytes);
    return V4(static_cast<uint32_t>(bytes[0]) << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3]);
  }
  // Accepts what inet_pton(3) accepts, without brackets and without a zone. INVALID_ARGUMENT names the text.
  static absl::StatusOr<IpAddress> Parse(absl::string_view text);

  Family family() const { return family_; }
  bool is_v4() const { return family_ == Family::kIpv4; }
  // REQUIRES: is_v4().
  uint32_t v4() const;
  // In network order; an IPv4 address fills the first four bytes, the rest is zero.
  const std::array<uint8_t, 16>& bytes() const { return bytes_; }
  int bit_length() const { return is_v4() ? 32 : 128; }

  bool IsWildcard() const;   // 0.0.0.0 or ::, not ::ffff:0.0.0.0
  bool IsLoopback() const;   // 127.0.0.0/8 or ::1
  bool IsV4Mapped() const;   // ::ffff:0:0/96
  bool IsMulticast() const;  // 224.0.0.0/4 or ff00::/8
  bool IsUla() const;        // fd00::/8 (RFC 4193, locally assigned)
  bool IsLinkLocal() const;  // 169.254.0.0/16 or fe80::/10
  // What a private address may be: 127.0.0.0/8 but not 127.0.0.0 and 127.255.255.255, or a ULA.
  bool IsPrivateRange() const;

  IpAddress Unmapped() const;  // itself, unless IPv4-mapped
  IpAddress Mapped() const;    // ::ffff:a.b.c.d of an IPv4 address, itself otherwise

  std::string ToString() const;

  friend constexpr auto operator<=>(const IpAddress&, const IpAddress&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const IpAddress& a) {
    return H::combine(std::move(h), a.family_, a.bytes_);
  }

 private:
  Family family_ = Family::kIpv4;
  std::array<uint8_t, 16> bytes_{};
};

// An address and a port: "127.0.0.1:80", "[fd5e::7]:80".
struct Endpoint {
  IpAddress address;
  uint16_t port = 0;

  static absl::StatusOr<Endpoint> Parse(absl::string_view text);
  std::string ToString() const;
  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

// A network: "192.0.2.0/24", "2001:db8::/32". A bare address is a prefix of its full length. Host bits must be zero; a
// prefix of ::ffff:0:0/96 or within it is refused: the addresses that it means are IPv4 addresses here.
struct Prefix {
  IpAddress base;
  int length = 0;

  static absl::StatusOr<Prefix> Parse(absl::string_view text);
  // The prefix that holds every address of the family.
  static Prefix All(Family family);
  static Prefix Host(const IpAddress& address);
  bool IsValid() const;                           // a length that the family has, no host bits, not IPv4-mapped
  bool Contains(const IpAddress& address) const;  // false for the other family. REQUIRES: IsValid().
  std::string ToString() const;
  friend auto operator<=>(const Prefix&, const Prefix&) = default;
};

// "tcp/80" or "tcp/8080-8090". Port 0 is not a port here; first <= last.
struct PortRange {
  Protocol protocol = Protocol::kTcp;
  uint16_t first = 0;
  uint16_t last = 0;

  static absl::StatusOr<PortRange> Parse(absl::string_view text);
  bool Contains(Protocol protocol, uint16_t port) const;
  std::string ToString() const;
  friend auto operator<=>(const PortRange&, const PortRange&) = default;
};

}  // namespace forcebind

#endif  // FORCEBIND_CORE_ENDPOINT_H_
