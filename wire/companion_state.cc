// SPDX-License-Identifier: Apache-2.0
#include "wire/companion_state.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/wall_rules.h"
#include "wire/codec.h"

namespace forcebind::wire {
namespace {

constexpr uint32_t kStateMagic = 0x53434246;  // "FBCS"
constexpr size_t kMaxAllowed = kMaxWallPorts - kMaxPublications;

template <typename Io>
void Header(Io& io, Ref<Io, uint32_t> magic, Ref<Io, uint16_t> version) {
  io.Number(magic, "magic");
  io.Number(version, "version");
}

template <typename Io>
void Field(Io& io, Ref<Io, PortRange> range) {
  io.Enum(range.protocol, {Protocol::kTcp, Protocol::kUdp}, "protocol");
  io.Number(range.first, "first port");
  io.Number(range.last, "last port");
  io.Check(range.first <= range.last, "ports", "the last before the first");
}

template <typename Io>
void Field(Io& io, Ref<Io, Wall> wall) {
  io.Enum(wall, {Wall::kNotify, Wall::kLandlock, Wall::kCgroup}, "wall");
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
void Field(Io& io, Ref<Io, WallChoice> walls) {
  bool chosen = walls.wanted.has_value(), insists = walls.required.has_value();
  io.Bool(chosen, "walls chosen");
  if (chosen) {
    if constexpr (Io::kReading) walls.wanted.emplace();
    io.List(*walls.wanted, kMaxWalls, "walls", [&](Ref<Io, Wall> wall) { Field(io, wall); });
  }
  io.Bool(insists, "a wall required");
  if (!insists) return;
  if constexpr (Io::kReading) walls.required.emplace();
  Field(io, *walls.required);
}

// All of it but what Hello says. Taken apart by name, so that a policy with a field more does not compile here.
template <typename Io>
void Rest(Io& io, Ref<Io, ServicePolicy> policy) {
  auto& [name, addresses, publish, allow, egress, multicast, unix_sockets, loopback, host_loopback, connect,
         report_requested, families, walls, inherited_sockets] = policy;
  (void)name, (void)addresses, (void)publish;
  bool limited = allow.has_value();
  io.Bool(limited, "allow present");
  if (limited) {
    if constexpr (Io::kReading) allow.emplace();
    io.List(*allow, kMaxAllowed, "allow", [&](Ref<Io, PortRange> range) { Field(io, range); });
  }
  io.Bool(egress, "egress");
  io.Bool(multicast, "multicast");
  io.Bool(unix_sockets, "unix");
  io.Enum(loopback, {Loopback::kOwnFirst, Loopback::kOwn, Loopback::kHost}, "loopback");
  io.List(host_loopback, kMaxHostLoopback, "host-loopback", [&](Ref<Io, PortRange> range) { Field(io, range); });
  bool connect_limited = connect.has_value();
  io.Bool(connect_limited, "connect present");
  if (connect_limited) {
    if constexpr (Io::kReading) connect.emplace();
    io.List(*connect, kMaxConnectTargets, "connect", [&](Ref<Io, ConnectTarget> target) { Field(io, target); });
  }
  io.Bool(report_requested, "report");
  io.List(families, kMaxFamilies, "families", [&](Ref<Io, int> family) { io.Number(family, "family"); });
  Field(io, walls);
  io.Bool(inherited_sockets, "inherited sockets");
}

template <typename Io>
void Fields(Io& io, Ref<Io, std::vector<uint8_t>> hello, Ref<Io, CompanionState> state) {
  io.List(hello, kMaxMessageSize, "hello", [&](Ref<Io, uint8_t> byte) { io.Number(byte, "hello"); });
  Rest(io, state.policy);
  io.List(state.let_in, kMaxOpened, "let in", [&](Ref<Io, uint64_t> cookie) { io.Number(cookie, "let in"); });
  io.Text(state.supervisor_path, kMaxPathLength, "supervisor");
  io.Number(state.netns_cookie, "network namespace");
  io.Number(state.log_level, "log level");
  io.Check(state.log_level <= kMaxLogLevel, "log level", "an unknown value");
  io.Bool(state.has_stderr, "standard error present");
  io.Number(state.stderr_device, "device");
  io.Number(state.stderr_inode, "inode");
}

absl::Status NotAState(const std::string& why) {
  return absl::InvalidArgumentError(absl::StrCat("not a companion's state: ", why));
}

absl::Status TakeHello(const std::vector<uint8_t>& bytes, CompanionState* state) {
  absl::StatusOr<Message> message = Decode(bytes);
  if (!message.ok()) return message.status();
  auto* hello = std::get_if<Hello>(&*message);
  if (hello == nullptr) return NotAState("it does not begin with a Hello");
  state->hello = std::move(*hello);
  state->policy.name = state->hello.name;
  state->policy.addresses = state->hello.addresses;
  state->policy.publish = state->hello.publish;
  return absl::OkStatus();
}

}  // namespace

std::vector<uint8_t> EncodeCompanionState(const CompanionState& state) {
  Writer writer;
  Header(writer, kStateMagic, kCompanionStateVersion);
  Fields(writer, Encode(state.hello), state);
  return writer.Take();
}

absl::StatusOr<CompanionState> DecodeCompanionState(absl::Span<const uint8_t> bytes) {
  if (bytes.size() > kMaxCompanionStateSize) return NotAState("too long");
  Reader reader(bytes);
  uint32_t magic = 0;
  uint16_t version = 0;
  Header(reader, magic, version);
  if (!reader.ok() || magic != kStateMagic) return NotAState("it begins with something else");
  if (version != kCompanionStateVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("a companion's state of version ", version, ", this program's is ", kCompanionStateVersion));
  }
  CompanionState state;
  std::vector<uint8_t> hello;
  Fields(reader, hello, state);
  reader.End();
  if (!reader.ok()) return NotAState(reader.error());
  if (absl::Status taken = TakeHello(hello, &state); !taken.ok()) return taken;
  return state;
}

}  // namespace forcebind::wire
