// SPDX-License-Identifier: Apache-2.0
#include "launcher/hosts_text.h"

#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/endpoint.h"
#include "core/service_policy.h"

namespace forcebind {
namespace {

constexpr char kDomain[] = ".forcebind";

std::string Line(const std::string& name, const IpAddress& address) {
  const bool taken = absl::AsciiStrToLower(name) == "localhost";
  return absl::StrCat(address.ToString(), " ", taken ? "" : absl::StrCat(name, " "), name, kDomain, "\n");
}

}  // namespace

absl::StatusOr<std::string> FormatHosts(const std::vector<HostEntry>& entries) {
  std::set<std::pair<std::string, IpAddress>> lines;
  for (const HostEntry& entry : entries) {
    if (!IsServiceName(entry.name)) {
      return absl::InvalidArgumentError(absl::StrCat("\"", entry.name, "\" is not a service's name"));
    }
    for (const std::string& text : entry.addresses) {
      const absl::StatusOr<IpAddress> address = IpAddress::Parse(text);
      if (!address.ok() || !address->IsPrivateRange()) {
        return absl::InvalidArgumentError(
            absl::StrCat("\"", text, "\", of service \"", entry.name, "\", is not a private address"));
      }
      lines.emplace(entry.name, *address);
    }
  }
  std::string out;
  for (const auto& [name, address] : lines) absl::StrAppend(&out, Line(name, address));
  return out;
}

}  // namespace forcebind
