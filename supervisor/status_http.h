// SPDX-License-Identifier: Apache-2.0
// status_http: the status socket: HTTP by libmicrohttpd, on a listening Unix socket of ours, within our event loop.
//
//   GET /v1/services          what `forcebind status --json` prints
//   GET /v1/services/NAME     one of them
//   GET /v1/explain?protocol=tcp&endpoint=192.0.2.7:80
//   GET /metrics              Prometheus text
// Anything else is 404, any other method 405, a query that cannot be read 400, with a JSON body {"error": "..."}.
//
// TRUST    Every local user may connect and read. Nothing can be changed here.
// LIMITS   kMaxConnections, kTimeoutSeconds without a byte, 32 KiB of memory per connection (request line and headers).
// THREADS  Thread-compatible; runs in the event loop.
// Tested by tests/unit/supervisor/status_report_test.cc and tests/netns/supervisor_test.cc.
#ifndef FORCEBIND_SUPERVISOR_STATUS_HTTP_H_
#define FORCEBIND_SUPERVISOR_STATUS_HTTP_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "supervisor/event_loop.h"
#include "sys/unique_fd.h"
#include "wire/messages.h"

struct MHD_Daemon;

namespace forcebind {

struct HttpReply {
  int code = 200;
  std::string type = "application/json";
  std::string body;
};

struct HttpRequest {
  std::string method;
  std::string path;
  // Query arguments; empty where there is none.
  std::string protocol;
  std::string endpoint;
};

struct StatusPages {
  std::function<std::string()> services;
  std::function<std::optional<std::string>(const std::string& name)> service;
  std::function<std::string(const wire::ExplainRequest&)> explain;
  std::function<std::string()> metrics;
};

// Pure, so that it can be tested without a socket.
HttpReply AnswerHttp(const HttpRequest& request, const StatusPages& pages);

class StatusHttp {
 public:
  // `listening` is a listening Unix stream socket. `loop` must outlive the object.
  static absl::StatusOr<std::unique_ptr<StatusHttp>> Start(UniqueFd listening, EventLoop& loop, StatusPages pages);
  ~StatusHttp();
  // Once a second: for libmicrohttpd's timeouts.
  void Tick();

  const StatusPages& pages() const { return pages_; }

 private:
  StatusHttp(EventLoop& loop, StatusPages pages) : loop_(loop), pages_(std::move(pages)) {}

  EventLoop& loop_;
  const StatusPages pages_;
  MHD_Daemon* daemon_ = nullptr;
  int epoll_ = -1;  // libmicrohttpd's
};

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_STATUS_HTTP_H_
