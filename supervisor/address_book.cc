// SPDX-License-Identifier: Apache-2.0
#include "supervisor/address_book.h"

#include <errno.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "core/address_plan.h"

namespace forcebind {
namespace {

// Where that many candidates are taken, the pool is full for practical purposes.
constexpr uint32_t kMaxAttempts = 4096;

template <typename F>
void ForEach(const PrivateAddresses& addresses, F&& f) {
  if (addresses.v4.has_value()) f(*addresses.v4);
  if (addresses.v6.has_value()) f(*addresses.v6);
}

bool IsOfFamily(const std::optional<IpAddress>& address, Family family) {
  return !address.has_value() || (address->family() == family && address->IsPrivateRange());
}

absl::StatusOr<std::optional<IpAddress>> ParseOptional(const nlohmann::json& entry, const char* key) {
  if (!entry.contains(key)) return std::optional<IpAddress>();
  if (!entry[key].is_string()) return absl::InvalidArgumentError(absl::StrCat("\"", key, "\" must be a string"));
  auto address = IpAddress::Parse(entry[key].get<std::string>());
  if (!address.ok()) return address.status();
  return std::optional<IpAddress>(*address);
}

absl::StatusOr<AddressBook::Entry> ParseEntry(const nlohmann::json& json) {
  if (!json.is_object() || !json.contains("uid") || !json["uid"].is_number_unsigned()) {
    return absl::InvalidArgumentError("must be an object with a \"uid\"");
  }
  auto v4 = ParseOptional(json, "v4");
  if (!v4.ok()) return v4.status();
  auto v6 = ParseOptional(json, "v6");
  if (!v6.ok()) return v6.status();
  return AddressBook::Entry{.addresses = {.v4 = *v4, .v6 = *v6}, .uid = json["uid"].get<uint32_t>()};
}

}  // namespace

bool AddressBook::FreeFor(const std::string& name, const IpAddress& address) const {
  auto found = owners_.find(address);
  return found == owners_.end() || found->second == name;
}

Refusal AddressBook::CheckWanted(const std::string& name, const PrivateAddresses& wanted) const {
  if (!IsOfFamily(wanted.v4, Family::kIpv4) || !IsOfFamily(wanted.v6, Family::kIpv6)) {
    return {EINVAL, "a private address must be in 127.0.0.0/8 or a ULA (fd00::/8)"};
  }
  Refusal refusal;
  ForEach(wanted, [&](const IpAddress& address) {
    if (FreeFor(name, address)) return;
    refusal = {EADDRINUSE, absl::StrCat(address.ToString(), " is the address of \"", owners_.at(address), "\": give \"",
                                        name, "\" another one in its profile")};
  });
  return refusal;
}

bool AddressBook::MayHave(uint32_t uid, const IpAddress& address) const {
  return uid == 0 || pool_.Contains(address) || (ula_.has_value() && ula_->Contains(address));
}

Refusal AddressBook::CheckAllowed(uint32_t uid, const PrivateAddresses& wanted) const {
  const std::string allowed = ula_.has_value()
                                  ? absl::StrCat("one in ", pool_.ToString(), " or ", ula_->ToString())
                                  : absl::StrCat("one in ", pool_.ToString(), ", and no IPv6 address on this host");
  Refusal refusal;
  ForEach(wanted, [&](const IpAddress& address) {
    if (MayHave(uid, address)) return;
    refusal = {EACCES, absl::StrCat("user ", uid, " may not have ", address.ToString(), ", but ", allowed,
                                    ": leave the address out, or let root run the service")};
  });
  return refusal;
}

PrivateAddresses AddressBook::FirstFree(const std::string& name) const {
  for (uint32_t attempt = 0; attempt < kMaxAttempts; ++attempt) {
    const PrivateAddresses candidate = AddressesFor(name, attempt, pool_, ula_);
    bool free = true;
    ForEach(candidate, [&](const IpAddress& address) { free = free && FreeFor(name, address); });
    if (free) return candidate;
  }
  return {};
}

Refusal AddressBook::Assign(const std::string& name, uint32_t uid, const PrivateAddresses& wanted,
                            const std::function<bool(const std::string&)>& in_use, PrivateAddresses* assigned) {
  if (!IsServiceName(name)) return {EINVAL, "not a service's name"};
  auto known = entries_.find(name);
  const bool others = known != entries_.end() && known->second.uid != uid;
  const bool running = known != entries_.end() && !others && in_use(name);
  if (others && uid != 0) {
    return {EACCES, absl::StrCat("the name \"", name, "\" belongs to user ", known->second.uid)};
  }
  Refusal refusal = CheckWanted(name, wanted);
  if (refusal.error == 0) refusal = CheckAllowed(uid, wanted);
  if (refusal.error != 0) return refusal;
  PrivateAddresses addresses = known != entries_.end() ? known->second.addresses : FirstFree(name);
  if (!addresses.v4.has_value() && !running) addresses.v4 = FirstFree(name).v4;
  // An address without IPv6 was assigned while the host had none; it gets its second half when there is one.
  if (!addresses.v6.has_value() && ula_.has_value() && !running) addresses.v6 = FirstFree(name).v6;
  if (!ula_.has_value() && !running) addresses.v6.reset();
  if (wanted.v4.has_value()) addresses.v4 = wanted.v4;
  if (wanted.v6.has_value()) addresses.v6 = wanted.v6;
  if (running && !(addresses == known->second.addresses)) {
    return {EADDRINUSE, absl::StrCat("\"", name, "\" runs on other addresses: stop it first, or use another name")};
  }
  if (!addresses.v4.has_value() && !addresses.v6.has_value()) return {EADDRINUSE, "the address pool is full"};
  Set(name, {.addresses = addresses, .uid = uid});
  *assigned = addresses;
  return {};
}

void AddressBook::Set(const std::string& name, const Entry& entry) {
  auto known = entries_.find(name);
  if (known != entries_.end() && known->second.addresses == entry.addresses && known->second.uid == entry.uid) return;
  Forget(name);
  entries_[name] = entry;
  ForEach(entry.addresses, [&](const IpAddress& address) { owners_[address] = name; });
  ++changes_;
}

void AddressBook::Forget(const std::string& name) {
  auto known = entries_.find(name);
  if (known == entries_.end()) return;
  ForEach(known->second.addresses, [&](const IpAddress& address) { owners_.erase(address); });
  entries_.erase(known);
  ++changes_;
}

bool AddressBook::Restore(const std::string& name, const Entry& entry) {
  if (CheckAllowed(entry.uid, entry.addresses).error != 0) return false;
  ForEach(entry.addresses, [&](const IpAddress& address) {
    auto owner = owners_.find(address);
    if (owner != owners_.end() && owner->second != name) Forget(std::string(owner->second));
  });
  Set(name, entry);
  return true;
}

size_t AddressBook::CountOf(uint32_t uid) const {
  return static_cast<size_t>(
      std::count_if(entries_.begin(), entries_.end(), [&](const auto& e) { return e.second.uid == uid; }));
}

std::vector<IpAddress> AddressBook::Addresses() const {
  std::vector<IpAddress> addresses;
  addresses.reserve(owners_.size());
  for (const auto& [name, entry] : entries_) {
    ForEach(entry.addresses, [&](const IpAddress& address) { addresses.push_back(address); });
  }
  return addresses;
}

const std::string* AddressBook::FindOwner(const IpAddress& address) const {
  auto found = owners_.find(address);
  return found == owners_.end() ? nullptr : &found->second;
}

std::string AddressBook::ToJson() const {
  nlohmann::json names = nlohmann::json::object();
  for (const auto& [name, entry] : entries_) {
    nlohmann::json& value = names[name];
    if (entry.addresses.v4.has_value()) value["v4"] = entry.addresses.v4->ToString();
    if (entry.addresses.v6.has_value()) value["v6"] = entry.addresses.v6->ToString();
    value["uid"] = entry.uid;
  }
  return nlohmann::json{{"version", 1}, {"names", names}}.dump(1) + "\n";
}

absl::Status AddressBook::AddParsed(const std::string& name, const Entry& entry) {
  if (!IsServiceName(name)) return absl::InvalidArgumentError("not a service's name");
  const Refusal refusal = CheckWanted(name, entry.addresses);
  if (refusal.error != 0) return absl::InvalidArgumentError(refusal.text);
  Set(name, entry);
  return absl::OkStatus();
}

void AddressBook::LeaveOut(const std::string& name, Entry* entry, std::vector<std::string>* left_out) const {
  for (std::optional<IpAddress>* address : {&entry->addresses.v4, &entry->addresses.v6}) {
    if (!address->has_value() || !(*address)->IsPrivateRange() || MayHave(entry->uid, **address)) continue;
    if (left_out != nullptr) {
      left_out->push_back(absl::StrCat("name \"", name, "\" of user ", entry->uid, " loses ", (*address)->ToString(),
                                       ": not in the pool or the ULA prefix, so root's to give"));
    }
    address->reset();
  }
}

absl::Status AddressBook::FromJson(const std::string& text, std::vector<std::string>* left_out) {
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || json.value("version", nlohmann::json()) != 1 || !json.contains("names") ||
      !json["names"].is_object()) {
    return absl::InvalidArgumentError("not a table of addresses (JSON with \"version\": 1 and \"names\")");
  }
  for (const auto& [name, value] : json["names"].items()) {
    auto entry = ParseEntry(value);
    if (entry.ok()) LeaveOut(name, &*entry, left_out);
    const absl::Status added = entry.ok() ? AddParsed(name, *entry) : entry.status();
    if (!added.ok()) return absl::InvalidArgumentError(absl::StrCat("name \"", name, "\": ", added.message()));
  }
  return absl::OkStatus();
}

}  // namespace forcebind
