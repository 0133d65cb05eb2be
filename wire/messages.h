// SPDX-License-Identifier: Apache-2.0
// messages: what a companion or a command says to the supervisor over its SOCK_SEQPACKET socket, and the answers.
//
// THEORY OF OPERATION
//   One message is one packet: a header (magic, version, type) and a body of fixed-order fields, little-endian, strings
//   and lists with a length in front. Decode() accepts exactly what Encode() writes: a length over its bound, a value
//   outside its enum, a byte too many or too few are errors. The peer's identity is never in a message: it is
//   SO_PEERCRED's.
//
//   A companion keeps one connection for its life: Hello → Welcome, then for each listener of its service
//   (a published port)  Claim → Result, the bind or listen itself, Listener with the socket → Result
//   (dual-stack)        Listener with the socket → Result
//   (any other)         Opened, nothing awaited
//   and before the first of them, for the `cgroup` wall, Enclose with the service's pidfd → Result,
//   and when the companion has been killed, Successor with the pidfd of the one in reserve → Succeeded,
//   and the end of the connection is the end of the service. A command connects, asks one question, and leaves.
//
// LIMITS   kMaxMessageSize bytes, one fd per message, the kMax… below and in core/service_policy.h.
// THREADS  Pure functions.
// Tested by tests/unit/wire/messages_test.cc and fuzzed by tests/fuzz/messages_fuzz.cc.
#ifndef FORCEBIND_WIRE_MESSAGES_H_
#define FORCEBIND_WIRE_MESSAGES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/endpoint.h"
#include "core/service_policy.h"
#include "core/wall_rules.h"

