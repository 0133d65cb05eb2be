// SPDX-License-Identifier: Apache-2.0
// descriptor_taker: receives a packet with descriptors from a client that may be hostile, without ever holding one that
// can block whoever closes it.
//
// THEORY OF OPERATION
//   close(2) calls a file's flush, also where it is not the last one that has the file: on a FUSE file that asks a
//   program of the client's user, which may never answer, and then not even SIGKILL helps. Whether a packet has
//   descriptors can be seen without receiving them (MSG_PEEK without room for them, MSG_CTRUNC in unix(7)), what they
//   are cannot. So a child receives the packet, keeps none of our descriptors, hands back the bytes and, if it is one
//   IPv4 or IPv6 socket, or one pidfd, that one, whose close asks nobody, and closes the rest. A child that does not
//   come back from that stays behind alone.
// TRUST    The client is hostile. The child is what may come to harm.
// LIMITS   A child that does not answer in time is left alone, and its packet is lost.
// THREADS  Thread-compatible. REQUIRES: this process has one thread, and SIGCHLD is ignored.
// Tested by tests/netns/hostile_descriptor_test.cc and tests/netns/supervisor_test.cc.
#ifndef FORCEBIND_SUPERVISOR_DESCRIPTOR_TAKER_H_
#define FORCEBIND_SUPERVISOR_DESCRIPTOR_TAKER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "supervisor/listener_check.h"
#include "sys/unique_fd.h"

namespace forcebind {

// 0, or EAGAIN where no packet waits (what comes later must be asked about anew), or another errno.
int PeekForDescriptors(int socket, bool* has_descriptors);

struct TakenPacket {
  int error = 0;  // as ReceivePacket(); ETIMEDOUT: the child does not answer
  std::vector<uint8_t> bytes;
  int descriptors = 0;
  SocketReport report;  // of the one descriptor
  UniqueFd socket;      // the same one, if it is an IPv4 or IPv6 socket
  UniqueFd pidfd;       // the one descriptor, if it is a pidfd
  // Readable when the child has closed what was not handed over. Invalid if there is nothing to wait for.
  UniqueFd child;
};
// `socket` is non-blocking, and its next packet has descriptors. `wait`: how long, at most.
TakenPacket TakePacket(int socket, size_t max_size, std::chrono::seconds wait);

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_DESCRIPTOR_TAKER_H_
