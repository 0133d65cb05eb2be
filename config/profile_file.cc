// SPDX-License-Identifier: Apache-2.0
#include "config/profile_file.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "config/policy_reader.h"
#include "config/text_file.h"
#include "config/toml_reader.h"
#include "sys/errno_status.h"

namespace forcebind {
namespace {

constexpr char kSuffix[] = ".toml";
constexpr char kSystemDirectory[] = "/etc/forcebind/profiles";

struct NamedFamily {
  const char* name;
  int number;
};
// Not here, whatever the kernel offers: smc, rxrpc, rds and l2tp, which carry IP past the private address.
constexpr NamedFamily kFamilies[] = {
    {"inet", AF_INET}, {"inet6", AF_INET6},         {"unix", AF_UNIX}, {"netlink", AF_NETLINK}, {"alg", AF_ALG},
    {"ax25", AF_AX25}, {"bluetooth", AF_BLUETOOTH}, {"can", AF_CAN},   {"key", AF_KEY},         {"llc", AF_LLC},
    {"nfc", AF_NFC},   {"packet", AF_PACKET},       {"tipc", AF_TIPC}, {"vsock", AF_VSOCK},     {"x25", AF_X25},
    {"xdp", AF_XDP},
};

std::string KnownFamilies() {
  return absl::StrJoin(kFamilies, ", ", [](std::string* out, const NamedFamily& family) { out->append(family.name); });
}

// One profile on its way from text to policy.
class ProfileReader {
 public:
  ProfileReader(const std::string& file, const std::string& default_name)
      : reader_(file), policy_(DefaultPolicy(default_name)) {}

  absl::StatusOr<ServicePolicy> Read(const std::string& text);

 private:
  absl::Status ReadName(const TomlNode& node);
  absl::Status ReadAddress(const TomlNode& node);
  absl::Status ReadAllowed(const TomlNode& node);
  absl::Status ReadHostLoopback(const TomlNode& node);
  absl::Status ReadLoopback(const TomlNode& node);
  absl::Status ReadConnectTarget(const TomlNode& node);
  absl::Status ReadReport(const TomlNode& node);
  absl::Status AddRange(const TomlNode& node, std::vector<PortRange>* ranges);
  absl::Status ReadFamily(const TomlNode& node);
  absl::Status ReadUnix(const TomlNode& node);
  absl::Status ReadWall(const TomlNode& node, Wall* wall);
  absl::Status ReadWantedWall(const TomlNode& node);
  absl::Status ReadInherited(const TomlNode& node);
  absl::Status ReadWhenGone(const TomlNode& node, WhenGone* when_gone);
  absl::Status ReadPublication(const TomlNode& node);
  absl::Status ReadPublicationTable(const TomlNode& node, Publication* publication);
  absl::Status ReadStage(const TomlNode& node, Stage* stage);
  absl::Status ReadPublishedPort(const TomlNode& node, Publication* publication);

