// SPDX-License-Identifier: Apache-2.0
// state_records: what survives a kill -9 of the supervisor, as fixed-layout values of two pinned BPF hash maps.
//
// A record is written whole or not at all (one map update). Records hold no padding, so that a value can be compared
// and copied as bytes. A change of layout raises FB_LAYOUT_VERSION (bpf/layout.h), so that no supervisor reads
// another's.
#ifndef FORCEBIND_SUPERVISOR_STATE_RECORDS_H_
#define FORCEBIND_SUPERVISOR_STATE_RECORDS_H_

#include <cstdint>
#include <type_traits>

namespace forcebind {

struct AddressRecord {
  uint8_t family = 0;  // 0 = none, else as in core/endpoint.h
  uint8_t bytes[16] = {};
  uint8_t unused = 0;
  uint16_t port = 0;  // host order
};

// One companion's connection. Key: a number that no other connection has had.
struct ServiceRecord {
  char name[64] = {};
  char walls[128] = {};          // comma-separated
  uint64_t companion_start = 0;  // /proc/PID/stat, field 22
  int32_t companion_pid = 0;
  int32_t service_pid = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  AddressRecord v4;
  AddressRecord v6;
};

// One listening TCP or bound UDP socket. Key: its SO_COOKIE.
struct ListenerRecord {
  uint64_t service = 0;  // key of its ServiceRecord
  AddressRecord requested;
  AddressRecord bound;
  uint32_t group = 0xffffffff;
  uint8_t protocol = 0;
  uint8_t published = 0;
  uint8_t dual_stack = 0;
  uint8_t egress = 0;
};

static_assert(std::has_unique_object_representations_v<AddressRecord>);
static_assert(std::has_unique_object_representations_v<ServiceRecord>);
static_assert(std::has_unique_object_representations_v<ListenerRecord>);

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_STATE_RECORDS_H_
