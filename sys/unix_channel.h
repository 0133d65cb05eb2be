// SPDX-License-Identifier: Apache-2.0
// unix_channel: SOCK_SEQPACKET sockets in AF_UNIX: one packet, at most one file descriptor with it, and who the peer
// is.
//
// Errors are errno values (0 = success), since callers act on them: EAGAIN (non-blocking, or the timeout passed), EPIPE
// and ECONNRESET (peer gone), EMSGSIZE (packet over the buffer). See unix(7), socket(7).
#ifndef FORCEBIND_SYS_UNIX_CHANNEL_H_
#define FORCEBIND_SYS_UNIX_CHANNEL_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "sys/unique_fd.h"

namespace forcebind {

// Connected to the socket at `path`. Blocking unless `timeout_ms` >= 0: then sends and receives give up after that
// time. NOT_FOUND: no such path. UNAVAILABLE: the path is there, nobody listens. PERMISSION_DENIED: may not.
absl::StatusOr<UniqueFd> ConnectSeqpacket(const std::string& path, int timeout_ms = -1);

// Listening, non-blocking, at `path` (replaced if it is a socket that nobody listens on), mode `mode`.
// ALREADY_EXISTS: somebody listens there, or the path is something else than a socket.
absl::StatusOr<UniqueFd> ListenUnix(const std::string& path, int type, mode_t mode, int backlog);

// One packet. `fd` (-1 = none) is borrowed. `flags` as for sendmsg(2). Never raises SIGPIPE.
int SendPacket(int socket, absl::Span<const uint8_t> bytes, int fd = -1, int flags = 0);

struct Packet {
  std::vector<uint8_t> bytes;  // empty: the peer has closed
  UniqueFd fd;
  int extra_fds = 0;  // descriptors beyond the first, closed already: a protocol error
};
int ReceivePacket(int socket, size_t max_size, Packet* packet);

// SO_PEERCRED and SO_PEERGROUPS.
struct PeerCredentials {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
};
absl::StatusOr<PeerCredentials> GetPeerCredentials(int socket);

}  // namespace forcebind

#endif  // FORCEBIND_SYS_UNIX_CHANNEL_H_
