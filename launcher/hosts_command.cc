// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/profile_file.h"
#include "launcher/command.h"
#include "launcher/found_profiles.h"
#include "launcher/hosts_text.h"
#include "launcher/output.h"
#include "launcher/service_setup.h"
#include "launcher/status_document.h"
#include "launcher/supervisor_question.h"

namespace forcebind {
namespace {

constexpr char kCommand[] = "hosts";

std::vector<std::string> Texts(const PrivateAddresses& addresses) {
  std::vector<std::string> texts;
  if (addresses.v4) texts.push_back(addresses.v4->ToString());
  if (addresses.v6) texts.push_back(addresses.v6->ToString());
  return texts;
}

absl::StatusOr<std::vector<HostEntry>> EntriesFromSupervisor(const std::optional<std::string>& option) {
  absl::StatusOr<std::string> text = AskForDocument(option, wire::StatusRequest{});
  if (!text.ok()) return text.status();
  absl::StatusOr<StatusDocument> status = ParseStatus(*text);
  if (!status.ok()) return absl::InternalError(status.status().message());
  std::vector<HostEntry> entries;
  for (const StatusService& service : status->services) entries.push_back({service.name, service.addresses});
  return entries;
}

// A broken profile is complained of, and left out.
absl::StatusOr<std::vector<HostEntry>> EntriesFromProfiles(bool* broken) {
  absl::StatusOr<std::vector<FoundProfile>> found = FindAllProfiles();
  if (!found.ok()) return found.status();
  std::vector<HostEntry> entries;
  for (const FoundProfile& profile : *found) {
    absl::StatusOr<ServicePolicy> policy = LoadProfile(profile.path);
    if (policy.ok()) {
      entries.push_back({policy->name, Texts(AddressesOf(*policy))});
    } else {
      Complain(kCommand, policy.status());
      *broken = true;
    }
  }
  return entries;
}

int PrintHosts(const absl::StatusOr<std::vector<HostEntry>>& entries, const char* source) {
  if (!entries.ok()) return ComplainOfSupervisor(kCommand, entries.status());
  absl::StatusOr<std::string> lines = FormatHosts(*entries);
  if (!lines.ok()) return Complain(kCommand, lines.status());
  return Print(std::string("# forcebind services, ") + source + "\n" + *lines);
}

int Hosts(const std::optional<std::string>& option) {
  const SupervisorPath supervisor = FindSupervisor(option);
  const bool named = supervisor.explicit_ && !supervisor.path.empty();
  absl::StatusOr<std::vector<HostEntry>> running = supervisor.path.empty()
                                                       ? absl::UnavailableError("none is wanted, or none is there")
                                                       : EntriesFromSupervisor(option);
  const bool unreachable = absl::IsUnavailable(running.status()) || absl::IsPermissionDenied(running.status());
  if (named || !unreachable) return PrintHosts(running, "as the supervisor has assigned them");
  bool broken = false;
  const int printed = PrintHosts(EntriesFromProfiles(&broken), "from the profiles, without a supervisor");
  return broken ? kFailed : printed;
}

}  // namespace

CommandFunction DeclareHosts(CLI::App& parser) {
  auto supervisor = std::make_shared<std::optional<std::string>>();
  parser
      .add_option("--supervisor", *supervisor,
                  "ask the supervisor at this socket, or \"none\": take the profiles (default: the profiles where no "
                  "supervisor runs)")
      ->type_name("PATH|none");
  parser.footer(
      "Exit status: 0; 1 without an answer from a supervisor that was named, or with a broken profile; 125 for a "
      "usage error.\n");
  return [supervisor] { return Hosts(*supervisor); };
}

}  // namespace forcebind
