// SPDX-License-Identifier: Apache-2.0
// address_book: which name has which private addresses, and whose it is. Names outlive their services, so that an
// address is the same tomorrow; the first user to run a name owns it, until root runs it.
//
// No two names have an address in common. A name's addresses are those that its profile gives, or candidates of
// core/address_plan, the first one that no other name has. Root may give any private address, everybody else one of the
// pool and of the host's ULA prefix: whatever a name has is a hole in every publication, and kept.
//
// THREADS  Thread-compatible. Pure, but for Load() and Save().
// Tested by tests/unit/supervisor/address_book_test.cc.
#ifndef FORCEBIND_SUPERVISOR_ADDRESS_BOOK_H_
#define FORCEBIND_SUPERVISOR_ADDRESS_BOOK_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "core/endpoint.h"
#include "core/service_policy.h"

namespace forcebind {

// An errno value for the peer, with a text for people. error == 0 is success.
struct Refusal {
  int error = 0;
  std::string text;
};

class AddressBook {
 public:
  struct Entry {
    PrivateAddresses addresses;
    uint32_t uid = 0;
  };

  // `ula` is absent where the host has no IPv6.
  AddressBook(const Prefix& pool, const std::optional<Prefix>& ula) : pool_(pool), ula_(ula) {}

  // The addresses of `name` for the user `uid`, who wants `wanted` (any may be absent). `in_use` says whether a name
  // has a running service: its addresses stand. Root gets another user's name with its addresses, whether it runs or
  // not, or with those that he wants: the other user's service is then to be ended. EINVAL: not a name,
  // or not a private address. EACCES: another user's name, or an address that is root's to give. EADDRINUSE: another
  // name's address.
  Refusal Assign(const std::string& name, uint32_t uid, const PrivateAddresses& wanted,
                 const std::function<bool(const std::string&)>& in_use, PrivateAddresses* assigned);
  // What a supervisor before this one assigned: taken as it is, whatever the book says. False, and nothing is changed,
  // if it is an address that the user may not have (any more).
  bool Restore(const std::string& name, const Entry& entry);
  void Forget(const std::string& name);

  const std::map<std::string, Entry>& entries() const { return entries_; }
  size_t CountOf(uint32_t uid) const;
  std::vector<IpAddress> Addresses() const;
  // The name that has `address`; null if none.
  const std::string* FindOwner(const IpAddress& address) const;
  // Counts every change, so that a caller knows when to save.
  uint64_t changes() const { return changes_; }

  std::string ToJson() const;
  // Adds what the text holds. INVALID_ARGUMENT says what is wrong; what could be read before it is kept. An address
  // that its user may not have (any more) is left out, with a line in `left_out` (may be null); the name stays his.
  absl::Status FromJson(const std::string& text, std::vector<std::string>* left_out = nullptr);

 private:
  bool MayHave(uint32_t uid, const IpAddress& address) const;
  Refusal CheckAllowed(uint32_t uid, const PrivateAddresses& wanted) const;
  Refusal CheckWanted(const std::string& name, const PrivateAddresses& wanted) const;
  void LeaveOut(const std::string& name, Entry* entry, std::vector<std::string>* left_out) const;
  absl::Status AddParsed(const std::string& name, const Entry& entry);
  PrivateAddresses FirstFree(const std::string& name) const;
  bool FreeFor(const std::string& name, const IpAddress& address) const;
  void Set(const std::string& name, const Entry& entry);

  const Prefix pool_;
  const std::optional<Prefix> ula_;
  std::map<std::string, Entry> entries_;
  absl::flat_hash_map<IpAddress, std::string> owners_;
  uint64_t changes_ = 0;
};

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_ADDRESS_BOOK_H_
