// SPDX-License-Identifier: Apache-2.0
#include "wire/messages.h"

#include <array>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "wire/codec.h"

namespace forcebind::wire {
namespace {

constexpr uint32_t kMagic = 0x444e4246;  // "FBND"
constexpr size_t kHeaderSize = 8;        // magic, version, type

// A type's number on the wire is its place in Message, from 1: new types are appended, none is ever taken out.
constexpr const char* kTypeNames[] = {"Hello",          "Claim",        "Listener", "Counters",  "StatusRequest",
                                      "ExplainRequest", "Welcome",      "Result",   "Document",  "Opened",
                                      "Enclose",        "AuditRequest", "LetIn",    "Successor", "Succeeded"};
static_assert(std::size(kTypeNames) == std::variant_size_v<Message>);

template <typename Io>
void Field(Io& io, Ref<Io, Protocol> protocol) {
  io.Enum(protocol, {Protocol::kTcp, Protocol::kUdp}, "protocol");
}

// The family, then 4 or 16 bytes.
template <typename Io>
void Field(Io& io, Ref<Io, IpAddress> address) {
  Family family = address.family();
  io.Enum(family, {Family::kIpv4, Family::kIpv6}, "address family");
  std::array<uint8_t, 16> bytes = address.bytes();
  io.Bytes(bytes.data(), family == Family::kIpv4 ? 4 : 16, "address");
  if constexpr (Io::kReading) {
    if (io.ok()) address = IpAddress::FromBytes(family, bytes);
  }
}

template <typename Io>
void Field(Io& io, Ref<Io, Endpoint> endpoint) {
  Field(io, endpoint.address);
  io.Number(endpoint.port, "port");
}

template <typename Io>
void Field(Io& io, Ref<Io, Prefix> prefix) {
  Field(io, prefix.base);
  uint8_t length = static_cast<uint8_t>(prefix.length);
  io.Number(length, "prefix length");
  if constexpr (Io::kReading) prefix.length = length;
  io.Check(prefix.IsValid(), "prefix", "longer than its address, or with host bits");
}

template <typename Io>
void Field(Io& io, Ref<Io, std::optional<IpAddress>> address, Family family) {
  bool present = address.has_value();
  io.Bool(present, "address present");
  if (!present) return;
  if constexpr (Io::kReading) address.emplace();
  Field(io, *address);
  io.Check(address->family() == family, "address", "of the other family");
}

template <typename Io>
void Field(Io& io, Ref<Io, PrivateAddresses> addresses) {
  Field(io, addresses.v4, Family::kIpv4);
  Field(io, addresses.v6, Family::kIpv6);
}

template <typename Io>
void Field(Io& io, Ref<Io, Publication> publication) {
  Field(io, publication.protocol);
  io.Number(publication.port, "published port");
  io.List(publication.on, kMaxPrefixes, "prefixes", [&](Ref<Io, Prefix> prefix) { Field(io, prefix); });
  io.Bool(publication.guard, "guard");
  io.Enum(publication.when_gone, {WhenGone::kFallThrough, WhenGone::kRefuse}, "when-gone");
  io.Enum(publication.stage, {Stage::kD, Stage::kF}, "stage");
  io.Check(publication.port != kAnyPort || publication.stage == Stage::kF, "published port", "any, but not at stage F");
}

size_t PrefixesInAll(const std::vector<Publication>& publish) {
  size_t count = 0;
  for (const Publication& publication : publish) count += publication.on.size();
  return count;
}

template <typename Io>
void Fields(Io& io, Ref<Io, Hello> message) {
  io.Text(message.name, kMaxServiceNameLength, "name");
  io.Check(IsServiceName(message.name), "name", "not a service's name");
  io.Number(message.pid, "pid");
  Field(io, message.addresses);
  io.List(message.publish, kMaxPublications, "publications",
          [&](Ref<Io, Publication> publication) { Field(io, publication); });
  io.Check(PrefixesInAll(message.publish) <= kMaxPrefixesInAll, "prefixes", "too many in all");
  io.List(message.walls, kMaxWalls, "walls", [&](Ref<Io, std::string> wall) { io.Text(wall, kMaxNameLength, "wall"); });
  io.Bool(message.connect_limited, "connect limited");
  io.Bool(message.resumed, "resumed");
}

template <typename Io>
void Fields(Io& io, Ref<Io, Claim> message) {
  Field(io, message.protocol);
  Field(io, message.target);
  io.Bool(message.dual_stack, "dual-stack");
}

template <typename Io>
void Fields(Io& io, Ref<Io, Listener> message) {
  Field(io, message.protocol);
  Field(io, message.requested);
  io.Bool(message.published, "published");
  io.Bool(message.dual_stack, "dual-stack");
}

template <typename Io>
void Field(Io& io, Ref<Io, OpenedSocket> socket) {
  Field(io, socket.protocol);
  Field(io, socket.requested);
  Field(io, socket.bound);
  io.Bool(socket.egress, "egress");
  io.Number(socket.cookie, "cookie");
}

template <typename Io>
void Fields(Io& io, Ref<Io, Opened> message) {
  io.List(message.sockets, kMaxOpened, "sockets", [&](Ref<Io, OpenedSocket> socket) { Field(io, socket); });
}

template <typename Io>
void Field(Io& io, Ref<Io, PortRange> range) {
  Field(io, range.protocol);
  io.Number(range.first, "first port");
  io.Number(range.last, "last port");
  io.Check(range.first != 0 && range.first <= range.last, "port range", "empty, or with port 0");
}

template <typename Io>
void Field(Io& io, Ref<Io, ConnectTarget> target) {
  io.Text(target.name, kMaxServiceNameLength, "name of a service");
  io.Check(IsServiceName(target.name), "name of a service", "not one");
  bool has_ports = target.ports.has_value();
  io.Bool(has_ports, "ports of a service present");
  if (!has_ports) return;
  if constexpr (Io::kReading) target.ports.emplace();
  Field(io, *target.ports);
}

template <typename Io>
void Field(Io& io, Ref<Io, WallRules> rules) {
  const auto range = [&](Ref<Io, PortRange> value) { Field(io, value); };
  bool limited = rules.ports.has_value();
  io.Bool(limited, "ports limited");
  if (limited) {
    if constexpr (Io::kReading) rules.ports.emplace();
    io.List(*rules.ports, kMaxWallPorts, "ports", range);
    io.Check(IsSortedApart(*rules.ports), "ports", "not in order");
  }
  io.Bool(rules.egress, "egress");
  io.Bool(rules.multicast, "multicast");
  io.Bool(rules.raw, "raw");
  io.Bool(rules.ipv4, "IPv4");
  io.Bool(rules.ipv6, "IPv6");
  io.Enum(rules.loopback, {Loopback::kOwnFirst, Loopback::kOwn, Loopback::kHost}, "loopback");
  io.List(rules.host_loopback, kMaxHostLoopback, "host-loopback", range);
  io.Check(IsSortedApart(rules.host_loopback), "host-loopback", "not in order");
  io.Bool(rules.alone, "alone");
  io.Bool(rules.report_requested, "report");
  bool connect_limited = rules.connect.has_value();
  io.Bool(connect_limited, "connect limited");
  if (!connect_limited) return;
  if constexpr (Io::kReading) rules.connect.emplace();
  io.List(*rules.connect, kMaxConnectTargets, "connect", [&](Ref<Io, ConnectTarget> target) { Field(io, target); });
}

template <typename Io>
void Fields(Io& io, Ref<Io, Enclose> message) {
  Field(io, message.rules);
}

template <typename Io>
void Fields(Io& io, Ref<Io, Counters> message) {
  const auto number = [&](Ref<Io, uint64_t> value) { io.Number(value, "counter"); };
  io.List(message.verdicts, kMaxCounters, "verdicts", number);
  io.List(message.latency_us_log2, kMaxCounters, "latency buckets", number);
}

template <typename Io>
void Fields(Io&, Ref<Io, StatusRequest>) {}

template <typename Io>
void Fields(Io&, Ref<Io, AuditRequest>) {}

template <typename Io>
void Fields(Io& io, Ref<Io, Successor> message) {
  io.Number(message.number, "number");
}

template <typename Io>
void Fields(Io& io, Ref<Io, Succeeded> message) {
  io.Number(message.number, "number");
}

template <typename Io>
void Fields(Io& io, Ref<Io, LetIn> message) {
  io.List(message.cookies, kMaxOpened, "sockets", [&](Ref<Io, uint64_t> cookie) { io.Number(cookie, "cookie"); });
}

template <typename Io>
void Fields(Io& io, Ref<Io, ExplainRequest> message) {
  Field(io, message.protocol);
  Field(io, message.endpoint);
}

template <typename Io>
void Fields(Io& io, Ref<Io, Welcome> message) {
  Field(io, message.addresses);
  io.Text(message.backend, kMaxNameLength, "backend");
}

template <typename Io>
void Fields(Io& io, Ref<Io, Result> message) {
  io.Number(message.error, "error");
  if constexpr (Io::kReading) {
    io.Text(message.text, kMaxTextLength, "text");
  } else {
    io.Text(message.text.substr(0, kMaxTextLength), kMaxTextLength, "text");
  }
}

template <typename Io>
void Fields(Io&, Ref<Io, Document>) {}

template <typename Io>
void Header(Io& io, Ref<Io, uint32_t> magic, Ref<Io, uint16_t> version, Ref<Io, uint16_t> type) {
  io.Number(magic, "magic");
  io.Number(version, "version");
  io.Number(type, "type");
}

absl::Status NotAMessage(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("not a forcebind message: ", why));
}

template <size_t... kIndex>
bool EmplaceByIndex(size_t index, Message& message, std::index_sequence<kIndex...>) {
  return ((index == kIndex && (message.emplace<kIndex>(), true)) || ...);
}

}  // namespace

