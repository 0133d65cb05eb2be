// SPDX-License-Identifier: Apache-2.0
#include "sys/unix_channel.h"

#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

namespace forcebind {
namespace {

struct Pair {
  UniqueFd left, right;
  Pair() {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) abort();
    left.reset(ends[0]);
    right.reset(ends[1]);
  }
};

const std::vector<uint8_t> kBytes = {1, 2, 3};

TEST(UnixChannel, PacketsKeepTheirBoundsAndDescriptorsCloseOnExec) {
  Pair pair;
  ASSERT_EQ(SendPacket(pair.left.get(), kBytes, pair.left.get()), 0);
  ASSERT_EQ(SendPacket(pair.left.get(), kBytes), 0);
  Packet first, second;
  ASSERT_EQ(ReceivePacket(pair.right.get(), 10, &first), 0);
  ASSERT_EQ(ReceivePacket(pair.right.get(), 10, &second), 0);
  EXPECT_EQ(first.bytes, kBytes);
  EXPECT_EQ(second.bytes, kBytes);
  ASSERT_TRUE(first.fd.valid());
  EXPECT_EQ(fcntl(first.fd.get(), F_GETFD), FD_CLOEXEC);
  EXPECT_FALSE(second.fd.valid());
}

TEST(UnixChannel, SizeLimitIsExact) {
  Pair pair;
  Packet packet;
  SendPacket(pair.left.get(), kBytes);
  EXPECT_EQ(ReceivePacket(pair.right.get(), 3, &packet), 0);
  SendPacket(pair.left.get(), kBytes);
  EXPECT_EQ(ReceivePacket(pair.right.get(), 2, &packet), EMSGSIZE);
}

TEST(UnixChannel, NothingThereAndNobodyThereAreToldApart) {
  Pair pair;
  Packet packet;
  EXPECT_EQ(ReceivePacket(pair.right.get(), 3, &packet), EAGAIN);
  pair.left.reset();
  EXPECT_EQ(ReceivePacket(pair.right.get(), 3, &packet), 0);
  EXPECT_TRUE(packet.bytes.empty());
  EXPECT_EQ(SendPacket(pair.right.get(), kBytes), EPIPE);  // and no SIGPIPE
}

TEST(UnixChannel, ConnectingTellsWhatIsMissing) {
  char directory[] = "/tmp/forcebind-test-XXXXXX";
  ASSERT_NE(mkdtemp(directory), nullptr);
  const std::string path = std::string(directory) + "/socket";
  EXPECT_TRUE(absl::IsNotFound(ConnectSeqpacket(path).status()));
  {
    auto listener = ListenUnix(path, SOCK_SEQPACKET, 0600, 1);
    ASSERT_TRUE(listener.ok());
    EXPECT_TRUE(ConnectSeqpacket(path).ok());
    EXPECT_TRUE(absl::IsAlreadyExists(ListenUnix(path, SOCK_SEQPACKET, 0600, 1).status()));
  }
  EXPECT_TRUE(absl::IsUnavailable(ConnectSeqpacket(path).status()));
  EXPECT_TRUE(ListenUnix(path, SOCK_SEQPACKET, 0600, 1).ok());  // a stale one is replaced
  unlink(path.c_str());
  rmdir(directory);
}

TEST(UnixChannel, PeerIsThisProcess) {
  Pair pair;
  auto peer = GetPeerCredentials(pair.left.get());
  ASSERT_TRUE(peer.ok());
  EXPECT_EQ(peer->pid, getpid());
  EXPECT_EQ(peer->uid, geteuid());
}

}  // namespace
}  // namespace forcebind
