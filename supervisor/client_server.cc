// SPDX-License-Identifier: Apache-2.0
#include "supervisor/client_server.h"

#include <errno.h>
#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "core/overloaded.h"
#include "supervisor/companion.h"
#include "supervisor/listener_check.h"
#include "sys/errno_status.h"
#include "sys/sealed_memfd.h"

namespace forcebind {
namespace {

constexpr size_t kMaxQueuedPackets = 64;
constexpr int kPacketsPerTurn = 16;
constexpr int kAcceptsPerTurn = 64;
constexpr int kMaxTakers = 4;
constexpr size_t kMaxTakersInAll = 256;

// Packets that the peer has not received yet are charged to the sender. See unix(7), SIOCOUTQ.
bool HasUnreadPackets(int socket) {
  int bytes = 0;
  return ioctl(socket, SIOCOUTQ, &bytes) != 0 || bytes != 0;
}

Peer PeerOf(const PeerCredentials& credentials) {
  return {
      .uid = credentials.uid, .gid = credentials.gid, .groups = {credentials.groups.begin(), credentials.groups.end()}};
}

}  // namespace

ClientServer::ClientServer(Options options, UniqueFd listening, EventLoop& loop, Registry& registry,
                           Documents documents, Wall wall, Log log)
    : options_(options),
      listening_(std::move(listening)),
      loop_(loop),
      registry_(registry),
      documents_(std::move(documents)),
      wall_(std::move(wall)),
      log_(std::move(log)),
      has_questions_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

ClientServer::~ClientServer() {
  loop_.Remove(listening_.get());
  loop_.Remove(has_questions_.get());
  for (auto& [fd, taker] : takers_) loop_.Remove(fd);
  for (auto& [id, client] : clients_) loop_.Remove(client.fd.get());
}

absl::Status ClientServer::Start() {
  absl::Status questions = loop_.Add(has_questions_.get(), EPOLLIN, [this](uint32_t) { AnswerNext(); });
  if (!questions.ok()) return questions;
  return loop_.Add(listening_.get(), EPOLLIN, [this](uint32_t) { Accept(); });
}

void ClientServer::Resume() {
  if (paused_ && loop_.Change(listening_.get(), EPOLLIN).ok()) paused_ = false;
}

void ClientServer::Accept() {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    UniqueFd fd(accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd.valid()) {
      Admit(std::move(fd));
      continue;
    }
    if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) return;
    // Out of descriptors or memory: what waits would wake us again and again.
    log_(absl::StrCat("accept: ", ErrnoName(errno), ", waiting for clients to leave"));
    paused_ = loop_.Change(listening_.get(), 0).ok();
    return;
  }
}

void ClientServer::Admit(UniqueFd fd) {
  auto credentials = GetPeerCredentials(fd.get());
  if (!credentials.ok()) return;
  const uid_t uid = credentials->uid;
  const ClientId id = next_++;
  const int raw = fd.get();
  if (!loop_.Add(raw, EPOLLIN, [this, id](uint32_t events) { OnEvent(id, events); }).ok()) return;
  clients_[id] = Client{.fd = std::move(fd), .credentials = *std::move(credentials)};
  const bool over = uid != 0 && per_user_[uid] >= options_.clients_per_user;
  ++per_user_[uid];
  if (over || clients_.size() > options_.max_clients) {
    Reject(id, EMFILE,
           over ? absl::StrCat("user ", uid, " has ", options_.clients_per_user,
                               " connections already (clients-per-user in the supervisor's configuration)")
                : "the supervisor has as many clients as it can");
  }
}

void ClientServer::OnEvent(ClientId id, uint32_t events) {
  if (!Flush(id)) return;
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
  for (int i = 0; i < kPacketsPerTurn && ReadOne(id); ++i) {
  }
}

bool ClientServer::MaySendDescriptors(uid_t uid) const {
  if (uid == 0) return true;
  const auto of_user = absl::c_count_if(takers_, [uid](const auto& taker) { return taker.second.first == uid; });
  return of_user < kMaxTakers && takers_.size() < kMaxTakersInAll;
}

void ClientServer::WatchTaker(uid_t uid, UniqueFd child) {
  const int fd = child.get();
  absl::Status watched = loop_.Add(fd, EPOLLIN, [this, fd](uint32_t) {
    loop_.Remove(fd);
    takers_.erase(fd);
  });
  if (watched.ok()) takers_[fd] = {uid, std::move(child)};
}

TakenPacket ClientServer::Receive(const Client& client) {
  bool has_descriptors = false;
  if (const int error = PeekForDescriptors(client.fd.get(), &has_descriptors); error != 0) return {.error = error};
  if (has_descriptors) {
    if (!MaySendDescriptors(client.credentials.uid)) {
      // Received without room for them, they are never descriptors of ours. Read, so that the refusal can be.
      char byte;
      recv(client.fd.get(), &byte, sizeof(byte), MSG_DONTWAIT);
      return {.error = EMFILE};
    }
    TakenPacket taken = TakePacket(client.fd.get(), wire::kMaxMessageSize, options_.descriptor_wait);
    if (taken.child.valid()) WatchTaker(client.credentials.uid, std::move(taken.child));
    return taken;
  }
  Packet packet;
  TakenPacket plain;
  plain.error = ReceivePacket(client.fd.get(), wire::kMaxMessageSize, &packet);
  plain.bytes = std::move(packet.bytes);
  return plain;
}

