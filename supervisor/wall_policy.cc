// SPDX-License-Identifier: Apache-2.0
#include "supervisor/wall_policy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <vector>

namespace forcebind {
namespace {

static_assert(kMaxWallPorts == FB_WALL_MAX_PORTS);
static_assert(kMaxHostLoopback == FB_WALL_MAX_HOST_PORTS);
static_assert(kMaxConnectTargets == FB_WALL_MAX_TARGETS);
static_assert(kMaxServiceNameLength < FB_WALL_NAME_SIZE);
static_assert(kWallOptionLevel == FB_WALL_OPTION_LEVEL);
static_assert(kRequestedOption == FB_WALL_REQUESTED);
static_assert(static_cast<unsigned>(Loopback::kOwnFirst) == FB_WALL_OWN_FIRST);
static_assert(static_cast<unsigned>(Loopback::kOwn) == FB_WALL_OWN);
static_assert(static_cast<unsigned>(Loopback::kHost) == FB_WALL_HOST);

std::array<uint8_t, 16> MaskOf(int length) {
  std::array<uint8_t, 16> mask{};
  for (int bit = 0; bit < length; ++bit) mask[static_cast<size_t>(bit / 8)] |= static_cast<uint8_t>(0x80 >> (bit % 8));
  return mask;
}

// The ranges of one protocol, behind those that are there.
__u32 Append(const std::vector<PortRange>& ranges, Protocol protocol, fb_wall_range* first) {
  __u32 count = 0;
  for (const PortRange& range : ranges) {
    if (range.protocol == protocol) first[count++] = {range.first, range.last};
  }
  return count;
}

void SetPools(const WallScope& scope, fb_wall_policy* policy) {
  const auto mask4 = MaskOf(scope.pool.length);
  memcpy(&policy->pool4, scope.pool.base.bytes().data(), sizeof(policy->pool4));
  memcpy(&policy->pool4_mask, mask4.data(), sizeof(policy->pool4_mask));
  if (!scope.ula.has_value()) return;
  const auto mask6 = MaskOf(scope.ula->length);
  memcpy(policy->pool6, scope.ula->base.bytes().data(), sizeof(policy->pool6));
  memcpy(policy->pool6_mask, mask6.data(), sizeof(policy->pool6_mask));
}

void SetTargets(const std::vector<ConnectTarget>& targets, fb_wall_policy* policy) {
  policy->flags |= FB_WALL_LIMITED;
  for (const ConnectTarget& target : targets) {
    fb_wall_target& place = policy->targets[policy->target_count++];
    std::copy(target.name.begin(), target.name.end(), place.name);
    if (!target.ports) continue;
    place.protocol = target.ports->protocol == Protocol::kUdp ? IPPROTO_UDP : IPPROTO_TCP;
    place.ports = {target.ports->first, target.ports->last};
  }
}

}  // namespace

bool ResolveTargets(const AddressesOfName& addresses_of, fb_wall_policy* policy) {
  bool changed = false;
  for (__u32 i = 0; i < policy->target_count; ++i) {
    fb_wall_target& target = policy->targets[i];
    const fb_wall_target before = target;
    const PrivateAddresses now = addresses_of(target.name);
    target.address4 = 0;
    memset(target.address6, 0, sizeof(target.address6));
    if (now.v4) memcpy(&target.address4, now.v4->bytes().data(), sizeof(target.address4));
    if (now.v6) memcpy(target.address6, now.v6->bytes().data(), sizeof(target.address6));
    changed = changed || memcmp(&before, &target, sizeof(target)) != 0;
  }
  return changed;
}

fb_wall_policy WallPolicy(const WallScope& scope, const PrivateAddresses& addresses, const WallRules& rules) {
  fb_wall_policy policy{};
  policy.netns_cookie = scope.netns_cookie;
  if (addresses.v4) memcpy(&policy.private4, addresses.v4->bytes().data(), sizeof(policy.private4));
  if (addresses.v6) memcpy(policy.private6, addresses.v6->bytes().data(), sizeof(policy.private6));
  SetPools(scope, &policy);
  policy.flags = (rules.ports ? 0 : FB_WALL_ANY_PORT) | (rules.egress ? FB_WALL_EGRESS : 0) |
                 (rules.multicast ? FB_WALL_MULTICAST : 0) | (rules.raw ? FB_WALL_RAW : 0) |
                 (rules.ipv4 ? FB_WALL_INET : 0) | (rules.ipv6 ? FB_WALL_INET6 : 0);
  policy.flags |= rules.report_requested ? FB_WALL_REPORT : 0;
  policy.loopback = static_cast<__u32>(rules.loopback);
  if (rules.ports) {
    policy.tcp_ports = Append(*rules.ports, Protocol::kTcp, policy.ports);
    policy.udp_ports = Append(*rules.ports, Protocol::kUdp, policy.ports + policy.tcp_ports);
  }
  policy.host_tcp_ports = Append(rules.host_loopback, Protocol::kTcp, policy.host_ports);
  policy.host_udp_ports = Append(rules.host_loopback, Protocol::kUdp, policy.host_ports + policy.host_tcp_ports);
  if (rules.connect) SetTargets(*rules.connect, &policy);
  return policy;
}

}  // namespace forcebind
