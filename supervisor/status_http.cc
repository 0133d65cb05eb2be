// SPDX-License-Identifier: Apache-2.0
#include "supervisor/status_http.h"

#include <microhttpd.h>
#include <sys/epoll.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/strip.h"

namespace forcebind {
namespace {

constexpr unsigned int kMaxConnections = 64;
constexpr unsigned int kTimeoutSeconds = 10;
constexpr size_t kMemoryPerConnection = 32 * 1024;
constexpr char kServicePrefix[] = "/v1/services/";

HttpReply Error(int code, const std::string& text) {
  const nlohmann::json body{{"error", text}};
  return {.code = code, .body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"};
}

HttpReply AnswerExplain(const HttpRequest& request, const StatusPages& pages) {
  wire::ExplainRequest query;
  if (request.protocol != "tcp" && request.protocol != "udp") {
    return Error(MHD_HTTP_BAD_REQUEST, "protocol must be tcp or udp: ?protocol=tcp&endpoint=192.0.2.7:80");
  }
  query.protocol = request.protocol == "tcp" ? Protocol::kTcp : Protocol::kUdp;
  auto endpoint = Endpoint::Parse(request.endpoint);
  if (!endpoint.ok()) return Error(MHD_HTTP_BAD_REQUEST, "endpoint: " + std::string(endpoint.status().message()));
  query.endpoint = *endpoint;
  return {.body = pages.explain(query)};
}

HttpReply AnswerService(const std::string& name, const StatusPages& pages) {
  auto body = pages.service(name);
  if (!body.has_value()) return Error(MHD_HTTP_NOT_FOUND, "no service of that name runs");
  return {.body = *std::move(body)};
}

MHD_Result Queue(MHD_Connection* connection, HttpReply reply) {
  MHD_Response* response = MHD_create_response_from_buffer(reply.body.size(), reply.body.data(), MHD_RESPMEM_MUST_COPY);
  if (response == nullptr) return MHD_NO;
  MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply.type.c_str());
  MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
  if (reply.code == MHD_HTTP_METHOD_NOT_ALLOWED) MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
  const MHD_Result queued = MHD_queue_response(connection, static_cast<unsigned int>(reply.code), response);
  MHD_destroy_response(response);
  return queued;
}

std::string Argument(MHD_Connection* connection, const char* key) {
  const char* value = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, key);
  return value != nullptr ? value : "";
}

MHD_Result OnRequest(void* server, MHD_Connection* connection, const char* url, const char* method, const char*,
                     const char*, size_t* upload_size, void** request) {
  // Called once with the headers, then for the body, which nobody has asked for.
  static char seen;
  if (*request == nullptr) {
    *request = &seen;
    return MHD_YES;
  }
  if (*upload_size != 0) {
    *upload_size = 0;
    return MHD_YES;
  }
  return Queue(connection, AnswerHttp({.method = method,
                                       .path = url,
                                       .protocol = Argument(connection, "protocol"),
                                       .endpoint = Argument(connection, "endpoint")},
                                      static_cast<StatusHttp*>(server)->pages()));
}

}  // namespace

HttpReply AnswerHttp(const HttpRequest& request, const StatusPages& pages) {
  const bool named = request.path.size() > sizeof(kServicePrefix) - 1 && request.path.starts_with(kServicePrefix);
  const bool known =
      named || request.path == "/v1/services" || request.path == "/v1/explain" || request.path == "/metrics";
  if (!known) return Error(MHD_HTTP_NOT_FOUND, "no such page: /v1/services, /v1/services/NAME, /v1/explain, /metrics");
  if (request.method != "GET" && request.method != "HEAD") {
    return Error(MHD_HTTP_METHOD_NOT_ALLOWED, "only GET: nothing can be changed here");
  }
  if (named) return AnswerService(request.path.substr(sizeof(kServicePrefix) - 1), pages);
  if (request.path == "/v1/explain") return AnswerExplain(request, pages);
  if (request.path == "/metrics") return {.type = "text/plain; version=0.0.4", .body = pages.metrics()};
  return {.body = pages.services()};
}

absl::StatusOr<std::unique_ptr<StatusHttp>> StatusHttp::Start(UniqueFd listening, EventLoop& loop, StatusPages pages) {
  std::unique_ptr<StatusHttp> server(new StatusHttp(loop, std::move(pages)));
  server->daemon_ = MHD_start_daemon(MHD_USE_EPOLL, 0, nullptr, nullptr, &OnRequest, server.get(),  //
                                     MHD_OPTION_LISTEN_SOCKET, listening.get(),                     //
                                     MHD_OPTION_CONNECTION_LIMIT, kMaxConnections,                  //
                                     MHD_OPTION_CONNECTION_TIMEOUT, kTimeoutSeconds,                //
                                     MHD_OPTION_CONNECTION_MEMORY_LIMIT, kMemoryPerConnection,      //
                                     MHD_OPTION_END);
  if (server->daemon_ == nullptr) return absl::InternalError("libmicrohttpd does not start on the status socket");
  // The daemon closes it from now on.
  (void)listening.release();
  const MHD_DaemonInfo* info = MHD_get_daemon_info(server->daemon_, MHD_DAEMON_INFO_EPOLL_FD);
  if (info == nullptr) return absl::InternalError("libmicrohttpd has no epoll descriptor");
  server->epoll_ = info->epoll_fd;
  absl::Status added = loop.Add(server->epoll_, EPOLLIN, [raw = server.get()](uint32_t) { MHD_run(raw->daemon_); });
  if (!added.ok()) return added;
  return server;
}

StatusHttp::~StatusHttp() {
  if (epoll_ >= 0) loop_.Remove(epoll_);
  if (daemon_ != nullptr) MHD_stop_daemon(daemon_);
}

void StatusHttp::Tick() { MHD_run(daemon_); }

}  // namespace forcebind
