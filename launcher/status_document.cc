// SPDX-License-Identifier: Apache-2.0
#include "launcher/status_document.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "core/endpoint.h"
#include "launcher/json_document.h"

namespace forcebind {
namespace {

StatusListener ToListener(const Json& json) {
  return {.protocol = JsonText(json, "protocol"),
          .requested = JsonText(json, "requested"),
          .bound = JsonText(json, "private"),
          .reachable = JsonTexts(json, "reachable"),
          .public_places = JsonTexts(json, "public"),
          .published = JsonFlag(json, "published", false),
          .stage = JsonText(json, "stage"),
          .egress = JsonFlag(json, "egress", false),
          .connections = JsonNumber(json, "connections")};
}

// What is no endpoint comes first.
std::tuple<std::string, uint16_t, std::string> SortKey(const StatusListener& listener) {
  const absl::StatusOr<Endpoint> endpoint = Endpoint::Parse(listener.bound);
  return {listener.protocol, endpoint.ok() ? endpoint->port : uint16_t{0}, listener.bound};
}

StatusService ToService(const Json& json) {
  StatusService service{.name = JsonText(json, "name"),
                        .pid = JsonNumber(json, "pid"),
                        .attached = JsonFlag(json, "attached", true),
                        .addresses = JsonTexts(json, "private"),
                        .connect = JsonText(json, "connect"),
                        .listeners = {},
                        .findings = JsonNumber(json, "findings")};
  for (const Json& listener : JsonObjects(json, "listeners")) service.listeners.push_back(ToListener(listener));
  std::stable_sort(service.listeners.begin(), service.listeners.end(),
                   [](const StatusListener& a, const StatusListener& b) { return SortKey(a) < SortKey(b); });
  return service;
}

absl::StatusOr<Json> ParseStatusJson(const std::string& text) {
  absl::StatusOr<Json> json = ParseJson(text);
  if (!json.ok()) return json.status();
  const auto services = json->find("services");
  if (services == json->end() || !services->is_array()) {
    return absl::InvalidArgumentError("the answer has no list of services");
  }
  return json;
}

}  // namespace

absl::StatusOr<StatusDocument> ParseStatus(const std::string& text) {
  absl::StatusOr<Json> json = ParseStatusJson(text);
  if (!json.ok()) return json.status();
  StatusDocument status{.backend = JsonText(*json, "backend"),
                        .version = JsonText(*json, "version"),
                        .walls = JsonTexts(*json, "walls"),
                        .services = {}};
  for (const Json& service : JsonObjects(*json, "services")) status.services.push_back(ToService(service));
  std::stable_sort(status.services.begin(), status.services.end(),
                   [](const StatusService& a, const StatusService& b) { return a.name < b.name; });
  return status;
}

absl::StatusOr<std::string> StatusAsJson(const std::string& text, const std::string& name) {
  absl::StatusOr<Json> json = ParseStatusJson(text);
  if (!json.ok()) return json.status();
  if (name.empty()) return WriteJson(*json);
  for (const Json& service : JsonObjects(*json, "services")) {
    if (JsonText(service, "name") == name) return WriteJson(service);
  }
  return absl::NotFoundError(absl::StrCat("no service \"", name, "\" is running"));
}

}  // namespace forcebind