std::vector<uint8_t> Encode(const Message& message) {
  Writer writer;
  Header(writer, kMagic, kVersion, static_cast<uint16_t>(message.index() + 1));
  std::visit([&](const auto& body) { Fields(writer, body); }, message);
  return writer.Take();
}

absl::StatusOr<Message> Decode(absl::Span<const uint8_t> bytes) {
  if (bytes.size() < kHeaderSize) return NotAMessage("shorter than a header");
  if (bytes.size() > kMaxMessageSize) return NotAMessage(absl::StrCat("longer than ", kMaxMessageSize, " bytes"));
  Reader reader(bytes);
  uint32_t magic = 0;
  uint16_t version = 0, type = 0;
  Header(reader, magic, version, type);
  if (magic != kMagic) return NotAMessage("it begins with something else");
  if (version != kVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("the other side speaks version ", version, " of the protocol, this one version ", kVersion));
  }
  Message message;
  if (!EmplaceByIndex(size_t{type} - 1, message, std::make_index_sequence<std::variant_size_v<Message>>())) {
    return NotAMessage(absl::StrCat("unknown type ", type));
  }
  std::visit([&](auto& body) { Fields(reader, body); }, message);
  reader.End();
  if (!reader.ok()) return NotAMessage(absl::StrCat(kTypeNames[type - 1], ": ", reader.error()));
  return message;
}

}  // namespace forcebind::wire
