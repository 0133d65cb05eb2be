// SPDX-License-Identifier: Apache-2.0
#include "supervisor/metrics.h"

#include <iterator>
#include <vector>

#include "absl/strings/str_cat.h"
#include "notify/call_counters.h"
#include "version.h"

namespace forcebind {
namespace {

// Collects lines; a family's HELP and TYPE stand before its samples.
class Exposition {
 public:
  void Family(const char* name, const char* type, const char* help) {
    name_ = name;
    absl::StrAppend(&text_, "# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n");
  }
  // `labels` as in `service="web"`, or empty. Values need no escaping: service names and our own words only.
  void Sample(const std::string& labels, uint64_t value, const char* suffix = "") {
    absl::StrAppend(&text_, name_, suffix, labels.empty() ? "" : "{", labels, labels.empty() ? "" : "}", " ", value,
                    "\n");
  }
  void Only(const char* name, const char* type, const char* help, uint64_t value) {
    Family(name, type, help);
    Sample("", value);
  }
  std::string Take() { return std::move(text_); }

 private:
  const char* name_ = "";
  std::string text_;
};

std::string Label(const char* key, const std::string& value) { return absl::StrCat(key, "=\"", value, "\""); }

void AddServices(const std::vector<Registry::ServiceView>& services, Exposition* out) {
  uint64_t listeners = 0;
  out->Family("forcebind_dispatched_total", "counter", "New connections and datagrams given to a published socket.");
  for (const auto& service : services) out->Sample(Label("service", service.name), service.counters.dispatched);
  out->Family("forcebind_fell_through_total", "counter", "Those for which no socket of the service lived.");
  for (const auto& service : services) out->Sample(Label("service", service.name), service.counters.fell_through);
  for (const auto& service : services) listeners += service.listeners.size();
  out->Only("forcebind_services", "gauge", "Services that run.", services.size());
  out->Only("forcebind_listeners", "gauge", "Their listeners.", listeners);
}

void AddTotals(const BackendTotals& totals, Exposition* out) {
  out->Only("forcebind_backend_dispatched_total", "counter", "Given to a published socket, of all services.",
            totals.dispatched);
  out->Only("forcebind_backend_yielded_total", "counter", "Left to a listener that names the address.", totals.yielded);
  out->Only("forcebind_backend_gone_total", "counter", "Found no living socket, and fell through.", totals.gone);
  out->Only("forcebind_backend_refused_total", "counter", "Found no living socket, and were dropped.", totals.refused);
  out->Only("forcebind_guarded_binds_total", "counter", "Binds to published ports that were refused to strangers.",
            totals.guarded);
}

void AddErrors(const Registry& registry, const BackendTotals& totals, const ServerFacts& server, Exposition* out) {
  out->Family("forcebind_errors_total", "counter", "What went wrong, by cause.");
  out->Sample(Label("cause", "assign"), totals.assign_failed);
  out->Sample(Label("cause", "untracked"), totals.untracked);
  out->Sample(Label("cause", "client"), server.refused_clients);
  for (const auto& [cause, count] : registry.errors()) out->Sample(Label("cause", cause), count);
}

void AddAudit(const AuditTotals& audit, Exposition* out) {
  out->Only("forcebind_audits_total", "counter", "Looks for sockets of services that are elsewhere.", audit.looks);
  out->Only("forcebind_incomplete_audits_total", "counter", "Looks that did not see everything.", audit.incomplete);
  out->Only("forcebind_audit_findings", "gauge", "Sockets elsewhere, in the last look.", audit.current);
  out->Only("forcebind_audit_findings_total", "counter", "Sockets found elsewhere, each once.", audit.found);
}

void AddCalls(const wire::Counters& counters, Exposition* out) {
  out->Family("forcebind_calls_total", "counter", "Calls of bind() and listen() by what became of them.");
  for (size_t i = 0; i < std::size(kVerdictNames); ++i) {
    out->Sample(Label("verdict", kVerdictNames[i]), i < counters.verdicts.size() ? counters.verdicts[i] : 0);
  }
  out->Family("forcebind_notify_latency_microseconds", "histogram", "From a notification's arrival to its answer.");
  uint64_t sum = 0;
  const size_t buckets = counters.latency_us_log2.size();
  for (size_t i = 0; i < buckets; ++i) {
    sum += counters.latency_us_log2[i];
    // The last one takes the rest.
    if (i + 1 < buckets) out->Sample(Label("le", absl::StrCat(uint64_t{1} << i)), sum, "_bucket");
  }
  out->Sample(Label("le", "+Inf"), sum, "_bucket");
  out->Sample("", sum, "_count");
}

}  // namespace

std::string MetricsText(const Registry& registry, Backend& backend, const ServerFacts& server) {
  Exposition out;
  const BackendTotals totals = backend.Totals().value_or(BackendTotals());
  out.Family("forcebind_info", "gauge", "The supervisor's version and backend.");
  out.Sample(absl::StrCat(Label("version", FORCEBIND_VERSION), ",", Label("backend", backend.name())), 1);
  AddServices(registry.Services(), &out);
  AddTotals(totals, &out);
  AddErrors(registry, totals, server, &out);
  AddCalls(registry.counters(), &out);
  AddAudit(server.audit, &out);
  out.Only("forcebind_clients", "gauge", "Connections of companions and commands.", server.clients);
  return out.Take();
}

}  // namespace forcebind
