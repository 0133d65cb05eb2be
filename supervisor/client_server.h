// SPDX-License-Identifier: Apache-2.0
// client_server: the socket on which companions and commands speak wire/messages.
//
// THEORY OF OPERATION
//   One packet in, at most one packet out, in order. Questions (StatusRequest, ExplainRequest, AuditRequest) are
//   answered one per turn of the loop, each user in his turn, so that a flood of them holds up nobody's claim for
//   longer than one document takes. A client is known by what the kernel says of it when it connects. It is free to ask
//   for status at any time, to say Hello once, and to claim and show listeners after that. Whatever breaks these rules
//   is answered with a Result and the end of the connection; a refusal is answered with a Result alone.
// TRUST    Every local user may connect, every byte is hostile, and so is every descriptor: descriptor_taker.
// LIMITS   kMaxMessageSize per packet; one fd per packet; clients per user (root is free); kMaxQueuedPackets answers
//          that do not fit into the socket's buffer, then the client is dropped; one question per client, and none
//          before it has read every answer, so that one document per client is in flight; kPacketsPerTurn packets of
//          one client, then the next one's; kMaxTakers children per user, and kMaxTakersInAll, that have not come back
//          from closing what he sent: then he can send no descriptor (root is free).
// THREADS  Thread-compatible; all callbacks run in the event loop.
// Tested by tests/netns/supervisor_test.cc.
#ifndef FORCEBIND_SUPERVISOR_CLIENT_SERVER_H_
#define FORCEBIND_SUPERVISOR_CLIENT_SERVER_H_

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/grants.h"
#include "supervisor/descriptor_taker.h"
#include "supervisor/event_loop.h"
#include "supervisor/question_queue.h"
#include "supervisor/registry.h"
#include "sys/unique_fd.h"
#include "sys/unix_channel.h"
#include "wire/messages.h"

namespace forcebind {

class ClientServer {
 public:
  struct Options {
    uint32_t clients_per_user = 1024;
    size_t max_clients = 16384;  // in all, so that descriptors are left for the rest
    std::chrono::seconds descriptor_wait{2};
  };
  // Puts a session's service, by its pidfd, behind the `cgroup` wall; and what is to be done when it has ended.
  struct Wall {
    std::function<Refusal(Registry::SessionId, const PeerCredentials&, const WallRules&, int pidfd)> enclose;
    std::function<void(Registry::SessionId)> end;
    std::function<void()> admitted;  // somebody has been, or not: names may have got other addresses
  };
  struct Documents {
    std::function<std::string()> status;
    std::function<std::string(const wire::ExplainRequest&)> explain;
    std::function<std::string()> audit;
  };
  using Log = std::function<void(const std::string&)>;

  // `loop` and `registry` must outlive the server.
  ClientServer(Options options, UniqueFd listening, EventLoop& loop, Registry& registry, Documents documents, Wall wall,
               Log log);
  ~ClientServer();

  absl::Status Start();
  // To be called now and then: accepts again after descriptors had run out.
  void Resume();

  size_t clients() const { return clients_.size(); }
  uint64_t refused() const { return refused_; }  // connections over a limit, protocol errors, slow clients

 private:
  struct Outgoing {
    std::vector<uint8_t> bytes;
    UniqueFd fd;
  };
  struct Client {
    UniqueFd fd;
    PeerCredentials credentials;
    std::optional<Registry::SessionId> session;
    std::deque<Outgoing> queue;
    bool asking = false;  // its question waits in questions_
  };
  using ClientId = uint64_t;
  using Question = decltype(QuestionQueue::Question::request);

  void Accept();
  void Admit(UniqueFd fd);
  void OnEvent(ClientId id, uint32_t events);
  // False when the client is gone.
  bool ReadOne(ClientId id);
  bool Flush(ClientId id);
  // Plain packets have no descriptors.
  TakenPacket Receive(const Client& client);
  bool MaySendDescriptors(uid_t uid) const;
  void WatchTaker(uid_t uid, UniqueFd child);
  void Handle(ClientId id, wire::Message message, TakenPacket packet);
  void HandleHello(ClientId id, const wire::Hello& hello);
  void DropSessions(const std::vector<Registry::SessionId>& sessions);
  void HandleListener(ClientId id, const wire::Listener& listener, TakenPacket packet);
  void HandleEnclose(ClientId id, const wire::Enclose& enclose, TakenPacket packet);
  void HandleSuccessor(ClientId id, const wire::Successor& successor, const TakenPacket& packet);
  void HandleOpened(ClientId id, const wire::Opened& opened);
  void Ask(ClientId id, const Question& request);
  // Answers one question.
  void AnswerNext();
  void SendDocument(ClientId id, const std::string& text);
  void Send(ClientId id, const wire::Message& message, UniqueFd fd = UniqueFd());
  void Reply(ClientId id, const Refusal& refusal);
  // Says why, and ends the connection.
  void Reject(ClientId id, int error, const std::string& text);
  void Drop(ClientId id);

  const Options options_;
  const UniqueFd listening_;
  EventLoop& loop_;
  Registry& registry_;
  const Documents documents_;
  const Wall wall_;
  const Log log_;
  const UniqueFd has_questions_;  // an eventfd, readable while there are any
  QuestionQueue questions_;
  bool paused_ = false;
  ClientId next_ = 1;
  std::map<ClientId, Client> clients_;
  absl::flat_hash_map<uid_t, uint32_t> per_user_;
  // Children that close what a user sent, by the descriptor that tells their end.
  std::map<int, std::pair<uid_t, UniqueFd>> takers_;
  uint64_t refused_ = 0;
};

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_CLIENT_SERVER_H_
