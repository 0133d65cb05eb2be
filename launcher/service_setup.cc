// SPDX-License-Identifier: Apache-2.0
#include "launcher/service_setup.h"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "config/profile_file.h"
#include "core/address_plan.h"
#include "sys/landlock.h"

namespace forcebind {
namespace {

constexpr char kSystemSocket[] = "/run/forcebind/supervisor.sock";
constexpr char kUlaPrefixFile[] = "/var/lib/forcebind/ula-prefix";

std::string BaseName(const std::string& path) { return path.substr(path.find_last_of('/') + 1); }

absl::Status Amend(const char* option, const std::string& text, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::InvalidArgumentError(absl::StrCat(option, " ", text, ": ", status.message()));
}

absl::Status AddAddressOption(const std::string& text, PrivateAddresses* addresses) {
  absl::StatusOr<IpAddress> address = IpAddress::Parse(text);
  return Amend("--address", text, address.ok() ? AddPrivateAddress(*address, addresses) : address.status());
}

absl::Status AddPublishOption(const std::string& text, std::vector<Publication>* publish) {
  absl::StatusOr<PortRange> port = PortRange::Parse(text);
  if (!port.ok()) return Amend("--publish", text, port.status());
  if (port->first != port->last) {
    return absl::InvalidArgumentError(absl::StrCat("--publish ", text, ": one port is published at a time"));
  }
  return Amend("--publish", text, AddPublication({.protocol = port->protocol, .port = port->first, .on = {}}, publish));
}

absl::Status ChooseWalls(const RunOptions& options, WallChoice* walls) {
  if (!options.walls.empty()) walls->wanted.emplace();
  for (const std::string& name : options.walls) {
    absl::StatusOr<Wall> wall = ParseWall(name);
    if (!wall.ok()) return Amend("--wall", name, wall.status());
    walls->wanted->push_back(*wall);
  }
  if (options.required_wall) {
    absl::StatusOr<Wall> wall = ParseWall(*options.required_wall);
    if (!wall.ok()) return Amend("--require-wall", *options.required_wall, wall.status());
    walls->required = *wall;
  }
  return CheckWalls(*walls);
}

absl::Status WallNotToBeHad(const ServicePolicy& policy, Wall wall, const std::string& why) {
  return absl::FailedPreconditionError(
      absl::StrCat("\"", policy.name, "\" wants the wall \"", ToString(wall), "\", which ", why));
}

// Without `notify` nobody sees a UDP socket being bound, and nothing is left to publish.
absl::Status CheckPublishing(const ServicePolicy& policy) {
  for (const Publication& publication : policy.publish) {
    if (publication.protocol != Protocol::kUdp || policy.walls.Allows(Wall::kNotify)) continue;
    return absl::FailedPreconditionError(absl::StrCat("\"", policy.name, "\" publishes ", PortText(publication),
                                                      ", which needs the wall \"notify\": choose it, too"));
  }
  return absl::OkStatus();
}

// Which walls the service gets, but for `cgroup`, which the supervisor raises when the service is there.
// FAILED_PRECONDITION: one that was asked for by name is not to be had.
absl::StatusOr<std::vector<Wall>> WallsFor(const ServicePolicy& policy) {
  std::vector<Wall> walls;
  if (policy.walls.Allows(Wall::kNotify)) walls.push_back(Wall::kNotify);
  if (policy.walls.Allows(Wall::kLandlock)) {
    if (HasLandlockTcp()) {
      walls.push_back(Wall::kLandlock);
    } else if (policy.walls.Insists(Wall::kLandlock)) {
      return WallNotToBeHad(policy, Wall::kLandlock, "takes Linux 6.7 with Landlock enabled: see forcebind doctor");
    }
  }
  absl::Status publishing = CheckPublishing(policy);
  if (!publishing.ok()) return publishing;
  return walls;
}

// Of a service that cannot go on without.
absl::Status NoSupervisorFor(const ServicePolicy& policy, const absl::Status& trouble) {
  const std::string why = absl::StrCat(std::string(trouble.message()), "; is forcebind-supervisor running?");
  if (policy.publish.empty()) return absl::UnavailableError(why);
  return absl::UnavailableError(absl::StrCat("\"", policy.name, "\" publishes ports, which needs a supervisor: ", why));
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
    absl::Status added = AddAddressOption(address, &policy->addresses);
    if (!added.ok()) return added;
  }
  for (const std::string& port : options.publish) {
    absl::Status added = AddPublishOption(port, &policy->publish);
    if (!added.ok()) return added;
  }
  absl::Status walls = ChooseWalls(options, &policy->walls);
  if (!walls.ok()) return walls;
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

std::optional<Prefix> HostUlaPrefix() {
  std::ifstream file(kUlaPrefixFile);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  absl::StatusOr<Prefix> prefix = Prefix::Parse(line);
  const bool usable = prefix.ok() && prefix->base.IsUla() && prefix->length <= 64;
  return usable ? std::optional(*prefix) : std::nullopt;
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
  absl::StatusOr<std::vector<Wall>> walls = WallsFor(own);
  if (!walls.ok()) return walls.status();
  setup.walls = *std::move(walls);
  const SupervisorPath supervisor = FindSupervisor(options.supervisor);
  if (!supervisor.path.empty()) {
    wire::Hello hello{.name = own.name,
                      .pid = getpid(),
                      .addresses = own.addresses,
                      .publish = own.publish,
                      .walls = NamesOf(setup.walls),
                      .connect_limited = own.connect.has_value()};
    setup.link = std::make_unique<SupervisorLink>(supervisor.path, hello);
    absl::StatusOr<wire::Welcome> welcome = setup.link->Connect();
    const bool refused = absl::IsPermissionDenied(welcome.status());
    if (refused) return welcome.status();
    if (!welcome.ok() && (supervisor.explicit_ || !own.publish.empty())) return NoSupervisorFor(own, welcome.status());
    if (welcome.ok()) {
      for (const std::optional<IpAddress>& address : {welcome->addresses.v4, welcome->addresses.v6}) {
        if (address && !address->IsPrivateRange()) {
          return absl::InternalError(
              absl::StrCat("the supervisor assigns ", address->ToString(), ", which is not private"));
        }
      }
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
  if (own.walls.Insists(Wall::kCgroup) && setup.link == nullptr) {
    return WallNotToBeHad(own, Wall::kCgroup,
                          "takes forcebind-supervisor: start it, or name its socket with --supervisor");
  }
  if (!own.addresses.v4 && !own.addresses.v6) own.addresses = LocalAddresses(own.name);
  if (setup.link) setup.link->Settle(own.addresses);
  return setup;
}

}  // namespace forcebind
