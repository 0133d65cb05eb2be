// SPDX-License-Identifier: Apache-2.0
#include "supervisor/status_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "version.h"

namespace forcebind {
namespace {

using Json = nlohmann::ordered_json;

// Text from outside may not be UTF-8; JSON must be.
std::string Dump(const Json& json) { return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n"; }

Json ToJson(const Registry::ListenerView& listener) {
  Json reachable = Json::array(), open = Json::array();
  for (const Endpoint& endpoint : listener.reachable) reachable.push_back(endpoint.ToString());
  for (const Prefix& prefix : listener.on) open.push_back(PublicText(prefix, listener.public_port));
  return Json{{"protocol", ToString(listener.protocol)},
              {"requested", listener.requested.ToString()},
              {"private", listener.bound.ToString()},
              {"public", open},
              {"published", listener.published},
              {"stage", listener.published ? Json(ToString(listener.stage)) : Json()},
              {"connections", listener.counters.dispatched},
              {"fell_through", listener.counters.fell_through},
              {"reachable", reachable},
              {"dual_stack", listener.dual_stack},
              {"egress", listener.egress},
              {"sockets", listener.sockets}};
}

// What becomes of the profile's `connect` list, which takes the `cgroup` wall.
Json ConnectWord(const Registry::ServiceView& service) {
  if (!service.connect_limited) return {};
  if (!*service.connect_limited) return "open";
  return std::find(service.walls.begin(), service.walls.end(), "cgroup") != service.walls.end() ? "enforced"
                                                                                                : "not enforced";
}

uint64_t FindingsOf(const AuditTotals& audit, const std::string& service) {
  const auto found = audit.by_service.find(service);
  return found == audit.by_service.end() ? 0 : found->second;
}

Json ToJson(const Registry::ServiceView& service, const AuditTotals& audit) {
  Json addresses = Json::array(), listeners = Json::array();
  for (const auto& address : {service.addresses.v4, service.addresses.v6}) {
    if (address.has_value()) addresses.push_back(address->ToString());
  }
  for (const Registry::ListenerView& listener : service.listeners) listeners.push_back(ToJson(listener));
  return Json{{"name", service.name},
              {"pid", service.pid},
              {"uid", service.uid},
              {"private", addresses},
              {"walls", service.walls},
              {"connect", ConnectWord(service)},
              {"attached", service.attached},
              {"listeners", listeners},
              {"connections", service.counters.dispatched},
              {"findings", FindingsOf(audit, service.name)}};
}

Json ToJson(const BackendTotals& totals) {
  return Json{{"dispatched", totals.dispatched}, {"yielded", totals.yielded}, {"gone", totals.gone},
              {"refused", totals.refused},       {"guarded", totals.guarded}, {"assign_failed", totals.assign_failed},
              {"untracked", totals.untracked}};
}

}  // namespace

std::string PublicText(const Prefix& prefix, uint16_t port) {
  const bool one_word = prefix.length == 0 || prefix.length == prefix.base.bit_length();
  const std::string place = one_word ? prefix.base.ToString() : prefix.ToString();
  const std::string at = port == kAnyPort ? "*" : absl::StrCat(port);
  return prefix.base.is_v4() ? absl::StrCat(place, ":", at) : absl::StrCat("[", place, "]:", at);
}

std::string StatusJson(Registry& registry, Backend& backend, const std::vector<std::string>& walls,
                       const AuditTotals& audit) {
  Json services = Json::array();
  for (const Registry::ServiceView& service : registry.Services()) services.push_back(ToJson(service, audit));
  Json report{{"backend", backend.name()}, {"version", FORCEBIND_VERSION}, {"walls", walls}, {"services", services}};
  report["audit"] = {
      {"looks", audit.looks}, {"incomplete", audit.incomplete}, {"findings", audit.current}, {"found", audit.found}};
  if (auto totals = backend.Totals(); totals.ok()) report["totals"] = ToJson(*totals);
  return Dump(report);
}

std::optional<std::string> ServiceJson(Registry& registry, const std::string& name, const AuditTotals& audit) {
  for (const Registry::ServiceView& service : registry.Services()) {
    if (service.name == name) return Dump(ToJson(service, audit));
  }
  return std::nullopt;
}

}  // namespace forcebind