namespace forcebind::wire {

inline constexpr uint16_t kVersion = 4;
inline constexpr size_t kMaxMessageSize = 16384;
inline constexpr size_t kMaxTextLength = 512;
inline constexpr size_t kMaxWalls = 8;
inline constexpr size_t kMaxNameLength = 32;  // of a wall, of a backend
inline constexpr size_t kMaxCounters = 64;    // verdicts, and latency buckets
inline constexpr size_t kMaxOpened = 256;     // sockets in one message

// companion → supervisor, first message. Answered by Welcome, or by Result with an errno.
struct Hello {
  std::string name;
  int32_t pid = 0;  // the service's first process, as the companion sees it; for display
  // Addresses that the profile names. Absent ones are assigned by the supervisor from the name.
  PrivateAddresses addresses;
  std::vector<Publication> publish;
  std::vector<std::string> walls;
  // The profile has a `connect` list: for display, since Enclose brings the list.
  bool connect_limited = false;
  // True when the companion comes back after the supervisor went away.
  bool resumed = false;
  friend bool operator==(const Hello&, const Hello&) = default;
};

// companion → supervisor: may the service take this published port? Answered by Result. A claim is held until the
// companion's next message, which is the Listener if all goes well.
struct Claim {
  Protocol protocol = Protocol::kTcp;
  Endpoint target;  // the private endpoint it will be bound to
  bool dual_stack = false;
  friend bool operator==(const Claim&, const Claim&) = default;
};

// companion → supervisor, with the socket attached: a listener (TCP) or bound socket (UDP) that now exists, and that
// the supervisor has something to do for. Answered by Result.
struct Listener {
  Protocol protocol = Protocol::kTcp;
  Endpoint requested;       // what the service asked for; 0.0.0.0 or :: and port 0 for listen() without bind()
  bool published = false;   // publish it
  bool dual_stack = false;  // bound to the IPv4-mapped address: lead its ULA to it
  friend bool operator==(const Listener&, const Listener&) = default;
};

// companion → supervisor: other ones, for `status` alone. Without the sockets: they would stay open, and their ports
// taken, as long as the message waits to be read. Nothing is answered. Said again to a supervisor that has come back.
struct OpenedSocket {
  Protocol protocol = Protocol::kTcp;
  Endpoint requested;   // as above
  Endpoint bound;       // getsockname(2)
  bool egress = false;  // a client's socket left on the wildcard
  uint64_t cookie = 0;  // SO_COOKIE
  friend bool operator==(const OpenedSocket&, const OpenedSocket&) = default;
};
struct Opened {
  std::vector<OpenedSocket> sockets;
  friend bool operator==(const Opened&, const Opened&) = default;
};

// launcher and companion → supervisor, after Hello: the inherited sockets that the profile lets in (inherited-sockets =
// "allow"), wherever they are, by SO_COOKIE. Nothing is answered.
struct LetIn {
  std::vector<uint64_t> cookies;
  friend bool operator==(const LetIn&, const LetIn&) = default;
};

// companion → supervisor: what it has done since the last one. Nothing is answered.
struct Counters {
  // By verdict, in the order of notify/call_counters.h.
  std::vector<uint64_t> verdicts;
  // Notifications answered within 2^i microseconds (i = 0 … n-1); the last bucket takes the rest.
  std::vector<uint64_t> latency_us_log2;
  friend bool operator==(const Counters&, const Counters&) = default;
};

// command → supervisor. Answered by Document, or by Result with an errno.
struct StatusRequest {
  friend bool operator==(const StatusRequest&, const StatusRequest&) = default;
};
struct ExplainRequest {
  Protocol protocol = Protocol::kTcp;
  Endpoint endpoint;
  friend bool operator==(const ExplainRequest&, const ExplainRequest&) = default;
};

// command → supervisor: look now whether a service holds a listener elsewhere than at its own addresses. Answered as
// those above.
struct AuditRequest {
  friend bool operator==(const AuditRequest&, const AuditRequest&) = default;
};

// supervisor → companion.
struct Welcome {
  PrivateAddresses addresses;
  std::string backend;
  friend bool operator==(const Welcome&, const Welcome&) = default;
};

// supervisor → anyone. `error` is 0 or an errno value that may be handed to the service as it is.
struct Result {
  int32_t error = 0;
  std::string text;  // for people; at most kMaxTextLength bytes, longer ones are cut by Encode
  friend bool operator==(const Result&, const Result&) = default;
};

// supervisor → command, with a sealed memfd attached that holds a JSON text.
struct Document {
  friend bool operator==(const Document&, const Document&) = default;
};

// companion → supervisor, with a pidfd of the service's first process attached: put that process behind the `cgroup`
// wall. Answered by Result; with error 0 it is there.
struct Enclose {
  WallRules rules;
  friend bool operator==(const Enclose&, const Enclose&) = default;
};

// companion → supervisor, with a pidfd of the sender attached: the companion whose connection this is was killed, and
// the sender, which was in reserve, is the companion from here on. Answered by Succeeded with the same number; what
// comes before that answers what was asked before.
struct Successor {
  int32_t number = 0;
  friend bool operator==(const Successor&, const Successor&) = default;
};

// supervisor → companion.
struct Succeeded {
  int32_t number = 0;
  friend bool operator==(const Succeeded&, const Succeeded&) = default;
};

using Message = std::variant<Hello, Claim, Listener, Counters, StatusRequest, ExplainRequest, Welcome, Result, Document,
                             Opened, Enclose, AuditRequest, LetIn, Successor, Succeeded>;

// REQUIRES: every list and string of `message` within the bounds above and those of core/service_policy.h (but
// Result::text, see there), names that are IsServiceName(), prefixes that are IsValid(), addresses of their place's
// family. Such a message is at most kMaxMessageSize long.
std::vector<uint8_t> Encode(const Message& message);

// INVALID_ARGUMENT for what is not a message; FAILED_PRECONDITION for a message of another version, with both versions
// in the text (the header's layout never changes, so that versions can tell each other).
absl::StatusOr<Message> Decode(absl::Span<const uint8_t> bytes);

}  // namespace forcebind::wire

#endif  // FORCEBIND_WIRE_MESSAGES_H_