  TomlReader reader_;
  ServicePolicy policy_;
  Publication defaults_;  // the profile's own `guard` and `when-gone`
};

absl::StatusOr<ServicePolicy> ProfileReader::Read(const std::string& text) {
  absl::StatusOr<TomlNode> document = reader_.Parse(text);
  if (!document.ok()) return document.status();
  const auto each = [this](absl::Status (ProfileReader::*read)(const TomlNode&)) {
    return [this, read](const TomlNode& list) {
      return reader_.ReadEach(list, [this, read](const TomlNode& element) { return (this->*read)(element); });
    };
  };
  // In this order: `publish` needs the defaults, `unix` the families.
  absl::Status status = reader_.ReadTable(
      *document,
      {
          {"name", [&](const TomlNode& node) { return ReadName(node); }},
          {"address", each(&ProfileReader::ReadAddress)},
          {"guard", [&](const TomlNode& node) { return reader_.Read(node, &defaults_.guard); }},
          {"when-gone", [&](const TomlNode& node) { return ReadWhenGone(node, &defaults_.when_gone); }},
          {"publish", each(&ProfileReader::ReadPublication)},
          {"allow",
           [&](const TomlNode& node) {
             policy_.allow.emplace();
             return each(&ProfileReader::ReadAllowed)(node);
           }},
          {"families",
           [&](const TomlNode& node) {
             policy_.families.clear();
             return each(&ProfileReader::ReadFamily)(node);
           }},
          {"unix", [&](const TomlNode& node) { return ReadUnix(node); }},
          {"egress", [&](const TomlNode& node) { return reader_.Read(node, &policy_.egress); }},
          {"multicast", [&](const TomlNode& node) { return reader_.Read(node, &policy_.multicast); }},
          {"loopback", [&](const TomlNode& node) { return ReadLoopback(node); }},
          {"host-loopback", each(&ProfileReader::ReadHostLoopback)},
          {"connect",
           [&](const TomlNode& node) {
             policy_.connect.emplace();
             return each(&ProfileReader::ReadConnectTarget)(node);
           }},
          {"report", [&](const TomlNode& node) { return ReadReport(node); }},
          {"wall",
           [&](const TomlNode& node) {
             policy_.walls.wanted.emplace();
             return each(&ProfileReader::ReadWantedWall)(node);
           }},
          {"require-wall", [&](const TomlNode& node) { return ReadWall(node, &policy_.walls.required.emplace()); }},
          {"inherited-sockets", [&](const TomlNode& node) { return ReadInherited(node); }},
      });
  if (!status.ok()) return status;
  if (absl::Status walls = CheckWalls(policy_.walls); !walls.ok()) return reader_.Error(*document, walls.message());
  if (!IsServiceName(policy_.name)) {
    return reader_.Error(*document, absl::StrCat("\"", policy_.name,
                                                 "\", the file's name, cannot be a service's name: add name = \"…\""));
  }
  return policy_;
}

absl::Status ProfileReader::ReadName(const TomlNode& node) {
  if (absl::Status status = reader_.Read(node, &policy_.name); !status.ok()) return status;
  if (IsServiceName(policy_.name)) return absl::OkStatus();
  return reader_.Error(node, absl::StrCat("must be 1 to ", kMaxServiceNameLength,
                                          " letters, digits, dots, hyphens or underscores, beginning with a letter or "
                                          "a digit"));
}

absl::Status ProfileReader::ReadAddress(const TomlNode& node) {
  IpAddress address;
  if (absl::Status status = ReadParsed(reader_, node, &address); !status.ok()) return status;
  absl::Status status = AddPrivateAddress(address, &policy_.addresses);
  return status.ok() ? status : reader_.Error(node, status.message());
}

absl::Status ProfileReader::ReadStage(const TomlNode& node, Stage* stage) {
  std::string word;
  if (absl::Status status = reader_.Read(node, &word); !status.ok()) return status;
  if (word != "D" && word != "F") return reader_.Error(node, "must be \"D\" or \"F\"");
  *stage = word == "F" ? Stage::kF : Stage::kD;
  return absl::OkStatus();
}

// REQUIRES: the stage has been read.
absl::Status ProfileReader::ReadPublishedPort(const TomlNode& node, Publication* publication) {
  std::string text;
  if (absl::Status status = reader_.Read(node, &text); !status.ok()) return status;
  if (text == "tcp/*" || text == "udp/*") {
    publication->protocol = text == "tcp/*" ? Protocol::kTcp : Protocol::kUdp;
    publication->port = kAnyPort;
    if (publication->stage == Stage::kF) return absl::OkStatus();
    return reader_.Error(node,
                         absl::StrCat("\"", text, "\" is for stage F alone: { port = \"", text, "\", stage = \"F\" }"));
  }
  PortRange range;
  if (absl::Status status = ReadParsed(reader_, node, &range); !status.ok()) return status;
  if (range.first != range.last) {
    return reader_.Error(node, absl::StrCat("\"", range.ToString(), "\" is a range: name each port by itself"));
  }
  publication->protocol = range.protocol;
  publication->port = range.first;
  return absl::OkStatus();
}

absl::Status ProfileReader::ReadPublicationTable(const TomlNode& node, Publication* publication) {
  bool has_port = false;
  const TomlNode* guard = nullptr;
  // In this order: `port` needs the stage.
  absl::Status status = reader_.ReadTable(
      node, {
                {"stage", [&](const TomlNode& value) { return ReadStage(value, &publication->stage); }},
                {"port",
                 [&](const TomlNode& value) {
                   has_port = true;
                   return ReadPublishedPort(value, publication);
                 }},
                {"on", [&](const TomlNode& value) { return ReadPrefixes(reader_, value, &publication->on); }},
                {"guard",
                 [&](const TomlNode& value) {
                   guard = &value;
                   return reader_.Read(value, &publication->guard);
                 }},
                {"when-gone", [&](const TomlNode& value) { return ReadWhenGone(value, &publication->when_gone); }},
            });
  if (!status.ok()) return status;
  if (!has_port) return reader_.Error(node, "lacks a port, such as port = \"tcp/80\"");
  if (publication->stage == Stage::kD) return absl::OkStatus();
  if (guard != nullptr && publication->guard)
    return reader_.Error(*guard, "is for stage D: at stage F everybody else comes first, so nobody's bind is refused");
  publication->guard = false;
  return absl::OkStatus();
}

absl::Status ProfileReader::ReadPublication(const TomlNode& node) {
  Publication publication = defaults_;
  absl::Status status = std::holds_alternative<TomlTable>(node.value) ? ReadPublicationTable(node, &publication)
                                                                      : ReadPublishedPort(node, &publication);
  if (!status.ok()) return status;
  status = AddPublication(publication, &policy_.publish);
  return status.ok() ? status : reader_.Error(node, status.message());
}

absl::Status ProfileReader::ReadAllowed(const TomlNode& node) { return AddRange(node, &*policy_.allow); }

absl::Status ProfileReader::ReadHostLoopback(const TomlNode& node) { return AddRange(node, &policy_.host_loopback); }

absl::Status ProfileReader::ReadLoopback(const TomlNode& node) {
  std::string word;
  if (absl::Status status = reader_.Read(node, &word); !status.ok()) return status;
  for (const Loopback each : {Loopback::kOwnFirst, Loopback::kOwn, Loopback::kHost}) {
    if (word != ToString(each)) continue;
    policy_.loopback = each;
    return absl::OkStatus();
  }
  return reader_.Error(node, "must be \"own-first\", \"own\" or \"host\"");
}

absl::Status ProfileReader::ReadConnectTarget(const TomlNode& node) {
  ConnectTarget target;
  if (absl::Status status = ReadParsed(reader_, node, &target); !status.ok()) return status;
  std::vector<ConnectTarget>& targets = *policy_.connect;
  if (std::find(targets.begin(), targets.end(), target) != targets.end()) {
    return reader_.Error(node, absl::StrCat("\"", target.ToString(), "\" is here twice"));
  }
  if (targets.size() == kMaxConnectTargets) {
    return reader_.Error(node, absl::StrCat("more than ", kMaxConnectTargets, " services"));
  }
  targets.push_back(target);
  return absl::OkStatus();
}

absl::Status ProfileReader::ReadReport(const TomlNode& node) {
  std::string word;
  if (absl::Status status = reader_.Read(node, &word); !status.ok()) return status;
  if (word != "actual" && word != "requested") return reader_.Error(node, "must be \"actual\" or \"requested\"");
  policy_.report_requested = word == "requested";
  return absl::OkStatus();
}

absl::Status ProfileReader::AddRange(const TomlNode& node, std::vector<PortRange>* ranges) {
  PortRange range;
  if (absl::Status status = ReadParsed(reader_, node, &range); !status.ok()) return status;
  for (const PortRange& other : *ranges) {
    if (other.protocol == range.protocol && other.first <= range.last && range.first <= other.last) {
      return reader_.Error(
          node, absl::StrCat("\"", range.ToString(), "\" and \"", other.ToString(), "\" have ports in common"));
    }
  }
  if (ranges->size() == kMaxPortRanges) {
    return reader_.Error(node, absl::StrCat("more than ", kMaxPortRanges, " ranges"));
  }
  ranges->push_back(range);
  return absl::OkStatus();
}

absl::Status ProfileReader::ReadFamily(const TomlNode& node) {
  std::string name;
  if (absl::Status status = reader_.Read(node, &name); !status.ok()) return status;
  const auto* family = std::find_if(std::begin(kFamilies), std::end(kFamilies),
                                    [&](const NamedFamily& each) { return name == each.name; });
  if (family == std::end(kFamilies)) {
    return reader_.Error(node, absl::StrCat("unknown family \"", name, "\": known are ", KnownFamilies()));
  }
  std::vector<int>& families = policy_.families;
  if (std::find(families.begin(), families.end(), family->number) == families.end()) {
    families.push_back(family->number);
  }
  return absl::OkStatus();
}

absl::Status ProfileReader::ReadUnix(const TomlNode& node) {
  std::string word;
  if (absl::Status status = reader_.Read(node, &word); !status.ok()) return status;
  if (word != "allow" && word != "deny") return reader_.Error(node, "must be \"allow\" or \"deny\"");
  policy_.unix_sockets = word == "allow";
  std::vector<int>& families = policy_.families;
  if (!policy_.unix_sockets) families.erase(std::remove(families.begin(), families.end(), AF_UNIX), families.end());
  return absl::OkStatus();
}

absl::Status ProfileReader::ReadWall(const TomlNode& node, Wall* wall) {
  std::string text;
  if (absl::Status status = reader_.Read(node, &text); !status.ok()) return status;
  absl::StatusOr<Wall> known = ParseWall(text);
  if (!known.ok()) return reader_.Error(node, known.status().message());
  *wall = *known;
  return absl::OkStatus();
}

absl::Status ProfileReader::ReadWantedWall(const TomlNode& node) {
  Wall wall;
  absl::Status status = ReadWall(node, &wall);
  if (status.ok()) policy_.walls.wanted->push_back(wall);
  return status;
}

absl::Status ProfileReader::ReadInherited(const TomlNode& node) {
  std::string word;
  if (absl::Status status = reader_.Read(node, &word); !status.ok()) return status;
  if (word != "refuse" && word != "allow") return reader_.Error(node, "must be \"refuse\" or \"allow\"");
  policy_.inherited_sockets = word == "allow";
  return absl::OkStatus();
}

absl::Status ProfileReader::ReadWhenGone(const TomlNode& node, WhenGone* when_gone) {
  std::string word;
  if (absl::Status status = reader_.Read(node, &word); !status.ok()) return status;
  if (word != "fall-through" && word != "refuse") {
    return reader_.Error(node, "must be \"fall-through\" or \"refuse\"");
  }
  *when_gone = word == "refuse" ? WhenGone::kRefuse : WhenGone::kFallThrough;
  return absl::OkStatus();
}

// A relative path in XDG_CONFIG_HOME counts as none (XDG Base Directory Specification).
std::optional<std::string> UserDirectory() {
  const auto absolute = [](const char* path) { return path != nullptr && path[0] == '/'; };
  const char* config = getenv("XDG_CONFIG_HOME");
  if (absolute(config)) return absl::StrCat(config, "/forcebind/profiles");
  const char* home = getenv("HOME");
  if (absolute(home)) return absl::StrCat(home, "/.config/forcebind/profiles");
  return std::nullopt;
}

// OK if there is a file, NOT_FOUND if there is none; anything else is a directory that could not be searched.
absl::Status CheckExists(const std::string& path) {
  struct stat found;
  if (stat(path.c_str(), &found) == 0) return absl::OkStatus();
  if (errno == ENOENT || errno == ENOTDIR) return absl::NotFoundError(absl::StrCat(path, ": no such file"));
  return ErrnoStatus(errno, absl::StrCat("look for ", path));
}

std::string NameOfFile(const std::string& path) {
  const absl::string_view file = absl::string_view(path).substr(path.rfind('/') + 1);
  return std::string(absl::StripSuffix(file, kSuffix));
}

}  // namespace

absl::StatusOr<ServicePolicy> ParseProfile(const std::string& text, const std::string& file,
                                           const std::string& default_name) {
  return ProfileReader(file, default_name).Read(text);
}

std::vector<std::string> ProfileDirectories() {
  std::vector<std::string> directories;
  const std::optional<std::string> own = geteuid() == 0 ? std::nullopt : UserDirectory();
  if (own) directories.push_back(*own);
  directories.push_back(kSystemDirectory);
  return directories;
}

absl::StatusOr<std::string> FindProfile(const std::string& name_or_path) {
  if (absl::StrContains(name_or_path, '/')) {
    absl::Status status = CheckExists(name_or_path);
    if (!status.ok()) return status;
    return name_or_path;
  }
  const std::vector<std::string> directories = ProfileDirectories();
  for (const std::string& directory : directories) {
    const std::string path = absl::StrCat(directory, "/", name_or_path, kSuffix);
    absl::Status status = CheckExists(path);
    if (status.ok()) return path;
    if (!absl::IsNotFound(status)) return status;
  }
  const char* hint = absl::EndsWith(name_or_path, kSuffix) ? "; a file here is named with ./ in front" : "";
  return absl::NotFoundError(
      absl::StrCat("no profile \"", name_or_path, "\" in ", absl::StrJoin(directories, " or "), hint));
}

absl::StatusOr<ServicePolicy> LoadProfile(const std::string& name_or_path) {
  absl::StatusOr<std::string> path = FindProfile(name_or_path);
  if (!path.ok()) return path.status();
  absl::StatusOr<std::string> text = ReadTextFile(*path);
  if (!text.ok()) return text.status();
  return ParseProfile(*text, *path, NameOfFile(*path));
}

std::string FamilyName(int family) {
  for (const auto& each : kFamilies) {
    if (each.number == family) return each.name;
  }
  return "";
}

ServicePolicy DefaultPolicy(const std::string& name) {
  ServicePolicy policy;
  policy.name = name;
  policy.families = {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK};
  return policy;
}

}  // namespace forcebind
