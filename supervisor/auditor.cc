// SPDX-License-Identifier: Apache-2.0
#include "supervisor/auditor.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "sys/ephemeral_ports.h"
#include "sys/errno_status.h"
#include "sys/proc_sockets.h"

namespace forcebind {

// What one look knows of a service.
struct Auditor::Scope {
  std::string name;
  uint32_t uid = 0;
  PrivateAddresses addresses;
  std::vector<ServiceProcesses::Session> sessions;
  CgroupTree cgroup;
  std::set<uint64_t> sockets, egress, let_in;  // cookies
};

// What the host says of ports and addresses.
struct Auditor::HostPorts {
  absl::StatusOr<EphemeralPorts> given;
  std::set<IpAddress> broadcast;
};

namespace {

using Json = nlohmann::ordered_json;

Endpoint LocalOf(const DiagSocket& socket) {
  return {IpAddress::FromBytes(socket.family == AF_INET ? Family::kIpv4 : Family::kIpv6, socket.address), socket.port};
}

bool IsConnected(const DiagSocket& socket) { return socket.state == TCP_ESTABLISHED; }

// Of the interfaces' networks.
std::set<IpAddress> BroadcastAddresses() {
  std::set<IpAddress> found;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return found;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, freeifaddrs);
  for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr || each->ifa_addr->sa_family != AF_INET) continue;
    if ((each->ifa_flags & IFF_BROADCAST) == 0 || each->ifa_broadaddr == nullptr) continue;
    found.insert(IpAddress::V4(ntohl(reinterpret_cast<const sockaddr_in*>(each->ifa_broadaddr)->sin_addr.s_addr)));
  }
  return found;
}

std::string Sentence(const Finding& finding) {
  const std::string who = finding.pid == 0
                              ? "nobody who was found"
                              : absl::StrCat("process ", finding.pid, " (", absl::CHexEscape(finding.command), ")");
  return absl::StrCat("audit: service \"", finding.service, "\": ", who, " holds a ", ToString(finding.socket.protocol),
                      " socket on ", finding.socket.local.ToString(), ", which ", finding.why);
}

}  // namespace

std::vector<DiagSocket> StillThere(const std::vector<DiagSocket>& before, const std::vector<DiagSocket>& now) {
  std::map<uint64_t, const DiagSocket*> known;
  for (const DiagSocket& socket : before) known[socket.cookie] = &socket;
  std::vector<DiagSocket> both;
  for (const DiagSocket& socket : now) {
    const auto found = known.find(socket.cookie);
    if (found != known.end() && LocalOf(*found->second) == LocalOf(socket) && found->second->inode == socket.inode &&
        found->second->state == socket.state) {
      both.push_back(socket);
    }
  }
  return both;
}

AuditReport Auditor::Look(const std::vector<Registry::AuditedSession>& sessions,
                          const std::vector<Enclosure>& enclosures) {
  AuditReport report;
  const auto before = ListListeners();
  const std::vector<Scope> scopes = ScopesOf(sessions, enclosures);
  report.services = scopes.size();
  Holders holders;
  if (before.ok()) holders = FindHolders(scopes, *before, &report);
  const auto now = ListListeners();
  if (before.ok() && now.ok()) {
    Judge(scopes, holders, StillThere(*before, *now), &report);
  } else {
    report.trouble = std::string((before.ok() ? now.status() : before.status()).message());
  }
  Count(report);
  return report;
}

std::vector<Auditor::Scope> Auditor::ScopesOf(const std::vector<Registry::AuditedSession>& sessions,
                                              const std::vector<Enclosure>& enclosures) const {
  std::map<std::string, Scope> scopes;
  for (const Registry::AuditedSession& session : sessions) {
    Scope& scope = scopes[session.name];
    scope.uid = session.uid;
    scope.sessions.push_back({session.companion, session.service_pid});
    scope.sockets.insert(session.sockets.begin(), session.sockets.end());
    scope.egress.insert(session.egress.begin(), session.egress.end());
    scope.let_in.insert(session.let_in.begin(), session.let_in.end());
  }
  for (const Enclosure& enclosure : enclosures) {
    const CgroupTree tree = ReadCgroupTree(enclosure.directory);
    CgroupTree& all = scopes[enclosure.service].cgroup;
    all.ids.insert(all.ids.end(), tree.ids.begin(), tree.ids.end());
    all.processes.insert(all.processes.end(), tree.processes.begin(), tree.processes.end());
  }
  std::vector<Scope> list;
  for (auto& [name, scope] : scopes) {
    scope.name = name;
    const auto entry = book_.entries().find(name);
    if (entry != book_.entries().end()) scope.addresses = entry->second.addresses;
    list.push_back(std::move(scope));
  }
  return list;
}

