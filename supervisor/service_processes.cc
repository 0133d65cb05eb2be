// SPDX-License-Identifier: Apache-2.0
#include "supervisor/service_processes.h"

#include "sys/target.h"

namespace forcebind {

void ServiceProcesses::Find(const std::vector<Service>& services) {
  services_ = services;
  all_ = ListProcesses();
  children_.clear();
  found_.clear();
  for (const auto& [pid, stat] : all_) children_.emplace(stat.parent, pid);
  std::map<std::string, size_t> places;
  for (size_t i = 0; i < services_.size(); ++i) {
    places[services_[i].name] = i;
    for (const pid_t pid : services_[i].in_cgroup) AddTree(pid, i, true);
  }
  ForEachSession([this](const Session& session, size_t service) {
    if (IsFirst(session)) AddTree(session.first, service, false);
  });
  ForEachSession([this](const Session& session, size_t service) { AddChildrenOfCompanion(session, service); });
  for (const auto& [pid, known] : known_) {
    const auto place = places.find(known.service);
    const auto now = all_.find(pid);
    if (place == places.end() || now == all_.end() || now->second.start_time != known.start_time) continue;
    AddTree(pid, place->second, false);
  }
}

void ServiceProcesses::Claim(pid_t pid, size_t service) { AddTree(pid, service, false); }

void ServiceProcesses::Remember() {
  known_.clear();
  for (const auto& [pid, service] : found_) known_[pid] = {all_.at(pid).start_time, services_[service].name};
}

bool ServiceProcesses::IsCandidate(pid_t pid, const Service& service) const {
  TaskIdentity task;
  return HasFilter(pid) && (service.uid == 0 || (ReadTaskIdentity(pid, &task) == 0 && task.ruid == service.uid));
}

// A companion is a descendant of `forcebind run`, which becomes the service. In parent mode it is the other way round.
bool ServiceProcesses::IsFirst(const Session& session) const {
  const auto first = all_.find(session.first);
  return first != all_.end() && first->second.start_time <= session.companion.start_time &&
         InOwnNamespace(session.companion.pid, "pid");
}

void ServiceProcesses::ForEachSession(const std::function<void(const Session&, size_t)>& body) const {
  for (size_t i = 0; i < services_.size(); ++i) {
    for (const Session& session : services_[i].sessions) body(session, i);
  }
}

void ServiceProcesses::AddChildrenOfCompanion(const Session& session, size_t service) {
  const auto companion = all_.find(session.companion.pid);
  if (companion == all_.end() || companion->second.start_time != session.companion.start_time) return;
  const auto [begin, end] = children_.equal_range(session.companion.pid);
  for (auto child = begin; child != end; ++child) AddTree(child->second, service, false);
}

void ServiceProcesses::AddTree(pid_t root, size_t service, bool sure) {
  std::vector<pid_t> rest = {root};
  while (!rest.empty()) {
    const pid_t pid = rest.back();
    rest.pop_back();
    if (!all_.contains(pid) || found_.contains(pid)) continue;
    if (!(sure && pid == root) && !IsCandidate(pid, services_[service])) continue;
    found_[pid] = service;
    const auto [begin, end] = children_.equal_range(pid);
    for (auto child = begin; child != end; ++child) rest.push_back(child->second);
  }
}

}  // namespace forcebind
