// SPDX-License-Identifier: Apache-2.0
// The network that the other tests rely on: the client reaches the host at every public address.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "sys/netns.h"
#include "tests/support/netns.h"

namespace forcebind {
namespace {

class PublicAddress : public testing::TestWithParam<const char*> {};

TEST_P(PublicAddress, IsReachedByTheClient) {
  auto network = TestNetwork::Create();
  ASSERT_TRUE(network.ok()) << network.status().ToString();
  addrinfo hints{}, *found = nullptr;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  ASSERT_EQ(getaddrinfo(GetParam(), "8080", &hints, &found), 0);
  UniqueFd listener(socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(bind(listener.get(), found->ai_addr, found->ai_addrlen), 0);
  ASSERT_EQ(listen(listener.get(), 1), 0);
  UniqueFd client((*network)->OnClient([&] { return socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0); }));
  EXPECT_EQ(connect(client.get(), found->ai_addr, found->ai_addrlen), 0) << strerror(errno);
  freeaddrinfo(found);
}

INSTANTIATE_TEST_SUITE_P(TestNetwork, PublicAddress,
                         testing::Values("192.0.2.7", "192.0.2.8", "198.51.100.7", "2001:db8::7", "2001:db8:1::7"));

TEST(TestNetwork, LeavesNothingBehind) {
  const auto before = OwnNetnsCookie();
  std::string bpffs;
  {
    auto network = TestNetwork::Create();
    ASSERT_TRUE(network.ok()) << network.status().ToString();
    bpffs = (*network)->bpffs();
    EXPECT_NE(*OwnNetnsCookie(), *before);
  }
  struct stat status;
  EXPECT_NE(stat(bpffs.c_str(), &status), 0);
  EXPECT_EQ(*OwnNetnsCookie(), *before);
}

}  // namespace
}  // namespace forcebind
