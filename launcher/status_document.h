// SPDX-License-Identifier: Apache-2.0
// status_document: the supervisor's status, read from its JSON text, whose shape forcebind-supervisor(8) describes.
//
// Tested by tests/unit/launcher/status_document_test.cc.
#ifndef FORCEBIND_LAUNCHER_STATUS_DOCUMENT_H_
#define FORCEBIND_LAUNCHER_STATUS_DOCUMENT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace forcebind {

// Texts as the supervisor wrote them: not to be printed without Printable().
struct StatusListener {
  std::string protocol;
  std::string requested;
  std::string bound;                       // "private" in the document
  std::vector<std::string> reachable;      // private endpoints on which it answers; may be empty
  std::vector<std::string> public_places;  // "public"
  bool published = false;
  std::string stage;  // "D" or "F"; empty if not published
  bool egress = false;
  int64_t connections = 0;
};

struct StatusService {
  std::string name;
  int64_t pid = 0;
  bool attached = true;  // its companion is connected to the supervisor
  std::vector<std::string> addresses;
  std::string connect;  // "open", "enforced", "not enforced"; empty: not known
  std::vector<StatusListener> listeners;
  int64_t findings = 0;  // sockets elsewhere, in the supervisor's last look
};

struct StatusDocument {
  std::string backend;
  std::string version;             // empty: unknown
  std::vector<std::string> walls;  // that the supervisor can put behind services
  std::vector<StatusService> services;
};

// Services sorted by name, listeners by protocol, port and address. INVALID_ARGUMENT for what is no status.
absl::StatusOr<StatusDocument> ParseStatus(const std::string& text);

// The part of the document that is about one service, as JSON again; all of it if `name` is empty. NOT_FOUND if there
// is none of that name.
absl::StatusOr<std::string> StatusAsJson(const std::string& text, const std::string& name);

}  // namespace forcebind

#endif  // FORCEBIND_LAUNCHER_STATUS_DOCUMENT_H_
