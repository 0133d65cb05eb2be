// SPDX-License-Identifier: Apache-2.0
// service_policy: what a profile says, as values. Filled by config/profile_file and the command line, carried to the
// supervisor by wire/, read by core/bind_policy.
#ifndef FORCEBIND_CORE_SERVICE_POLICY_H_
#define FORCEBIND_CORE_SERVICE_POLICY_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/connect_target.h"
#include "core/endpoint.h"
#include "core/route.h"
#include "core/walls.h"

namespace forcebind {

// What becomes of new connections to a published port once its listener is gone.
enum class WhenGone : uint8_t {
  kFallThrough = 0,  // the kernel's own lookup goes on, as if nothing had been published
  kRefuse = 1,       // the packet is dropped: nobody else on this host gets it
};

// Whose loopback 127.0.0.1, ::1 and the wildcard are as destinations of connect().
enum class Loopback : uint8_t {
  kOwnFirst = 0,  // the service's own socket if it has one on that port, else the host's
  kOwn = 1,       // the private address, always
  kHost = 2,      // the host's, always: connect() is not looked at
};

// What one service may publish. A Hello with all of it still fits into one message of wire/.
inline constexpr size_t kMaxPublications = 256;
inline constexpr size_t kMaxPrefixes = 32;        // of one publication
inline constexpr size_t kMaxPrefixesInAll = 512;  // of all publications together

// One published port.
struct Publication {
  Protocol protocol = Protocol::kTcp;
  uint16_t port = 0;  // at stage F also kAnyPort
  // The public addresses on which it answers; empty = every address that is not private.
  std::vector<Prefix> on;
  // Keep strangers from taking the port on a specific address while it is published.
  bool guard = true;
  WhenGone when_gone = WhenGone::kFallThrough;
  Stage stage = Stage::kD;

  friend bool operator==(const Publication&, const Publication&) = default;
};

// At most one private address per family.
struct PrivateAddresses {
  std::optional<IpAddress> v4;
  std::optional<IpAddress> v6;

  // True for v4, its IPv4-mapped form, and v6.
  bool Contains(const IpAddress& address) const;
  friend bool operator==(const PrivateAddresses&, const PrivateAddresses&) = default;
};

// Adds `address` for its family. INVALID_ARGUMENT if it is not in the private range, or the family has one already.
absl::Status AddPrivateAddress(const IpAddress& address, PrivateAddresses* addresses);

// Adds `publication`. INVALID_ARGUMENT if its port is published already, or one of the limits above would be passed.
absl::Status AddPublication(const Publication& publication, std::vector<Publication>* publish);

// The publication that a listener on `port` falls under: the port's own, else that of any port; null if there is none.
// Port 0 is none yet.
const Publication* FindPublication(const std::vector<Publication>& publish, Protocol protocol, uint16_t port);

// "own-first", "own", "host": as in a profile.
const char* ToString(Loopback loopback);

// "tcp/80", "tcp/*"
std::string PortText(const Publication& publication);

struct ServicePolicy {
  std::string name;
  PrivateAddresses addresses;  // empty: derived from the name
  std::vector<Publication> publish;
  // Ports that the service may bind besides the published ones; absent = any, empty = none.
  std::optional<std::vector<PortRange>> allow;
  bool egress = true;      // UDP sockets of clients, which bind the wildcard with port 0 or not at all, stay there
  bool multicast = false;  // UDP binds of multicast and broadcast addresses are let through
  bool unix_sockets = true;
  Loopback loopback = Loopback::kOwnFirst;
  // Ports of 127.0.0.1 and ::1 that are the host's whatever `loopback` says.
  std::vector<PortRange> host_loopback;
  // The other services whose private addresses may be reached; absent = all, empty = none.
  std::optional<std::vector<ConnectTarget>> connect;
  // getsockname(), getpeername() and accept() say what was asked for, not the private address.
  bool report_requested = false;
  // AF_* numbers that socket() may be called with.
  std::vector<int> families;
  WallChoice walls;
  // Sockets that come with the execution of the command and that are bound or of a family not allowed, and io_uring
  // rings, are left to the service.
  bool inherited_sockets = false;

  const Publication* FindPublication(Protocol protocol, uint16_t port) const;
  bool AllowsPort(Protocol protocol, uint16_t port) const;  // published or allowed; port 0 always
  bool IsHostLoopback(Protocol protocol, uint16_t port) const;
};

// A service's name: 1 to 63 characters of [A-Za-z0-9._-], beginning with a letter or a digit.
inline constexpr size_t kMaxServiceNameLength = 63;
bool IsServiceName(const std::string& name);

}  // namespace forcebind

#endif  // FORCEBIND_CORE_SERVICE_POLICY_H_
