// SPDX-License-Identifier: Apache-2.0
#include "core/connect_target.h"

#include "absl/strings/str_cat.h"
#include "core/service_policy.h"

namespace forcebind {

absl::StatusOr<ConnectTarget> ConnectTarget::Parse(absl::string_view text) {
  const size_t colon = text.find(':');
  ConnectTarget target{.name = std::string(text.substr(0, colon)), .ports = std::nullopt};
  if (!IsServiceName(target.name)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is not a service such as gitea, or one with ports such as gitea:tcp/3000"));
  }
  if (colon == absl::string_view::npos) return target;
  absl::StatusOr<PortRange> ports = PortRange::Parse(text.substr(colon + 1));
  if (!ports.ok()) return ports.status();
  target.ports = *ports;
  return target;
}

std::string ConnectTarget::ToString() const { return ports ? absl::StrCat(name, ":", ports->ToString()) : name; }

}  // namespace forcebind
