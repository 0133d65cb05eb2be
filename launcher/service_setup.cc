// SPDX-License-Identifier: Apache-2.0
#include "launcher/service_setup.h"

#include <stdlib.h>
#include <unistd.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "config/profile_file.h"
#include "core/address_plan.h"

namespace forcebind {
namespace {

constexpr char kSystemSocket[] = "/run/forcebind/supervisor.sock";
constexpr char kUlaPrefixFile[] = "/var/lib/forcebind/ula-prefix";

std::string BaseName(const std::string& path) { return path.substr(path.find_last_of('/') + 1); }

absl::Status AddAddress(const std::string& text, PrivateAddresses* addresses) {
  absl::StatusOr<IpAddress> address = IpAddress::Parse(text);
  if (!address.ok()) return absl::InvalidArgumentError(absl::StrCat("--address: ", address.status().message()));
  if (!address->IsPrivateRange()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--address ", text, ": a private address is in 127.0.0.0/8 or fd00::/8"));
  }
  std::optional<IpAddress>& place = address->is_v4() ? addresses->v4 : addresses->v6;
  if (place) return absl::InvalidArgumentError(absl::StrCat("--address ", text, ": the second one of its family"));
  place = *address;
  return absl::OkStatus();
}

absl::Status AddPublication(const std::string& text, ServicePolicy* policy) {
  absl::StatusOr<PortRange> port = PortRange::Parse(text);
  if (!port.ok()) return absl::InvalidArgumentError(absl::StrCat("--publish: ", port.status().message()));
  if (port->first != port->last) {
    return absl::InvalidArgumentError(absl::StrCat("--publish ", text, ": one port, such as tcp/80"));
  }
  if (policy->FindPublication(port->protocol, port->first) != nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("--publish ", text, ": it is published already"));
  }
  policy->publish.push_back({.protocol = port->protocol, .port = port->first, .on = {}});
  return absl::OkStatus();
}

std::optional<Prefix> HostUlaPrefix() {
  std::ifstream file(kUlaPrefixFile);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  absl::StatusOr<Prefix> prefix = Prefix::Parse(line);
  return prefix.ok() ? std::optional(*prefix) : std::nullopt;
}

bool AnySocketAt(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

}  // namespace

absl::StatusOr<ServicePolicy> PolicyFor(const RunOptions& options) {
  absl::StatusOr<ServicePolicy> policy =
      options.profile ? LoadProfile(*options.profile) : DefaultPolicy(BaseName(options.command.at(0)));
  if (!policy.ok()) return policy.status();
  if (options.name) policy->name = *options.name;
  if (!IsServiceName(policy->name)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", policy->name, "\" is not a service's name (letters, digits, '.', '_', '-'; at most ",
                     kMaxServiceNameLength, "): give one with --name"));
  }
  if (!options.addresses.empty()) policy->addresses = {};
  for (const std::string& address : options.addresses) {
    absl::Status added = AddAddress(address, &policy->addresses);
    if (!added.ok()) return added;
  }
  for (const std::string& port : options.publish) {
    absl::Status added = AddPublication(port, &*policy);
    if (!added.ok()) return added;
  }
  return policy;
}

SupervisorPath FindSupervisor(const std::optional<std::string>& option) {
  const char* variable = getenv("FORCEBIND_SUPERVISOR");
  if (option || (variable != nullptr && *variable != '\0')) {
    const std::string path = option ? *option : variable;
    return {path == "none" ? "" : path, true};
  }
  const char* runtime = getenv("XDG_RUNTIME_DIR");
  if (runtime != nullptr && *runtime != '\0') {
    const std::string own = absl::StrCat(runtime, "/forcebind/supervisor.sock");
    if (AnySocketAt(own)) return {own, false};
  }
  return {AnySocketAt(kSystemSocket) ? kSystemSocket : "", false};
}

PrivateAddresses LocalAddresses(const std::string& name) {
  return AddressesFor(name, 0, DefaultPool(), HostUlaPrefix());
}

absl::StatusOr<ServiceSetup> SetUpService(const RunOptions& options) {
  absl::StatusOr<ServicePolicy> policy = PolicyFor(options);
  if (!policy.ok()) return policy.status();
  ServiceSetup setup;
  setup.policy = *std::move(policy);
  ServicePolicy& own = setup.policy;
  const SupervisorPath supervisor = FindSupervisor(options.supervisor);
  if (!supervisor.path.empty()) {
    wire::Hello hello{
        .name = own.name, .pid = getpid(), .addresses = own.addresses, .publish = own.publish, .walls = {"notify"}};
    setup.link = std::make_unique<SupervisorLink>(supervisor.path, hello);
    absl::StatusOr<wire::Welcome> welcome = setup.link->Connect();
    const bool refused = absl::IsPermissionDenied(welcome.status());
    if (!welcome.ok() && (refused || supervisor.explicit_ || !own.publish.empty())) return welcome.status();
    if (welcome.ok()) {
      own.addresses = welcome->addresses;
    } else {
      setup.note = absl::StrCat("going on without a supervisor: ", std::string(welcome.status().message()));
    }
  } else if (!own.publish.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("\"", own.name,
                     "\" publishes ports, which needs a supervisor: start forcebind-supervisor, or name "
                     "its socket with --supervisor"));
  }
  if (!own.addresses.v4 && !own.addresses.v6) own.addresses = LocalAddresses(own.name);
  if (setup.link) setup.link->Settle(own.addresses);
  return setup;
}

}  // namespace forcebind
