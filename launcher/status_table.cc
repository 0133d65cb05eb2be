// SPDX-License-Identifier: Apache-2.0
#include "launcher/status_table.h"

#include "absl/strings/str_cat.h"
#include "launcher/printable.h"
#include "launcher/text_table.h"

namespace forcebind {
namespace {

// What stands where there is nothing to say.
const char kNothing[] = "-";

TableCell Lines(const std::vector<std::string>& texts) { return texts.empty() ? TableCell{kNothing} : texts; }

std::string PidText(const StatusService& service) { return service.pid > 0 ? absl::StrCat(service.pid) : kNothing; }

std::vector<TableCell> ListenerRow(const StatusService& service, const StatusListener& listener) {
  TableCell places = listener.egress ? TableCell{"(egress)"} : Lines(listener.public_places);
  if (listener.stage == "F") places.push_back("(stage F)");
  return {{service.name},
          {PidText(service)},
          {listener.protocol},
          {listener.requested},
          listener.reachable.empty() || listener.egress ? TableCell{listener.bound} : listener.reachable,
          places,
          {listener.published ? absl::StrCat(listener.connections) : kNothing}};
}

std::vector<TableCell> IdleRow(const StatusService& service) {
  return {{service.name}, {PidText(service)}, {kNothing}, {kNothing}, Lines(service.addresses), {kNothing}, {kNothing}};
}

std::string Headline(const StatusDocument& status) {
  const size_t count = status.services.size();
  const std::string services = count == 0 ? "no services" : absl::StrCat(count, count == 1 ? " service" : " services");
  return absl::StrCat(services, ", backend ", status.backend.empty() ? "unknown" : Printable(status.backend), "\n");
}

// What is to be known of a service besides its listeners.
std::string Remarks(const StatusService& service) {
  const std::string name = Printable(service.name);
  std::string out;
  if (service.findings > 0) {
    absl::StrAppend(&out, name, ": holds ", service.findings, service.findings == 1 ? " socket" : " sockets",
                    " elsewhere, see `forcebind audit`\n");
  }
  if (!service.attached)
    absl::StrAppend(&out, name, ": its companion has not come back since the supervisor started\n");
  if (service.connect == "enforced") absl::StrAppend(&out, name, ": its connect list is enforced by the cgroup wall\n");
  if (service.connect == "not enforced") {
    absl::StrAppend(&out, name, ": its connect list is not enforced, since it has no cgroup wall\n");
  }
  return out;
}

}  // namespace

std::string FormatStatus(const StatusDocument& status, size_t width) {
  std::string out = Headline(status);
  if (status.services.empty()) return out;
  Table table{.columns = {{"SERVICE"},
                          {.header = "PID", .rigid = true, .right = true},
                          {.header = "PROTO", .rigid = true},
                          {"REQUESTED"},
                          {"PRIVATE"},
                          {"PUBLIC"},
                          {.header = "CONNECTIONS", .rigid = true, .right = true}},
              .rows = {}};
  for (const StatusService& service : status.services) {
    if (service.listeners.empty()) table.rows.push_back(IdleRow(service));
    for (const StatusListener& listener : service.listeners) table.rows.push_back(ListenerRow(service, listener));
  }
  absl::StrAppend(&out, "\n", FormatTable(table, width));
  for (const StatusService& service : status.services) absl::StrAppend(&out, Remarks(service));
  return out;
}

}  // namespace forcebind
