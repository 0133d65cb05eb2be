// SPDX-License-Identifier: Apache-2.0
#include "config/supervisor_config.h"

#include <grp.h>
#include <pwd.h>

#include <functional>
#include <limits>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "config/policy_reader.h"
#include "config/text_file.h"
#include "config/toml_reader.h"
#include "core/address_plan.h"

namespace forcebind {
namespace {

constexpr uint32_t kMaxLimit = 1000000;
constexpr uint32_t kMaxAuditEvery = 86400;
// (uid_t)-1 and (gid_t)-1 mean "nobody named".
constexpr uint32_t kMaxId = std::numeric_limits<uint32_t>::max() - 1;
constexpr size_t kMaxGrants = 1024;
constexpr size_t kMaxGrantedPorts = 256;

using LookUpFn = std::optional<uint32_t> (*)(const std::string&);

std::optional<uint32_t> UserNamed(const std::string& name) {
  const passwd* found = getpwnam(name.c_str());
  return found == nullptr ? std::nullopt : std::optional<uint32_t>(found->pw_uid);
}

std::optional<uint32_t> GroupNamed(const std::string& name) {
  const group* found = getgrnam(name.c_str());
  return found == nullptr ? std::nullopt : std::optional<uint32_t>(found->gr_gid);
}

class ConfigReader {
 public:
  explicit ConfigReader(const std::string& file) : reader_(file) { config_.pool = DefaultPool(); }

  absl::StatusOr<SupervisorConfig> Read(const std::string& text);

 private:
  absl::Status ReadStateDir(const TomlNode& node);
  absl::Status ReadPool(const TomlNode& node);
  absl::Status ReadUla(const TomlNode& node);
  absl::Status ReadLimits(const TomlNode& node);
  absl::Status ReadGrant(const TomlNode& node);
  absl::Status ReadId(const TomlNode& node, LookUpFn look_up, std::optional<uint32_t>* id);
  absl::Status ReadService(const TomlNode& node, std::optional<std::string>* service);
  absl::Status ReadGrantedPorts(const TomlNode& node, std::vector<GrantedPorts>* publish);

