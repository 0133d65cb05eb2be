// SPDX-License-Identifier: Apache-2.0
#include "supervisor/explain_facts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "sys/local_route.h"
#include "sys/proc_sockets.h"
#include "sys/sock_diag.h"
#include "sys/unique_fd.h"

namespace forcebind {
namespace {

using Json = nlohmann::ordered_json;

struct RawAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

RawAddress ToRaw(const IpAddress& address) {
  RawAddress raw;
  if (address.is_v4()) {
    sockaddr_in in = {.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(address.v4())}, .sin_zero = {}};
    raw.size = sizeof(in);
    memcpy(&raw.storage, &in, sizeof(in));
  } else {
    sockaddr_in6 in = {.sin6_family = AF_INET6};
    memcpy(&in.sin6_addr, address.bytes().data(), address.bytes().size());
    raw.size = sizeof(in);
    memcpy(&raw.storage, &in, sizeof(in));
  }
  return raw;
}

// A service's ULA, unless it is on an interface (AnyIP).
bool IsByRouteAlone(const IpAddress& address) { return !address.is_v4() && IsLocalByRoute(address.bytes()); }

// The kernel's own word: only local addresses can be bound.
bool IsBindable(const IpAddress& address) {
  const RawAddress raw = ToRaw(address);
  UniqueFd probe(socket(raw.storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!probe.valid()) return false;
  return bind(probe.get(), reinterpret_cast<const sockaddr*>(&raw.storage), raw.size) == 0 || errno != EADDRNOTAVAIL;
}

bool SameAddress(const sockaddr* found, const IpAddress& address) {
  if (found == nullptr) return false;
  if (found->sa_family == AF_INET && address.is_v4()) {
    return ntohl(reinterpret_cast<const sockaddr_in*>(found)->sin_addr.s_addr) == address.v4();
  }
  if (found->sa_family != AF_INET6 || address.is_v4()) return false;
  return memcmp(&reinterpret_cast<const sockaddr_in6*>(found)->sin6_addr, address.bytes().data(), 16) == 0;
}

// The interface that has the address: packets for it most often come in there.
uint32_t InterfaceOf(const IpAddress& address) {
  if (address.IsLoopback()) return if_nametoindex("lo");
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return 0;
  std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, freeifaddrs);
  for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next) {
    if (SameAddress(each->ifa_addr, address)) return if_nametoindex(each->ifa_name);
  }
  return IsByRouteAlone(address) ? if_nametoindex("lo") : 0;
}

SocketFact ToFact(const DiagSocket& socket, const Registry& registry) {
  const IpAddress address = socket.family == AF_INET6
                                ? IpAddress::V6(socket.address)
                                : IpAddress::V4(uint32_t{socket.address[0]} << 24 | uint32_t{socket.address[1]} << 16 |
                                                uint32_t{socket.address[2]} << 8 | socket.address[3]);
  return {.protocol = socket.protocol == IPPROTO_TCP ? Protocol::kTcp : Protocol::kUdp,
          .family = socket.family == AF_INET6 ? Family::kIpv6 : Family::kIpv4,
          .local = {address, socket.port},
          .v6only = socket.v6only,
          .connected = socket.state == TCP_ESTABLISHED,
          .ifindex = socket.ifindex,
          .service = registry.ServiceOfCookie(socket.cookie),
          .uid = socket.uid,
          .cookie = socket.cookie};
}

// Those with the port, and those with these cookies.
std::vector<SocketFact> GatherSockets(const Registry& registry, Protocol protocol, uint16_t port,
                                      const std::set<uint64_t>& cookies) {
  auto all = ListListeners();
  if (!all.ok()) return {};
  std::vector<DiagSocket> matching;
  std::set<uint32_t> inodes;
  for (const DiagSocket& socket : *all) {
    if (socket.protocol != static_cast<int>(protocol)) continue;
    if (socket.port != port && !cookies.contains(socket.cookie)) continue;
    matching.push_back(socket);
    inodes.insert(socket.inode);
  }
  const auto holders = FindSocketHolders(inodes);
  std::vector<SocketFact> facts;
  for (const DiagSocket& socket : matching) {
    SocketFact fact = ToFact(socket, registry);
    if (auto holder = holders.find(socket.inode); holder != holders.end()) {
      fact.pid = holder->second.pid;
      fact.command = holder->second.command;
    }
    facts.push_back(std::move(fact));
  }
  return facts;
}

}  // namespace

ExplainFacts GatherFacts(const Registry& registry, Backend& backend, Protocol protocol, const Endpoint& endpoint) {
  ExplainFacts facts{.protocol = protocol, .endpoint = {endpoint.address.Unmapped(), endpoint.port}};
  facts.address_is_local = IsBindable(facts.endpoint.address) || IsByRouteAlone(facts.endpoint.address);
  facts.ingress_ifindex = InterfaceOf(facts.endpoint.address);
  facts.backend = backend.name();
  std::set<GroupId> groups;
  for (const Route& route : registry.Routes()) {
    if (route.key.protocol != protocol) continue;
    if (route.key.port != endpoint.port && route.key.port != kAnyPort) continue;
    facts.routes.push_back(route);
    if (route.group != kNobody) groups.insert(route.group);
  }
  std::set<uint64_t> cookies;
  for (GroupId group : groups) {
    auto live = backend.LiveSockets(group);
    if (live.ok()) cookies.insert(live->begin(), live->end());
    facts.groups.push_back({.group = group,
                            .service = registry.ServiceOfGroup(group),
                            .alive = live.ok() ? *std::move(live) : std::vector<uint64_t>()});
  }
  facts.sockets = GatherSockets(registry, protocol, endpoint.port, cookies);
  return facts;
}

std::string ExplanationJson(const ExplainFacts& facts, const Explanation& explanation) {
  Json stages = Json::array();
  for (const ExplainedStage& stage : explanation.stages) {
    stages.push_back({{"stage", stage.stage}, {"what", stage.what}, {"result", stage.result}});
  }
  Json winner;
  if (explanation.winner.has_value()) {
    const ExplainedWinner& who = *explanation.winner;
    winner = {{"stage", who.stage}, {"service", who.service}, {"command", who.command},
              {"pid", who.pid},     {"socket", who.local},    {"refused", who.refused}};
  }
  const Json json{{"protocol", ToString(facts.protocol)},
                  {"endpoint", facts.endpoint.ToString()},
                  {"stages", stages},
                  {"winner", winner},
                  {"text", explanation.text}};
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace forcebind
