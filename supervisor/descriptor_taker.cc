// SPDX-License-Identifier: Apache-2.0
#include "supervisor/descriptor_taker.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <type_traits>
#include <utility>

#include "sys/pidfd.h"
#include "sys/unix_channel.h"

namespace forcebind {
namespace {

constexpr int kMaxDescriptors = 253;  // SCM_MAX_FD, unix(7)

// In the child.
constexpr int kClient = 0;
constexpr int kParent = 1;
constexpr int kFirstForeign = 2;

// What the child says first, before the packet's bytes. Parent and child are one program.
struct Answer {
  int error = 0;
  int descriptors = 0;
  SocketReport report;
  bool is_pidfd = false;
  bool is_ip() const { return report.is_socket && (report.domain == AF_INET || report.domain == AF_INET6); }
};
static_assert(std::is_trivially_copyable_v<Answer>);

// Appends the packet's bytes to `answer` behind room for an Answer.
Answer ReceiveAll(size_t max_size, std::vector<uint8_t>* answer) {
  answer->resize(sizeof(Answer) + max_size);
  iovec data = {.iov_base = answer->data() + sizeof(Answer), .iov_len = max_size};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxDescriptors)];
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  const ssize_t size = recvmsg(kClient, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  Answer received;
  if (size < 0) received.error = errno;
  if ((message.msg_flags & MSG_TRUNC) != 0) received.error = EMSGSIZE;
  answer->resize(sizeof(Answer) + static_cast<size_t>(size < 0 ? 0 : size));
  if (size < 0) return received;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    received.descriptors += static_cast<int>((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
  }
  return received;
}

// Never returns. Everything that was received has a number from kFirstForeign on.
[[noreturn]] void RunChild(int client, int parent, size_t max_size) {
  const int kept_client = dup(client), kept_parent = dup(parent);
  if (dup2(kept_client, kClient) != kClient || dup2(kept_parent, kParent) != kParent) _exit(1);
  if (syscall(SYS_close_range, kFirstForeign, ~0U, 0) != 0) _exit(1);
  std::vector<uint8_t> bytes;
  Answer answer = ReceiveAll(max_size, &bytes);
  close(kClient);
  if (answer.descriptors == 1) answer.is_pidfd = IsPidfd(kFirstForeign);
  if (answer.descriptors == 1 && !answer.is_pidfd) answer.report = ReadSocket(kFirstForeign);
  memcpy(bytes.data(), &answer, sizeof(answer));
  const bool handed_over = answer.descriptors == 1 && (answer.is_ip() || answer.is_pidfd);
  const int sent = SendPacket(kParent, bytes, handed_over ? kFirstForeign : -1);
  // On its way it is still held, so this is not the last close. The parent answers when nobody else has the socket.
  if (handed_over) close(kFirstForeign);
  if (sent == 0) SendPacket(kParent, std::vector<uint8_t>{1});
  for (int i = 0; i < answer.descriptors && !handed_over; ++i) close(kFirstForeign + i);
  _exit(0);
}

// 0 when there is something to read; signals do not lengthen the wait.
int AwaitUntil(std::chrono::steady_clock::time_point end, int fd) {
  pollfd ready = {.fd = fd, .events = POLLIN, .revents = 0};
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()).count();
    const int count = left > 0 ? poll(&ready, 1, static_cast<int>(left)) : 0;
    if (count > 0) return 0;
    if (count == 0) return ETIMEDOUT;
    if (errno != EINTR) return errno;
  }
}

void ReadAnswer(int child, size_t max_size, std::chrono::seconds wait, TakenPacket* taken) {
  const auto end = std::chrono::steady_clock::now() + wait;
  Packet packet, done;
  taken->error = AwaitUntil(end, child);
  if (taken->error == 0) taken->error = ReceivePacket(child, sizeof(Answer) + max_size, &packet);
  if (taken->error == 0) taken->error = AwaitUntil(end, child);
  if (taken->error == 0) taken->error = ReceivePacket(child, 1, &done);
  if (taken->error == 0 && (packet.bytes.size() < sizeof(Answer) || done.bytes.empty())) taken->error = EIO;
  if (taken->error != 0) return;
  Answer answer;
  memcpy(static_cast<void*>(&answer), packet.bytes.data(), sizeof(answer));
  taken->error = answer.error;
  taken->descriptors = answer.descriptors;
  taken->report = answer.report;
  taken->bytes.assign(packet.bytes.begin() + sizeof(Answer), packet.bytes.end());
  (answer.is_pidfd ? taken->pidfd : taken->socket) = std::move(packet.fd);
}

}  // namespace

int PeekForDescriptors(int socket, bool* has_descriptors) {
  msghdr message = {};
  while (recvmsg(socket, &message, MSG_PEEK | MSG_DONTWAIT) < 0) {
    if (errno != EINTR) return errno;
  }
  *has_descriptors = (message.msg_flags & MSG_CTRUNC) != 0;
  return 0;
}

TakenPacket TakePacket(int socket, size_t max_size, std::chrono::seconds wait) {
  TakenPacket taken;
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    taken.error = ENOMEM;
    return taken;
  }
  UniqueFd own(ends[0]), childs(ends[1]);
  const pid_t pid = fork();
  if (pid == 0) RunChild(socket, childs.get(), max_size);
  childs.reset();
  if (pid < 0) {
    taken.error = ENOMEM;
    return taken;
  }
  ReadAnswer(own.get(), max_size, wait, &taken);
  if (!taken.socket.valid() && !taken.pidfd.valid()) taken.child = std::move(own);
  return taken;
}

}  // namespace forcebind
