// SPDX-License-Identifier: Apache-2.0
#include "core/open_ways.h"

#include <algorithm>

namespace forcebind {

const std::vector<OpenWayFacts>& OpenWays() {
  static const auto* ways = new std::vector<OpenWayFacts>{
      {OpenWay::kUdpClient,
       "udp-client",
       "a UDP socket that sends or connects without bind, or binds the wildcard with port 0, where egress is allowed: "
       "its port hears everybody",
       false,
       {}},
      {OpenWay::kGivenSocket,
       "given-socket",
       "a socket that is bound or listens already, passed in from outside, or inherited where the profile allows it",
       false,
       {}},
      {OpenWay::kOutsideProcess,
       "outside-process",
       "a process of the same user outside, made to act by ptrace, or robbed of a socket or a ring by pidfd_getfd",
       false,
       {Wall::kLandlock}},
      {OpenWay::kOutsideRing,
       "outside-ring",
       "bind by an io_uring ring that was made outside",
       false,
       {Wall::kLandlock, Wall::kCgroup}},
      {OpenWay::kOutsideRingUdp,
       "outside-ring-udp",
       "bind of a UDP socket, or of any but a TCP one, by such a ring",
       false,
       {Wall::kCgroup}},
      {OpenWay::kOutsideRingListen,
       "ring-listen",
       "listen without bind by an io_uring ring that was made outside",
       false,
       {}},
      {OpenWay::kRawSocket, "raw-socket", "raw IP sockets, with CAP_NET_RAW", true, {Wall::kCgroup}},
      {OpenWay::kKernelListener,
       "kernel-listener",
       "a listener that the kernel opens for who asks by netlink: an MPTCP endpoint with a port, with CAP_NET_ADMIN",
       true,
       {Wall::kCgroup}},
      {OpenWay::kCompanion, "companion", "ptrace of the companion, by root", true, {Wall::kLandlock}},
      {OpenWay::kNotification,
       "notification",
       "calls answered with the companion's descriptor, taken by root",
       true,
       {Wall::kLandlock}},
      {OpenWay::kKilledCompanion,
       "killed-companion",
       "a listener that has lost its address in a race with a bind that fails, where the companion is killed before it "
       "has looked",
       false,
       {Wall::kNotify}},
      {OpenWay::kLeftCgroup,
       "left-cgroup",
       "a UDP bind of a process that has left the service's cgroup: root's by itself, a user's by way of systemd's "
       "manager of that user",
       false,
       {Wall::kNotify}},
      {OpenWay::kLeftCgroupAsRoot,
       "left-cgroup-as-root",
       "raw IP sockets, and MPTCP endpoints by netlink, of root that has left the service's cgroup",
       true,
       {}},
  };
  return *ways;
}

const OpenWayFacts& FactsOf(OpenWay way) { return OpenWays().at(static_cast<size_t>(way)); }

bool IsOpen(const OpenWayFacts& way, absl::Span<const Wall> walls) {
  return std::find_first_of(walls.begin(), walls.end(), way.closed_by.begin(), way.closed_by.end()) == walls.end();
}

}  // namespace forcebind