Auditor::Holders Auditor::FindHolders(const std::vector<Scope>& scopes, const std::vector<DiagSocket>& sockets,
                                      AuditReport* report) {
  std::vector<ServiceProcesses::Service> services;
  for (const Scope& scope : scopes) {
    services.push_back({scope.name, scope.uid, scope.sessions, scope.cgroup.processes});
  }
  processes_.Find(services);
  Holders holders;
  std::set<pid_t> read;
  ReadHeld(&holders, &read, report);
  // Whose holder is none of those: its holder is to be one.
  std::map<uint32_t, size_t> missing;
  std::set<uint32_t> inodes;
  for (const DiagSocket& socket : sockets) {
    for (size_t i = 0; i < scopes.size(); ++i) {
      if (!scopes[i].sockets.contains(socket.cookie) || holders.contains(socket.inode)) continue;
      missing[socket.inode] = i;
      inodes.insert(socket.inode);
    }
  }
  if (!inodes.empty()) {
    for (const auto& [inode, holder] : FindSocketHolders(inodes)) processes_.Claim(holder.pid, missing.at(inode));
    ReadHeld(&holders, &read, report);
  }
  processes_.Remember();
  report->processes = processes_.found().size();
  return holders;
}

// Of the processes that have not been read yet. Those with the lowest process ids come first.
void Auditor::ReadHeld(Holders* holders, std::set<pid_t>* read, AuditReport* report) const {
  for (const auto& [pid, scope] : processes_.found()) {
    if (!read->insert(pid).second) continue;
    std::set<uint32_t> inodes;
    const int error = SocketsOfProcess(pid, &inodes);
    if (error != 0 && error != ESRCH) report->unseen[pid] = ErrnoName(error);
    for (const uint32_t inode : inodes) holders->emplace(inode, Holder{scope, pid});
  }
}

void Auditor::Judge(const std::vector<Scope>& scopes, const Holders& holders, const std::vector<DiagSocket>& sockets,
                    AuditReport* report) const {
  std::map<uint64_t, size_t> by_cgroup;
  for (size_t i = 0; i < scopes.size(); ++i) {
    for (const uint64_t id : scopes[i].cgroup.ids) by_cgroup[id] = i;
  }
  const HostPorts host{EphemeralPorts::Read(), BroadcastAddresses()};
  for (const DiagSocket& found : sockets) {
    const auto holder = holders.find(found.inode);
    const auto cgroup = by_cgroup.find(found.cgroup);
    if (holder == holders.end() && cgroup == by_cgroup.end()) continue;
    ++report->sockets;
    const Scope& scope = scopes[holder != holders.end() ? holder->second.scope : cgroup->second];
    auto finding = JudgeOne(scope, found, host);
    if (!finding) continue;
    if (holder != holders.end()) {
      finding->pid = holder->second.pid;
      finding->command = CommandOf(finding->pid);
    }
    report->findings.push_back(*std::move(finding));
  }
}

std::optional<Finding> Auditor::JudgeOne(const Scope& scope, const DiagSocket& found, const HostPorts& host) const {
  const Endpoint local = LocalOf(found);
  const bool given = host.given.ok() && host.given->Contains(local.port);
  const AuditedSocket socket{.protocol = static_cast<Protocol>(found.protocol),
                             .local = local,
                             .connected = IsConnected(found),
                             .given_port = given || scope.egress.contains(found.cookie),
                             .group_address = host.broadcast.contains(local.address.Unmapped()),
                             .let_in = scope.let_in.contains(found.cookie)};
  const Standing standing = JudgeSocket(socket, scope.addresses);
  if (standing != Standing::kElsewhere && standing != Standing::kLetIn) return std::nullopt;
  const std::string* owner = book_.FindOwner(local.address.Unmapped());
  return Finding{.service = scope.name,
                 .pid = 0,
                 .command = "",
                 .socket = socket,
                 .cookie = found.cookie,
                 .standing = standing,
                 .why = StandingText(standing, socket, owner != nullptr ? *owner : "")};
}

void Auditor::Count(const AuditReport& report) {
  ++totals_.looks;
  if (!report.complete()) ++totals_.incomplete;
  if (!report.trouble.empty()) return;
  std::set<uint64_t> cookies;
  totals_.by_service.clear();
  totals_.current = 0;
  for (const Finding& finding : report.findings) {
    if (finding.standing != Standing::kElsewhere) continue;
    cookies.insert(finding.cookie);
    ++totals_.current;
    ++totals_.by_service[finding.service];
    if (last_.contains(finding.cookie)) continue;
    ++totals_.found;
    log_(Sentence(finding));
  }
  last_ = std::move(cookies);
}

std::string AuditJson(const AuditReport& report) {
  Json findings = Json::array(), unseen = Json::array();
  for (const Finding& finding : report.findings) {
    findings.push_back({{"service", finding.service},
                        {"pid", finding.pid},
                        {"command", finding.command},
                        {"protocol", ToString(finding.socket.protocol)},
                        {"socket", finding.socket.local.ToString()},
                        {"allowed", finding.standing == Standing::kLetIn},
                        {"why", finding.why}});
  }
  for (const auto& [pid, error] : report.unseen) unseen.push_back({{"pid", pid}, {"error", error}});
  const Json json{{"findings", findings},
                  {"services", report.services},
                  {"processes", report.processes},
                  {"sockets", report.sockets},
                  {"unseen", unseen},
                  {"trouble", report.trouble}};
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace forcebind
