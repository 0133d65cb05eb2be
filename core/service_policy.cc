// SPDX-License-Identifier: Apache-2.0
#include "core/service_policy.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace forcebind {
namespace {

bool IsNameCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
}

bool AnyContains(const std::vector<PortRange>& ranges, Protocol protocol, uint16_t port) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const PortRange& range) { return range.Contains(protocol, port); });
}

}  // namespace

bool PrivateAddresses::Contains(const IpAddress& address) const {
  const IpAddress plain = address.Unmapped();
  return plain.is_v4() ? v4 == plain : v6 == plain;
}

absl::Status AddPrivateAddress(const IpAddress& address, PrivateAddresses* addresses) {
  if (!address.IsPrivateRange()) {
    return absl::InvalidArgumentError(
        absl::StrCat(address.ToString(), " is not a private address: it must be in 127.0.0.0/8 or in fd00::/8"));
  }
  std::optional<IpAddress>& place = address.is_v4() ? addresses->v4 : addresses->v6;
  if (place) {
    return absl::InvalidArgumentError(absl::StrCat(address.ToString(), " is a second ",
                                                   address.is_v4() ? "IPv4" : "IPv6", " address, after ",
                                                   place->ToString(), ": there can be one of each family"));
  }
  place = address;
  return absl::OkStatus();
}

absl::Status AddPublication(const Publication& publication, std::vector<Publication>* publish) {
  size_t prefixes = publication.on.size();
  for (const Publication& other : *publish) {
    if (other.protocol == publication.protocol && other.port == publication.port) {
      return absl::InvalidArgumentError(absl::StrCat(PortText(publication), " is published twice"));
    }
    prefixes += other.on.size();
  }
  if (publish->size() == kMaxPublications) {
    return absl::InvalidArgumentError(
        absl::StrCat(PortText(publication), " is one too many: a service can publish ", kMaxPublications, " ports"));
  }
  if (publication.on.size() > kMaxPrefixes || prefixes > kMaxPrefixesInAll) {
    return absl::InvalidArgumentError(absl::StrCat(PortText(publication), " has too many prefixes: ", kMaxPrefixes,
                                                   " for one port, ", kMaxPrefixesInAll, " for a service"));
  }
  publish->push_back(publication);
  return absl::OkStatus();
}

const char* ToString(Loopback loopback) {
  switch (loopback) {
    case Loopback::kOwnFirst:
      return "own-first";
    case Loopback::kOwn:
      return "own";
    case Loopback::kHost:
      return "host";
  }
  return "?";
}

std::string PortText(const Publication& publication) {
  if (publication.port == kAnyPort) return absl::StrCat(ToString(publication.protocol), "/*");
  return absl::StrCat(ToString(publication.protocol), "/", publication.port);
}

const Publication* FindPublication(const std::vector<Publication>& publish, Protocol protocol, uint16_t port) {
  if (port == 0) return nullptr;
  const Publication* any = nullptr;
  for (const Publication& publication : publish) {
    if (publication.protocol != protocol) continue;
    if (publication.port == port) return &publication;
    if (publication.port == kAnyPort) any = &publication;
  }
  return any;
}

const Publication* ServicePolicy::FindPublication(Protocol protocol, uint16_t port) const {
  return forcebind::FindPublication(publish, protocol, port);
}

bool ServicePolicy::AllowsPort(Protocol protocol, uint16_t port) const {
  if (port == 0 || !allow || FindPublication(protocol, port) != nullptr) return true;
  return AnyContains(*allow, protocol, port);
}

bool ServicePolicy::IsHostLoopback(Protocol protocol, uint16_t port) const {
  return loopback == Loopback::kHost || AnyContains(host_loopback, protocol, port);
}

bool IsServiceName(const std::string& name) {
  return !name.empty() && name.size() <= kMaxServiceNameLength &&
         absl::ascii_isalnum(static_cast<unsigned char>(name[0])) &&
         std::all_of(name.begin(), name.end(), IsNameCharacter);
}

}  // namespace forcebind
