// SPDX-License-Identifier: Apache-2.0
#include "sys/unix_channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include "absl/strings/str_cat.h"
#include "sys/errno_status.h"

namespace forcebind {
namespace {

// How many descriptors a hostile peer may make the kernel hand over at once before they are closed.
constexpr int kMaxReceivedFds = 16;

absl::StatusOr<sockaddr_un> UnixAddress(const std::string& path) {
  sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat("socket path \"", path, "\" must have 1 to ",
                                                   sizeof(address.sun_path) - 1, " characters (unix(7))"));
  }
  memcpy(address.sun_path, path.data(), path.size());
  return address;
}

bool IsLive(const sockaddr_un& address, int type) {
  UniqueFd probe(socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe.valid()) return true;
  return connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ||
         errno != ECONNREFUSED;
}

absl::Status RemoveStaleSocket(const std::string& path, const sockaddr_un& address, int type) {
  struct stat info;
  if (lstat(path.c_str(), &info) != 0) {
    return errno == ENOENT ? absl::OkStatus() : ErrnoStatus(errno, absl::StrCat("look at ", path));
  }
  if (!S_ISSOCK(info.st_mode)) {
    return absl::AlreadyExistsError(absl::StrCat(path, " is there and not a socket: remove it, or name another path"));
  }
  if (IsLive(address, type)) return absl::AlreadyExistsError(absl::StrCat("somebody listens on ", path, " already"));
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return ErrnoStatus(errno, absl::StrCat("remove stale ", path));
  return absl::OkStatus();
}

// Takes the descriptors out of one control message: the first one is kept, the others are closed.
void TakeFds(cmsghdr* header, Packet* packet) {
  const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  for (size_t i = 0; i < count; ++i) {
    int fd;
    memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
    if (packet->fd.valid()) {
      close(fd);
      ++packet->extra_fds;
    } else {
      packet->fd.reset(fd);
    }
  }
}

}  // namespace

absl::StatusOr<UniqueFd> ConnectSeqpacket(const std::string& path, int timeout_ms) {
  auto address = UnixAddress(path);
  if (!address.ok()) return address.status();
  UniqueFd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return ErrnoStatus(errno, "open a unix socket");
  if (timeout_ms >= 0) {
    timeval limit = {.tv_sec = timeout_ms / 1000, .tv_usec = (timeout_ms % 1000) * 1000};
    for (int option : {SO_RCVTIMEO, SO_SNDTIMEO}) setsockopt(fd.get(), SOL_SOCKET, option, &limit, sizeof(limit));
  }
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&*address), sizeof(*address)) == 0) return fd;
  const int error = errno;
  absl::Status status = ErrnoStatus(error, absl::StrCat("connect to ", path));
  if (error == ECONNREFUSED || error == EAGAIN) return absl::UnavailableError(status.message());
  return status;
}

absl::StatusOr<UniqueFd> ListenUnix(const std::string& path, int type, mode_t mode, int backlog) {
  auto address = UnixAddress(path);
  if (!address.ok()) return address.status();
  absl::Status free = RemoveStaleSocket(path, *address, type);
  if (!free.ok()) return free;
  UniqueFd fd(socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return ErrnoStatus(errno, "open a unix socket");
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&*address), sizeof(*address)) != 0) {
    return ErrnoStatus(errno, absl::StrCat("bind ", path));
  }
  if (chmod(path.c_str(), mode) != 0) return ErrnoStatus(errno, absl::StrCat("chmod ", path));
  if (listen(fd.get(), backlog) != 0) return ErrnoStatus(errno, absl::StrCat("listen on ", path));
  return fd;
}

int SendPacket(int socket, absl::Span<const uint8_t> bytes, int fd, int flags) {
  iovec data = {.iov_base = const_cast<uint8_t*>(bytes.data()), .iov_len = bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  if (fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &fd, sizeof(int));
  }
  while (sendmsg(socket, &message, MSG_NOSIGNAL | flags) < 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

int ReceivePacket(int socket, size_t max_size, Packet* packet) {
  packet->bytes.resize(max_size);
  packet->fd.reset();
  packet->extra_fds = 0;
  iovec data = {.iov_base = packet->bytes.data(), .iov_len = max_size};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxReceivedFds)];
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  ssize_t size;
  while ((size = recvmsg(socket, &message, MSG_CMSG_CLOEXEC)) < 0) {
    if (errno != EINTR) return errno;
  }
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) TakeFds(header, packet);
  }
  packet->bytes.resize(static_cast<size_t>(size));
  return (message.msg_flags & MSG_TRUNC) != 0 ? EMSGSIZE : 0;
}

absl::StatusOr<PeerCredentials> GetPeerCredentials(int socket) {
  ucred credentials;
  socklen_t size = sizeof(credentials);
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return ErrnoStatus(errno, "read the peer's credentials");
  }
  PeerCredentials peer{.pid = credentials.pid, .uid = credentials.uid, .gid = credentials.gid, .groups = {}};
  peer.groups.resize(64);
  size = static_cast<socklen_t>(peer.groups.size() * sizeof(gid_t));
  while (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, peer.groups.data(), &size) != 0) {
    if (errno != ERANGE) return ErrnoStatus(errno, "read the peer's groups");
    peer.groups.resize(size / sizeof(gid_t));
  }
  peer.groups.resize(size / sizeof(gid_t));
  return peer;
}

}  // namespace forcebind