bool ClientServer::ReadOne(ClientId id) {
  TakenPacket packet = Receive(clients_.at(id));
  const int error = packet.error;
  if (error == EAGAIN) return false;
  if (error == EMFILE) {
    Reject(id, EMFILE, "descriptors that this user sent before are not closed yet: close(2) waits for their owner");
    return false;
  }
  if (error == EMSGSIZE) {
    Reject(id, EPROTO, absl::StrCat("a packet of more than ", wire::kMaxMessageSize, " bytes"));
    return false;
  }
  if (error != 0 || packet.bytes.empty()) {
    Drop(id);
    return false;
  }
  if (clients_.at(id).asking) {
    Reject(id, EPROTO, "a message while a question waits for its answer");
    return false;
  }
  if (packet.descriptors > 1) {
    Reject(id, EPROTO, "more than one descriptor in a packet");
    return false;
  }
  auto message = wire::Decode(packet.bytes);
  if (!message.ok()) {
    Reject(id, EPROTO, std::string(message.status().message()));
    return false;
  }
  Handle(id, *std::move(message), std::move(packet));
  return clients_.contains(id);
}

void ClientServer::Handle(ClientId id, wire::Message message, TakenPacket packet) {
  const bool takes_fd = std::holds_alternative<wire::Listener>(message) ||
                        std::holds_alternative<wire::Enclose>(message) ||
                        std::holds_alternative<wire::Successor>(message);
  if (takes_fd != (packet.descriptors == 1)) {
    return Reject(
        id, EPROTO,
        takes_fd ? "a Listener, an Enclose or a Successor without a descriptor" : "a descriptor where none belongs");
  }
  const bool needs_hello =
      takes_fd || std::holds_alternative<wire::Claim>(message) || std::holds_alternative<wire::Opened>(message) ||
      std::holds_alternative<wire::LetIn>(message) || std::holds_alternative<wire::Counters>(message);
  if (needs_hello && !clients_.at(id).session.has_value()) return Reject(id, EPROTO, "no Hello before it");
  std::visit(Overloaded{
                 [&](const wire::Hello& hello) { HandleHello(id, hello); },
                 [&](const wire::Claim& claim) { Reply(id, registry_.Claim(*clients_.at(id).session, claim)); },
                 [&](const wire::Listener& listener) { HandleListener(id, listener, std::move(packet)); },
                 [&](const wire::Enclose& enclose) { HandleEnclose(id, enclose, std::move(packet)); },
                 [&](const wire::Successor& successor) { HandleSuccessor(id, successor, packet); },
                 [&](const wire::Opened& opened) { HandleOpened(id, opened); },
                 [&](const wire::Counters& counters) { registry_.Count(*clients_.at(id).session, counters); },
                 [&](const wire::StatusRequest& request) { Ask(id, request); },
                 [&](const wire::ExplainRequest& request) { Ask(id, request); },
                 [&](const wire::AuditRequest& request) { Ask(id, request); },
                 [&](const wire::LetIn& let_in) { registry_.AddLetIn(*clients_.at(id).session, let_in); },
                 [&](const wire::Welcome&) { Reject(id, EPROTO, "Welcome is the supervisor's to say"); },
                 [&](const wire::Succeeded&) { Reject(id, EPROTO, "Succeeded is the supervisor's to say"); },
                 [&](const wire::Result&) { Reject(id, EPROTO, "Result is the supervisor's to say"); },
                 [&](const wire::Document&) { Reject(id, EPROTO, "Document is the supervisor's to say"); },
             },
             message);
}

void ClientServer::HandleHello(ClientId id, const wire::Hello& hello) {
  Client& client = clients_.at(id);
  if (client.session.has_value()) return Reject(id, EPROTO, "a second Hello");
  Registry::Admission admission =
      registry_.Admit(PeerOf(client.credentials), IdentifyProcess(client.credentials.pid), hello);
  DropSessions(admission.ended);
  wall_.admitted();
  if (admission.refusal.error != 0) return Reply(id, admission.refusal);
  client.session = admission.session;
  Send(id, admission.welcome);
}

void ClientServer::DropSessions(const std::vector<Registry::SessionId>& sessions) {
  std::vector<ClientId> dropped;
  for (const auto& [id, client] : clients_) {
    if (client.session.has_value() && absl::c_linear_search(sessions, *client.session)) dropped.push_back(id);
  }
  for (ClientId id : dropped) {
    log_(absl::StrCat("root takes a name over from user ", clients_.at(id).credentials.uid, " (process ",
                      clients_.at(id).credentials.pid, ")"));
    Drop(id);
  }
}

