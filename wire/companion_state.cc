// SPDX-License-Identifier: Apache-2.0
#include "wire/companion_state.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "wire/codec.h"

namespace forcebind::wire {
namespace {

constexpr uint32_t kStateMagic = 0x53434246;  // "FBCS"

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

// What Hello does not say of it.
template <typename Io>
void Rest(Io& io, Ref<Io, ServicePolicy> policy) {
  bool limited = policy.allow.has_value();
  io.Bool(limited, "allow present");
  if (limited) {
    if constexpr (Io::kReading) policy.allow.emplace();
    io.List(*policy.allow, kMaxPortRanges, "allow", [&](Ref<Io, PortRange> range) { Field(io, range); });
  }
  io.Bool(policy.egress, "egress");
  io.Bool(policy.multicast, "multicast");
  io.Bool(policy.unix_sockets, "unix");
  io.Enum(policy.loopback, {Loopback::kOwnFirst, Loopback::kOwn, Loopback::kHost}, "loopback");
  io.List(policy.host_loopback, kMaxPortRanges, "host-loopback", [&](Ref<Io, PortRange> range) { Field(io, range); });
  io.List(policy.families, kMaxFamilies, "families", [&](Ref<Io, int> family) { io.Number(family, "family"); });
}

template <typename Io>
void Fields(Io& io, Ref<Io, std::vector<uint8_t>> hello, Ref<Io, CompanionState> state) {
  io.List(hello, kMaxMessageSize, "hello", [&](Ref<Io, uint8_t> byte) { io.Number(byte, "hello"); });
  Rest(io, state.policy);
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
