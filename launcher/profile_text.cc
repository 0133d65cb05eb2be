// SPDX-License-Identifier: Apache-2.0
#include "launcher/profile_text.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "config/profile_file.h"
#include "launcher/printable.h"
#include "launcher/text_table.h"

namespace forcebind {
namespace {

// Nothing that is quoted here holds a character that TOML would have escaped.
std::string Quoted(const std::string& text) { return absl::StrCat("\"", text, "\""); }

const char* Word(bool value) { return value ? "true" : "false"; }

std::vector<std::string> Texts(const PrivateAddresses& addresses) {
  std::vector<std::string> texts;
  if (addresses.v4) texts.push_back(addresses.v4->ToString());
  if (addresses.v6) texts.push_back(addresses.v6->ToString());
  return texts;
}

std::string List(const std::vector<std::string>& texts) {
  std::vector<std::string> quoted;
  for (const std::string& text : texts) quoted.push_back(Quoted(text));
  return absl::StrCat("[", absl::StrJoin(quoted, ", "), "]");
}

template <typename T>
std::vector<std::string> ToStrings(const std::vector<T>& values) {
  std::vector<std::string> texts;
  for (const T& value : values) texts.push_back(value.ToString());
  return texts;
}

std::string PublicationText(const Publication& publication) {
  const std::string on = publication.on.empty() ? "" : absl::StrCat(", on = ", List(ToStrings(publication.on)));
  const char* when_gone = publication.when_gone == WhenGone::kRefuse ? "refuse" : "fall-through";
  return absl::StrCat("{ port = ", Quoted(PortText(publication)), on, ", stage = ", Quoted(ToString(publication.stage)),
                      ", guard = ", Word(publication.guard), ", when-gone = ", Quoted(when_gone), " }");
}

std::string PublishText(const std::vector<Publication>& publish) {
  if (publish.empty()) return "publish = []\n";
  std::string text = "publish = [\n";
  for (const Publication& publication : publish) absl::StrAppend(&text, "  ", PublicationText(publication), ",\n");
  return text + "]\n";
}

std::string AddressText(const ServicePolicy& policy, const PrivateAddresses& addresses) {
  std::string text = absl::StrCat("address = ", List(Texts(addresses)));
  const bool named = policy.addresses.v4.has_value() || policy.addresses.v6.has_value();
  if (!named) absl::StrAppend(&text, "  # from the name; a supervisor may assign others");
  if (!named && !addresses.v6) {
    absl::StrAppend(&text, "\n# no IPv6 address: forcebind-supervisor has not chosen this host's ULA prefix yet");
  }
  return text + "\n";
}

std::string AllowText(const ServicePolicy& policy) {
  if (!policy.allow) return "# allow: any port\n";
  return absl::StrCat("allow = ", List(ToStrings(*policy.allow)), "\n");
}

std::string ConnectText(const ServicePolicy& policy) {
  if (!policy.connect) return "# connect: every service\n";
  return absl::StrCat("connect = ", List(ToStrings(*policy.connect)), "\n");
}

std::string FamiliesText(const ServicePolicy& policy) {
  std::vector<std::string> names;
  for (const int family : policy.families) names.push_back(FamilyName(family));
  return absl::StrCat("families = ", List(names), "\n");
}

std::string WallsText(const WallChoice& choice) {
  std::string text = "# wall: all that are to be had\n";
  if (choice.wanted) {
    std::vector<std::string> names;
    for (const Wall wall : *choice.wanted) names.push_back(ToString(wall));
    text = absl::StrCat("wall = ", List(names), "\n");
  }
  if (choice.required) return absl::StrCat(text, "require-wall = ", Quoted(ToString(*choice.required)), "\n");
  return text + "# require-wall: none\n";
}

std::vector<TableCell> ListRow(const ListedProfile& profile) {
  if (!profile.error.empty()) return {{profile.name}, {"(broken)"}, {"-"}, {profile.path}};
  TableCell addresses = Texts(profile.addresses), ports;
  for (const Publication& publication : profile.publish) ports.push_back(PortText(publication));
  if (ports.empty()) ports.push_back("-");
  return {{profile.name}, addresses, ports, {profile.path}};
}

}  // namespace

std::string FormatProfile(const ServicePolicy& policy, const PrivateAddresses& addresses, const std::string& path) {
  return absl::StrCat("# ", PrintableLine(path), ", with every default\n",          //
                      "name = ", Quoted(policy.name), "\n",                         //
                      AddressText(policy, addresses), PublishText(policy.publish),  //
                      AllowText(policy), FamiliesText(policy),                      //
                      "unix = ", Quoted(policy.unix_sockets ? "allow" : "deny"), "\n", "egress = ", Word(policy.egress),
                      "\n",                                                    //
                      "multicast = ", Word(policy.multicast), "\n",            //
                      "loopback = ", Quoted(ToString(policy.loopback)), "\n",  //
                      "host-loopback = ", List(ToStrings(policy.host_loopback)), "\n", ConnectText(policy),
                      "report = ", Quoted(policy.report_requested ? "requested" : "actual"), "\n",
                      WallsText(policy.walls),
                      "inherited-sockets = ", Quoted(policy.inherited_sockets ? "allow" : "refuse"), "\n");
}

std::string FormatProfileList(const std::vector<ListedProfile>& profiles, size_t width) {
  Table table{.columns = {{"NAME"}, {"PRIVATE"}, {"PUBLISHED"}, {"PATH"}}, .rows = {}};
  std::string errors;
  for (const ListedProfile& profile : profiles) {
    table.rows.push_back(ListRow(profile));
    if (!profile.error.empty()) absl::StrAppend(&errors, "broken: ", PrintableLine(profile.error), "\n");
  }
  return FormatTable(table, width) + errors;
}

}  // namespace forcebind