  TomlReader reader_;
  SupervisorConfig config_;
};

absl::StatusOr<SupervisorConfig> ConfigReader::Read(const std::string& text) {
  absl::StatusOr<TomlNode> document = reader_.Parse(text);
  if (!document.ok()) return document.status();
  const auto read_grants = [this](const TomlNode& node) {
    return reader_.ReadEach(node, [this](const TomlNode& element) { return ReadGrant(element); });
  };
  const auto read_audit_every = [this](const TomlNode& node) {
    return reader_.ReadNumber(node, 0, kMaxAuditEvery, &config_.audit_every);
  };
  absl::Status status =
      reader_.ReadTable(*document, {
                                       {"state-dir", [this](const TomlNode& node) { return ReadStateDir(node); }},
                                       {"pool", [this](const TomlNode& node) { return ReadPool(node); }},
                                       {"ula", [this](const TomlNode& node) { return ReadUla(node); }},
                                       {"audit-every", read_audit_every},
                                       {"limits", [this](const TomlNode& node) { return ReadLimits(node); }},
                                       {"grant", read_grants},
                                   });
  if (!status.ok()) return status;
  return std::move(config_);
}

absl::Status ConfigReader::ReadStateDir(const TomlNode& node) {
  if (absl::Status status = reader_.Read(node, &config_.state_dir); !status.ok()) return status;
  const std::string& path = config_.state_dir;
  const bool usable = !path.empty() && path[0] == '/' && path.find('\0') == std::string::npos;
  return usable ? absl::OkStatus() : reader_.Error(node, "must be an absolute path");
}

absl::Status ConfigReader::ReadPool(const TomlNode& node) {
  if (absl::Status status = ReadParsed(reader_, node, &config_.pool); !status.ok()) return status;
  const Prefix& pool = config_.pool;
  const Prefix loopback{IpAddress::V4(0x7f000000), 8};
  if (!loopback.Contains(pool.base) || pool.length < 9 || pool.length > 24) {
    return reader_.Error(node, "must be a network in 127.0.0.0/8 with a length of 9 to 24, such as 127.64.0.0/10");
  }
  // localhost, systemd-resolved's 127.0.0.53 and .54, Debian's 127.0.1.1.
  const Prefix reserved{loopback.base, 16};
  if (pool.Contains(reserved.base) || reserved.Contains(pool.base)) {
    return reader_.Error(node, "must stay clear of 127.0.0.0/16, where localhost and its like are");
  }
  return absl::OkStatus();
}

absl::Status ConfigReader::ReadUla(const TomlNode& node) {
  Prefix ula;
  if (absl::Status status = ReadParsed(reader_, node, &ula); !status.ok()) return status;
  if (!ula.base.IsUla() || ula.length < 48 || ula.length > 64) {
    return reader_.Error(node, "must be a network in fd00::/8 with a length of 48 to 64 (RFC 4193)");
  }
  config_.ula = ula;
  return absl::OkStatus();
}

absl::Status ConfigReader::ReadLimits(const TomlNode& node) {
  const auto limit = [this](uint32_t* value) {
    return [this, value](const TomlNode& entry) { return reader_.ReadNumber(entry, 1, kMaxLimit, value); };
  };
  return reader_.ReadTable(node, {
                                     {"clients-per-user", limit(&config_.clients_per_user)},
                                     {"names-per-user", limit(&config_.names_per_user)},
                                     {"listeners-per-service", limit(&config_.listeners_per_service)},
                                     {"listeners-per-user", limit(&config_.listeners_per_user)},
                                     {"descriptor-seconds", limit(&config_.descriptor_seconds)},
                                 });
}

absl::Status ConfigReader::ReadId(const TomlNode& node, LookUpFn look_up, std::optional<uint32_t>* id) {
  uint32_t number = 0;
  const std::string* name = std::get_if<std::string>(&node.value);
  if (name == nullptr) {
    if (absl::Status status = reader_.ReadNumber(node, 0, kMaxId, &number); !status.ok()) return status;
    *id = number;
    return absl::OkStatus();
  }
  const bool is_c_string = name->find('\0') == std::string::npos;
  if (is_c_string) *id = look_up(*name);
  if (!*id && absl::SimpleAtoi(*name, &number) && number <= kMaxId) *id = number;
  if (!*id) return reader_.Error(node, absl::StrCat("there is no ", node.key, " \"", *name, "\" on this machine"));
  return absl::OkStatus();
}

absl::Status ConfigReader::ReadService(const TomlNode& node, std::optional<std::string>* service) {
  if (absl::Status status = reader_.Read(node, &service->emplace()); !status.ok()) return status;
  return IsServiceName(**service) ? absl::OkStatus() : reader_.Error(node, "is not a service's name");
}

absl::Status ConfigReader::ReadGrantedPorts(const TomlNode& node, std::vector<GrantedPorts>* publish) {
  GrantedPorts granted;
  const auto read_ports = [&](const TomlNode& value) { return ReadParsed(reader_, value, &granted.ports); };
  const auto read_on = [&](const TomlNode& value) { return ReadPrefixes(reader_, value, &granted.on); };
  absl::Status status = std::holds_alternative<TomlTable>(node.value)
                            ? reader_.ReadTable(node, {{"port", read_ports}, {"on", read_on}})
                            : read_ports(node);
  if (!status.ok()) return status;
  if (granted.ports.first == 0) return reader_.Error(node, "lacks a port, such as port = \"tcp/8000-8999\"");
  if (publish->size() == kMaxGrantedPorts) {
    return reader_.Error(node, absl::StrCat("more than ", kMaxGrantedPorts, " ports or ranges"));
  }
  publish->push_back(std::move(granted));
  return absl::OkStatus();
}

absl::Status ConfigReader::ReadGrant(const TomlNode& node) {
  Grant grant;
  const auto read_publish = [&](const TomlNode& list) {
    return reader_.ReadEach(list, [&](const TomlNode& each) { return ReadGrantedPorts(each, &grant.publish); });
  };
  absl::Status status =
      reader_.ReadTable(node, {
                                  {"user", [&](const TomlNode& id) { return ReadId(id, UserNamed, &grant.uid); }},
                                  {"group", [&](const TomlNode& id) { return ReadId(id, GroupNamed, &grant.gid); }},
                                  {"service", [&](const TomlNode& name) { return ReadService(name, &grant.service); }},
                                  {"publish", read_publish},
                              });
  if (!status.ok()) return status;
  if (!grant.uid && !grant.gid && !grant.service) {
    return reader_.Error(node, "names nobody: give at least one of user, group and service");
  }
  if (grant.publish.empty()) return reader_.Error(node, "grants nothing: give publish = [\"tcp/80\"]");
  if (config_.grants.size() == kMaxGrants) return reader_.Error(node, absl::StrCat("more than ", kMaxGrants));
  config_.grants.push_back(std::move(grant));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SupervisorConfig> ParseSupervisorConfig(const std::string& text, const std::string& file) {
  return ConfigReader(file).Read(text);
}

absl::StatusOr<SupervisorConfig> LoadSupervisorConfig(const std::string& path) {
  absl::StatusOr<std::string> text = ReadTextFile(path);
  if (!text.ok()) return text.status();
  return ParseSupervisorConfig(*text, path);
}

}  // namespace forcebind
