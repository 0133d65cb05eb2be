// SPDX-License-Identifier: Apache-2.0
// supervisor_link: a service's one connection to the supervisor, from its start to its end.
//
// THEORY OF OPERATION
//   The launcher connects first, to be admitted and to learn its addresses; the companion connects again, and stays.
//   Strictly question and answer: whoever asks waits for the Result, kAnswerTimeoutMs at most; an answer that does not
//   come closes the connection, so that a late one is never taken for the next question's. When the supervisor goes
//   away the service goes on: private binds do not need it, and what is published stays so. The link is then *down*,
//   and tries again with growing pauses, and once more when a published port is asked for. What the service has opened
//   is told again then. The companion in reserve has the same connection, and says Successor when it has become the
//   companion. A dual-stack socket that was opened meanwhile needs routes, and so is sent itself; no copy is
//   kept for that, it is looked for among the processes by its inode.
//
// THREADS  Thread-compatible.
#ifndef FORCEBIND_LAUNCHER_SUPERVISOR_LINK_H_
#define FORCEBIND_LAUNCHER_SUPERVISOR_LINK_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "notify/notify_loop.h"
#include "notify/publisher.h"
#include "sys/unique_fd.h"
#include "wire/messages.h"

namespace forcebind {

inline constexpr int kAnswerTimeoutMs = 5000;

// One question to the supervisor at `path`, over a connection of its own.
absl::StatusOr<wire::Message> AskSupervisor(const std::string& path, const wire::Message& question,
                                            std::string* document);

class SupervisorLink : public Publisher, public LoopSource {
 public:
  // `hello`: with the addresses that the profile names, if any.
  SupervisorLink(std::string path, wire::Hello hello) : path_(std::move(path)), hello_(std::move(hello)) {}

  // Connects and says Hello. The supervisor's refusal is PERMISSION_DENIED, with its reason.
  absl::StatusOr<wire::Welcome> Connect();
  // From here on Hello is said with these addresses.
  void Settle(const PrivateAddresses& addresses) { hello_.addresses = addresses; }
  // The supervisor is told of these whenever it is connected to. REQUIRES: a connection.
  void LetIn(std::vector<uint64_t> cookies);
  // In the companion: a connection of its own, since the supervisor knows a client by who connected. The launcher's,
  // which is closed in this process already, ends when the service is executed. A failure leaves the link down.
  void TakeOver();
  // In the companion that was in reserve: the connection is its own from here on. `counters`: what had been counted
  // when it was forked, which the other one has sent, or has lost.
  void Succeed(const CallCounters& counters);
  // How many connections there have been.
  uint64_t connections() const { return connections_; }
  // In the companion: puts the process behind `pidfd` behind the `cgroup` wall. An errno, with the reason in *why.
  int Enclose(const WallRules& rules, int pidfd, std::string* why);

  int Claim(const Announcement& announcement, std::string* why) override;
  int Announce(const Announcement& announcement, int fd, std::string* why) override;

  int PollFd() const override { return fd_.get(); }
  int PollTimeoutMs(const CallCounters& counters) const override;
  void OnPoll(const CallCounters& counters) override;

 private:
  // Sends, and waits for a Result. EACCES: none came to what is asked for.
  int Ask(const wire::Message& question, int fd, std::string* why, const char* what = "a published port");
  // Without an answer; hangs up where it would have to wait.
  void Send(const wire::Message& message);
  void Remember(const wire::OpenedSocket& socket);
  void TellOpened();
  void TellUnrouted();
  void HangUp();
  void SendCounters(const CallCounters& counters);

  std::string path_;
  wire::Hello hello_;
  UniqueFd fd_;
  uint64_t connections_ = 0;
  int retry_ms_ = 0;
  int64_t due_ms_ = 0;  // of NowMs(): when to connect again, or to send counters
  CallCounters sent_;
  wire::LetIn let_in_;
  // Unpublished sockets, by their cookies: the newest ones, since nobody says when one is closed. `untold_`: the
  // supervisor has not heard of some of them.
  std::map<uint64_t, wire::OpenedSocket> opened_;
  bool untold_ = false;
  // Dual-stack sockets to which nobody has led the ULA yet, by their inodes.
  std::map<uint32_t, Announcement> unrouted_;
};

// For a service without a supervisor: everything private, nothing public.
class NoSupervisor : public Publisher, public LoopSource {
 public:
  int Claim(const Announcement& announcement, std::string* why) override;
  int Announce(const Announcement&, int, std::string*) override { return 0; }
  int PollFd() const override { return -1; }
  int PollTimeoutMs(const CallCounters&) const override { return -1; }
  void OnPoll(const CallCounters&) override {}
};

}  // namespace forcebind

#endif  // FORCEBIND_LAUNCHER_SUPERVISOR_LINK_H_
