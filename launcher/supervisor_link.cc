// SPDX-License-Identifier: Apache-2.0
#include "launcher/supervisor_link.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <set>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "sys/errno_status.h"
#include "sys/monotonic_clock.h"
#include "sys/proc_sockets.h"
#include "sys/sealed_memfd.h"
#include "sys/socket_info.h"
#include "sys/target.h"
#include "sys/unix_channel.h"

namespace forcebind {
namespace {

constexpr size_t kMaxDocumentSize = 64 << 20;
constexpr int kFirstRetryMs = 200;
constexpr int kLastRetryMs = 10000;
constexpr int kCountersEveryMs = 1000;
constexpr size_t kMaxRemembered = 1024;  // listeners-per-service, config/supervisor_config.h

absl::StatusOr<Packet> Exchange(int socket, const wire::Message& question, int fd) {
  if (const int error = SendPacket(socket, wire::Encode(question), fd)) return ErrnoStatus(error, "ask the supervisor");
  Packet packet;
  if (const int error = ReceivePacket(socket, wire::kMaxMessageSize, &packet)) {
    if (error == EAGAIN) return absl::DeadlineExceededError("the supervisor does not answer");
    return ErrnoStatus(error, "hear from the supervisor");
  }
  if (packet.bytes.empty()) return absl::UnavailableError("the supervisor has closed the connection");
  return packet;
}

uint32_t InodeOf(int fd) {
  struct stat status = {};
  return fstat(fd, &status) == 0 ? static_cast<uint32_t>(status.st_ino) : 0;
}

bool Same(const CallCounters& a, const CallCounters& b) { return a.verdicts == b.verdicts; }

template <size_t kSize>
std::vector<uint64_t> Since(const std::array<uint64_t, kSize>& now, const std::array<uint64_t, kSize>& before) {
  std::vector<uint64_t> difference(kSize);
  std::transform(now.begin(), now.end(), before.begin(), difference.begin(), std::minus<>());
  return difference;
}

wire::Listener ListenerOf(const Announcement& announcement) {
  return {.protocol = announcement.protocol,
          .requested = announcement.requested,
          .published = announcement.published,
          .dual_stack = announcement.dual_stack};
}

}  // namespace

absl::StatusOr<wire::Message> AskSupervisor(const std::string& path, const wire::Message& question,
                                            std::string* document) {
  absl::StatusOr<UniqueFd> socket = ConnectSeqpacket(path, kAnswerTimeoutMs);
  if (!socket.ok()) return socket.status();
  absl::StatusOr<Packet> packet = Exchange(socket->get(), question, -1);
  if (!packet.ok()) return packet.status();
  absl::StatusOr<wire::Message> answer = wire::Decode(packet->bytes);
  if (!answer.ok()) return answer.status();
  if (std::holds_alternative<wire::Document>(*answer)) {
    absl::StatusOr<std::string> text = ReadSealedMemfd(packet->fd.get(), kMaxDocumentSize);
    if (!text.ok()) return text.status();
    *document = *std::move(text);
  }
  return answer;
}

absl::StatusOr<wire::Welcome> SupervisorLink::Connect() {
  absl::StatusOr<UniqueFd> socket = ConnectSeqpacket(path_, kAnswerTimeoutMs);
  if (!socket.ok()) return socket.status();
  absl::StatusOr<Packet> packet = Exchange(socket->get(), hello_, -1);
  if (!packet.ok()) return packet.status();
  absl::StatusOr<wire::Message> answer = wire::Decode(packet->bytes);
  if (!answer.ok()) return answer.status();
  if (const auto* refusal = std::get_if<wire::Result>(&*answer)) {
    return absl::PermissionDeniedError(
        absl::StrCat("the supervisor refuses: ", refusal->text, " (", ErrnoName(refusal->error), ")"));
  }
  const auto* welcome = std::get_if<wire::Welcome>(&*answer);
  if (welcome == nullptr) return absl::InternalError("the supervisor answers out of turn");
  fd_ = *std::move(socket);
  ++connections_;
  retry_ms_ = 0;
  due_ms_ = 0;
  if (!let_in_.cookies.empty()) Send(let_in_);
  return *welcome;
}

void SupervisorLink::LetIn(std::vector<uint64_t> cookies) {
  if (cookies.empty()) return;
  cookies.resize(std::min(cookies.size(), wire::kMaxOpened));
  let_in_.cookies = std::move(cookies);
  Send(let_in_);
}

void SupervisorLink::TakeOver() {
  (void)fd_.release();
  if (!Connect().ok()) HangUp();
}

// What was asked before may still be answered; that is dropped.
void SupervisorLink::Succeed(const CallCounters& counters) {
  sent_ = counters;
  if (!fd_.valid()) return;
  const int32_t number = getpid();
  const UniqueFd self(static_cast<int>(syscall(SYS_pidfd_open, number, 0)));
  if (!self.valid()) return HangUp();
  if (SendPacket(fd_.get(), wire::Encode(wire::Successor{number}), self.get()) != 0) return HangUp();
  for (;;) {
    Packet packet;
    if (ReceivePacket(fd_.get(), wire::kMaxMessageSize, &packet) != 0) return HangUp();
    const absl::StatusOr<wire::Message> answer = wire::Decode(packet.bytes);
    if (!answer.ok()) return HangUp();
    const auto* succeeded = std::get_if<wire::Succeeded>(&*answer);
    if (succeeded != nullptr && succeeded->number == number) return;
  }
}

// Another process may have the connection as well (launcher/reserve.h).
void SupervisorLink::HangUp() {
  if (fd_.valid()) shutdown(fd_.get(), SHUT_RDWR);
  fd_.reset();
  hello_.resumed = true;
  untold_ = !opened_.empty();
  retry_ms_ = std::clamp(retry_ms_ * 2, kFirstRetryMs, kLastRetryMs);
  due_ms_ = NowMs() + retry_ms_;
}

int SupervisorLink::Ask(const wire::Message& question, int fd, std::string* why, const char* what) {
  absl::Status trouble;
  if (!fd_.valid()) trouble = Connect().status();
  if (trouble.ok()) {
    absl::StatusOr<Packet> packet = Exchange(fd_.get(), question, fd);
    absl::StatusOr<wire::Message> answer = packet.ok() ? wire::Decode(packet->bytes) : packet.status();
    if (answer.ok() && std::holds_alternative<wire::Result>(*answer)) {
      *why = std::get<wire::Result>(*answer).text;
      return std::get<wire::Result>(*answer).error;
    }
    trouble = answer.ok() ? absl::InternalError("it answers out of turn") : answer.status();
    HangUp();
  }
  *why = absl::StrCat(what, " needs the supervisor: ", std::string(trouble.message()));
  return EACCES;
}

int SupervisorLink::Enclose(const WallRules& rules, int pidfd, std::string* why) {
  const int error = Ask(wire::Enclose{.rules = rules}, pidfd, why, "the wall");
  if (error == 0) hello_.walls.push_back("cgroup");
  return error;
}

int SupervisorLink::Claim(const Announcement& announcement, std::string* why) {
  return Ask(
      wire::Claim{
          .protocol = announcement.protocol, .target = announcement.actual, .dual_stack = announcement.dual_stack},
      -1, why);
}

int SupervisorLink::Announce(const Announcement& announcement, int fd, std::string* why) {
  if (announcement.published) return Ask(ListenerOf(announcement), fd, why);
  if (announcement.dual_stack) {
    if (fd_.valid()) Ask(ListenerOf(announcement), fd, why);
    if (!fd_.valid() && unrouted_.size() < kMaxRemembered) unrouted_[InodeOf(fd)] = announcement;
    return 0;
  }
  const wire::OpenedSocket socket{.protocol = announcement.protocol,
                                  .requested = announcement.requested,
                                  .bound = announcement.actual,
                                  .egress = announcement.egress,
                                  .cookie = SocketCookie(fd)};
  Remember(socket);
  if (fd_.valid()) Send(wire::Opened{{socket}});
  if (!fd_.valid()) untold_ = true;
  return 0;
}

void SupervisorLink::Remember(const wire::OpenedSocket& socket) {
  if (opened_.size() >= kMaxRemembered) opened_.erase(opened_.begin());
  opened_[socket.cookie] = socket;
}

void SupervisorLink::Send(const wire::Message& message) {
  if (SendPacket(fd_.get(), wire::Encode(message), -1, MSG_DONTWAIT) != 0) HangUp();
}

void SupervisorLink::TellOpened() {
  untold_ = false;
  wire::Opened message;
  for (const auto& [cookie, socket] : opened_) {
    message.sockets.push_back(socket);
    if (message.sockets.size() < wire::kMaxOpened) continue;
    Send(message);
    if (!fd_.valid()) return;
    message.sockets.clear();
  }
  if (!message.sockets.empty()) Send(message);
}

void SupervisorLink::TellUnrouted() {
  std::set<uint32_t> inodes;
  for (const auto& [inode, announcement] : unrouted_) inodes.insert(inode);
  DescriptorSource descriptors;
  for (const auto& [inode, holder] : FindSocketHolders(inodes)) {
    UniqueFd socket;
    std::string why;
    if (descriptors.Fetch(holder.pid, holder.fd, &socket) != 0 || InodeOf(socket.get()) != inode) continue;
    Ask(ListenerOf(unrouted_[inode]), socket.get(), &why);
    if (!fd_.valid()) return;
    unrouted_.erase(inode);
  }
  unrouted_.clear();  // the rest is closed
}

int SupervisorLink::PollTimeoutMs(const CallCounters& counters) const {
  if (fd_.valid() && (untold_ || !unrouted_.empty())) return 0;
  if (fd_.valid() && Same(counters, sent_)) return -1;
  return static_cast<int>(std::clamp<int64_t>(due_ms_ - NowMs(), 0, kLastRetryMs));
}

// Nothing is ever said unasked, so input on an open link is its end.
void SupervisorLink::OnPoll(const CallCounters& counters) {
  if (!fd_.valid()) {
    if (!Connect().ok()) HangUp();
    return;
  }
  if (untold_) TellOpened();
  if (fd_.valid() && !unrouted_.empty()) TellUnrouted();
  if (!fd_.valid()) return;
  uint8_t byte;
  if (recv(fd_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN) {
    HangUp();
  } else if (!Same(counters, sent_)) {
    SendCounters(counters);
  }
}

void SupervisorLink::SendCounters(const CallCounters& counters) {
  Send(wire::Counters{.verdicts = Since(counters.verdicts, sent_.verdicts),
                      .latency_us_log2 = Since(counters.latency_us_log2, sent_.latency_us_log2)});
  if (!fd_.valid()) return;
  sent_ = counters;
  due_ms_ = NowMs() + kCountersEveryMs;
}

int NoSupervisor::Claim(const Announcement&, std::string* why) {
  *why = "a published port needs forcebind-supervisor";
  return EACCES;
}

}  // namespace forcebind
