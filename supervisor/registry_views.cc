// SPDX-License-Identifier: Apache-2.0
// What status_report, metrics and explain want to know of the registry.
#include <algorithm>

#include "supervisor/registry.h"

namespace forcebind {
namespace {

bool SameListener(const Registry::ListenerView& a, const Registry::ListenerView& b) {
  return a.protocol == b.protocol && a.requested == b.requested && a.bound == b.bound && a.published == b.published &&
         a.dual_stack == b.dual_stack && a.egress == b.egress;
}

}  // namespace

std::vector<std::pair<Registry::SessionId, ProcessId>> Registry::Detached() const {
  std::vector<std::pair<SessionId, ProcessId>> detached;
  for (const auto& [id, session] : sessions_) {
    if (!session.attached) detached.emplace_back(id, session.companion);
  }
  return detached;
}

Registry::ListenerEntry Registry::EntryOf(SessionId session, const wire::OpenedSocket& said) {
  return {.session = session,
          .protocol = said.protocol,
          .requested = said.requested,
          .bound = {said.bound.address.Unmapped(), said.bound.port},
          .egress = said.egress};
}

// One row for the sockets of a SO_REUSEPORT group: they share a group, its counters and its routes.
void Registry::AddView(const std::string& name, const ListenerEntry& entry, std::vector<ListenerView>* views) const {
  ListenerView view{.protocol = entry.protocol,
                    .requested = entry.requested,
                    .bound = entry.bound,
                    .reachable = {entry.bound},
                    .public_port = entry.bound.port,
                    .published = entry.published,
                    .dual_stack = entry.dual_stack,
                    .egress = entry.egress};
  auto same =
      std::find_if(views->begin(), views->end(), [&](const ListenerView& other) { return SameListener(view, other); });
  if (same != views->end()) {
    ++same->sockets;
    return;
  }
  const PrivateAddresses& addresses = book_.entries().at(name).addresses;
  if (entry.dual_stack && entry.group != kNobody && addresses.v6.has_value()) {
    view.reachable.push_back({*addresses.v6, entry.bound.port});
  }
  if (entry.group != kNobody) {
    if (entry.published) view.on = routes_.PublicPrefixesOf(entry.group);
    if (const PublishedGroup* group = routes_.Find(entry.group); group != nullptr) {
      view.public_port = group->public_port();
      view.stage = group->stage;
    }
    if (auto count = backend_.Count(entry.group); count.ok()) view.counters = *count;
  }
  views->push_back(std::move(view));
}

std::vector<Registry::ServiceView> Registry::Services() const {
  std::vector<ServiceView> views;
  for (const auto& [name, service] : services_) {
    ServiceView view{.name = name, .addresses = book_.entries().at(name).addresses, .counters = service.retired};
    for (SessionId id : service.sessions) {
      const Session& session = sessions_.at(id);
      view.pid = session.service_pid;
      view.uid = session.peer.uid;
      view.attached = session.attached;
      view.walls = session.walls;
      view.connect_limited = session.connect_limited;
      for (uint64_t cookie : session.listeners) AddView(name, listeners_.at(cookie), &view.listeners);
      for (const auto& [cookie, entry] : session.opened) {
        if (entry.listed) AddView(name, EntryOf(id, entry.said), &view.listeners);
      }
    }
    for (const ListenerView& listener : view.listeners) {
      view.counters.dispatched += listener.counters.dispatched;
      view.counters.fell_through += listener.counters.fell_through;
    }
    views.push_back(std::move(view));
  }
  return views;
}

std::vector<Registry::AuditedSession> Registry::AuditedSessions() const {
  std::vector<AuditedSession> audited;
  for (const auto& [id, session] : sessions_) {
    AuditedSession view{.name = session.name,
                        .uid = session.peer.uid,
                        .companion = session.companion,
                        .service_pid = session.service_pid,
                        .sockets = session.listeners,
                        .egress = {},
                        .let_in = session.let_in};
    for (const auto& [cookie, entry] : session.opened) {
      if (!entry.listed) continue;
      view.sockets.insert(cookie);
      if (entry.said.egress) view.egress.insert(cookie);
    }
    audited.push_back(std::move(view));
  }
  return audited;
}

std::string Registry::ServiceOfCookie(uint64_t cookie) const {
  auto found = listeners_.find(cookie);
  if (found != listeners_.end()) return sessions_.at(found->second.session).name;
  for (const auto& [id, session] : sessions_) {
    auto opened = session.opened.find(cookie);
    if (opened != session.opened.end() && opened->second.listed) return session.name;
  }
  return "";
}

std::string Registry::ServiceOfGroup(GroupId group) const {
  auto found = groups_.find(group);
  return found == groups_.end() ? "" : found->second.service();
}

}  // namespace forcebind
