// SPDX-License-Identifier: Apache-2.0
// publisher: what the notify loop asks of whoever makes listeners public. The launcher's is a connection to the
// supervisor; without a supervisor, or in tests, something simpler stands in.
#ifndef FORCEBIND_NOTIFY_PUBLISHER_H_
#define FORCEBIND_NOTIFY_PUBLISHER_H_

#include <string>

#include "core/endpoint.h"

namespace forcebind {

// A listener (TCP) or bound socket (UDP) of the service.
struct Announcement {
  Protocol protocol = Protocol::kTcp;
  Endpoint requested;
  Endpoint actual;
  bool published = false;
  bool dual_stack = false;
  bool egress = false;
};

class Publisher {
 public:
  virtual ~Publisher() = default;
  // May the service publish this, and is it free? To be asked before the socket is made. An errno for the service, with
  // the reason in *why.
  virtual int Claim(const Announcement& announcement, std::string* why) = 0;
  // The socket is there. Published ones are live when this returns 0; `fd` is borrowed. Others are only made known, and
  // the answer is 0 whatever becomes of it.
  virtual int Announce(const Announcement& announcement, int fd, std::string* why) = 0;
};

}  // namespace forcebind

#endif  // FORCEBIND_NOTIFY_PUBLISHER_H_
