// SPDX-License-Identifier: Apache-2.0
#include "core/grants.h"

#include <algorithm>

namespace forcebind {
namespace {

bool IsMember(const Peer& peer, uint32_t gid) {
  return peer.gid == gid || std::find(peer.groups.begin(), peer.groups.end(), gid) != peer.groups.end();
}

bool Matches(const Grant& grant, const Peer& peer, const std::string& service) {
  if (!grant.uid && !grant.gid && !grant.service) return false;
  if (grant.uid && *grant.uid != peer.uid) return false;
  if (grant.gid && !IsMember(peer, *grant.gid)) return false;
  return !grant.service || *grant.service == service;
}

bool IsWithin(const Prefix& inner, const Prefix& outer) {
  return inner.length >= outer.length && outer.Contains(inner.base);
}

bool Covers(const GrantedPorts& granted, const Publication& publication, const Prefix& prefix) {
  // Any port takes a grant of every port.
  const uint16_t first = publication.port == kAnyPort ? 1 : publication.port;
  const uint16_t last = publication.port == kAnyPort ? 65535 : publication.port;
  if (!granted.ports.Contains(publication.protocol, first) || !granted.ports.Contains(publication.protocol, last))
    return false;
  return granted.on.empty() || std::any_of(granted.on.begin(), granted.on.end(),
                                           [&](const Prefix& outer) { return IsWithin(prefix, outer); });
}

bool Covers(const Grant& grant, const Publication& publication, absl::Span<const Prefix> prefixes) {
  return std::all_of(prefixes.begin(), prefixes.end(), [&](const Prefix& prefix) {
    return std::any_of(grant.publish.begin(), grant.publish.end(),
                       [&](const GrantedPorts& granted) { return Covers(granted, publication, prefix); });
  });
}

}  // namespace

bool MayPublish(absl::Span<const Grant> grants, const Peer& peer, const std::string& service,
                const Publication& publication) {
  if (peer.uid == 0) return true;
  std::vector<Prefix> prefixes = publication.on;
  if (prefixes.empty()) prefixes = {Prefix::All(Family::kIpv4), Prefix::All(Family::kIpv6)};
  return std::any_of(grants.begin(), grants.end(), [&](const Grant& grant) {
    return Matches(grant, peer, service) && Covers(grant, publication, prefixes);
  });
}

}  // namespace forcebind
