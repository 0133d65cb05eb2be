// SPDX-License-Identifier: Apache-2.0
// audit: may a forced service have this socket where it is? The sweep's verdict on what the kernel lists, whoever made
// the socket and however.
//
// THEORY OF OPERATION
//   At home is what listens (TCP) or is bound (UDP) on one of the service's own addresses. Elsewhere may be:
//     a client    UDP that is connected, and hears its peer alone; or on the wildcard with a port of the range from
//                 which the kernel gives them, or of which the companion has said that it was given (egress = true).
//                 A socket that sends without bind looks like that, and so does one that has asked for such a port by
//                 number: the kernel does not tell which it was.
//     a group's   UDP on a multicast or broadcast address, which gets nothing that is sent to the host's own
//     let in      what came with the execution of a service whose profile says inherited-sockets = "allow"
//   All else is a finding.
//
// THREADS  Pure functions.
// Tested by tests/unit/core/audit_test.cc.
#ifndef FORCEBIND_CORE_AUDIT_H_
#define FORCEBIND_CORE_AUDIT_H_

#include <cstdint>
#include <string>

#include "core/endpoint.h"
#include "core/service_policy.h"

namespace forcebind {

// A listening TCP or bound UDP socket, and what is known of it besides.
struct AuditedSocket {
  Protocol protocol = Protocol::kTcp;
  Endpoint local;              // IPv4-mapped or not
  bool connected = false;      // UDP
  bool given_port = false;     // its port is one that the kernel gives, or the companion has said that it did
  bool group_address = false;  // a broadcast address of an interface; multicast is seen by itself
  bool let_in = false;         // it is one that the profile lets in
};

enum class Standing : uint8_t { kAtHome, kClient, kGroup, kLetIn, kElsewhere };

Standing JudgeSocket(const AuditedSocket& socket, const PrivateAddresses& addresses);

// For people: what is wrong with a socket that is elsewhere, or why one that was let in may be there. `owner`: the
// service that has the address; empty if none has.
std::string StandingText(Standing standing, const AuditedSocket& socket, const std::string& owner);

}  // namespace forcebind

#endif  // FORCEBIND_CORE_AUDIT_H_