void ClientServer::HandleListener(ClientId id, const wire::Listener& listener, TakenPacket packet) {
  const Refusal refusal = registry_.AddListener(*clients_.at(id).session, listener, packet.report, packet.socket.get());
  // Before the answer: the service must not find a second owner of its socket.
  packet.socket.reset();
  Reply(id, refusal);
}

void ClientServer::HandleEnclose(ClientId id, const wire::Enclose& enclose, TakenPacket packet) {
  const Client& client = clients_.at(id);
  if (!packet.pidfd.valid()) return Reject(id, EPROTO, "an Enclose with a descriptor that is not a pidfd");
  Reply(id, wall_.enclose(*client.session, client.credentials, enclose.rules, packet.pidfd.get()));
}

// One that cannot be seen from here, or is not the user's in every respect, has the connection all the same: it is what
// the session hangs on. A supervisor after this one will not know it for the companion.
void ClientServer::HandleSuccessor(ClientId id, const wire::Successor& successor, const TakenPacket& packet) {
  const Client& client = clients_.at(id);
  if (!packet.pidfd.valid()) return Reject(id, EPROTO, "a Successor with a descriptor that is not a pidfd");
  const auto process = ProcessOfUser(packet.pidfd.get(), client.credentials.uid);
  if (process) registry_.Succeed(*client.session, *process);
  Send(id, wire::Succeeded{.number = successor.number});
}

// A refusal concerns nobody but who is refused, and may be had as often as one likes: it is counted, not logged.
void ClientServer::HandleOpened(ClientId id, const wire::Opened& opened) {
  for (const wire::OpenedSocket& socket : opened.sockets) {
    if (registry_.AddOpened(*clients_.at(id).session, socket).error != 0) ++refused_;
  }
}

void ClientServer::Ask(ClientId id, const Question& request) {
  Client& client = clients_.at(id);
  if (!client.queue.empty() || HasUnreadPackets(client.fd.get())) {
    return Reject(id, EPROTO, "a question before the last answer was read");
  }
  client.asking = true;
  questions_.Add(client.credentials.uid, {.client = id, .request = request});
  eventfd_write(has_questions_.get(), 1);
}

void ClientServer::AnswerNext() {
  if (!questions_.empty()) {
    const QuestionQueue::Question question = questions_.Take();
    clients_.at(question.client).asking = false;
    SendDocument(question.client,
                 std::visit(Overloaded{
                                [&](const wire::StatusRequest&) { return documents_.status(); },
                                [&](const wire::ExplainRequest& request) { return documents_.explain(request); },
                                [&](const wire::AuditRequest&) { return documents_.audit(); },
                            },
                            question.request));
  }
  eventfd_t count;
  if (questions_.empty()) eventfd_read(has_questions_.get(), &count);
}

void ClientServer::SendDocument(ClientId id, const std::string& text) {
  auto memfd = SealedMemfd("forcebind-document", text);
  if (!memfd.ok()) return Reply(id, {ENOMEM, std::string(memfd.status().message())});
  Send(id, wire::Document{}, *std::move(memfd));
}

void ClientServer::Reply(ClientId id, const Refusal& refusal) {
  Send(id, wire::Result{.error = refusal.error, .text = refusal.text});
}

void ClientServer::Reject(ClientId id, int error, const std::string& text) {
  ++refused_;
  Send(id, wire::Result{.error = error, .text = text});
  Drop(id);
}

void ClientServer::Send(ClientId id, const wire::Message& message, UniqueFd fd) {
  auto found = clients_.find(id);
  if (found == clients_.end()) return;
  if (found->second.queue.size() >= kMaxQueuedPackets) {
    ++refused_;
    log_(absl::StrCat("a client (process ", found->second.credentials.pid, ") does not read its answers: dropped"));
    return Drop(id);
  }
  found->second.queue.push_back({wire::Encode(message), std::move(fd)});
  Flush(id);
}

bool ClientServer::Flush(ClientId id) {
  auto found = clients_.find(id);
  if (found == clients_.end()) return false;
  Client& client = found->second;
  const bool had_waiting = !client.queue.empty();
  while (!client.queue.empty()) {
    const Outgoing& next = client.queue.front();
    const int error = SendPacket(client.fd.get(), next.bytes, next.fd.get());
    if (error == EAGAIN) return loop_.Change(client.fd.get(), EPOLLIN | EPOLLOUT).ok();
    // The peer is gone; what it has sent before is still read, and its end noticed there.
    if (error != 0) client.queue.clear();
    if (error == 0) client.queue.pop_front();
  }
  return !had_waiting || loop_.Change(client.fd.get(), EPOLLIN).ok();
}

void ClientServer::Drop(ClientId id) {
  auto found = clients_.find(id);
  if (found == clients_.end()) return;
  loop_.Remove(found->second.fd.get());
  auto user = per_user_.find(found->second.credentials.uid);
  if (--user->second == 0) per_user_.erase(user);
  if (found->second.asking) questions_.Remove(found->second.credentials.uid, id);
  const auto session = found->second.session;
  clients_.erase(found);
  if (session.has_value()) registry_.End(*session);
  if (session.has_value()) wall_.end(*session);
  Resume();
}

}  // namespace forcebind
