// SPDX-License-Identifier: Apache-2.0
// Descriptors that a client sends to do harm: a file whose close asks a program that does not answer, a socket that
// lingers.
#include <errno.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/fuse.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <semaphore>
#include <thread>

#include "absl/strings/str_cat.h"
#include "sys/small_file.h"
#include "sys/unix_channel.h"
#include "tests/netns/supervisor_fixture.h"

namespace forcebind {
namespace {

using ::testing::HasSubstr;

// A file system that is one file. Whoever closes the file waits for this object's end, also in an exec. See fuse(4).
class FileThatNeverCloses {
 public:
  FileThatNeverCloses() : device_(open("/dev/fuse", O_RDWR | O_CLOEXEC)), path_(directory_.path() + "/file") {
    if (!device_.valid()) {  // a bare chroot; the numbers are those of Documentation/admin-guide/devices.txt
      const std::string device = directory_.path() + "/fuse";
      if (mknod(device.c_str(), S_IFCHR | 0600, makedev(10, 229)) != 0) return;
      device_.reset(open(device.c_str(), O_RDWR | O_CLOEXEC));
    }
    const std::string options = absl::StrCat("fd=", device_.get(), ",rootmode=100644,user_id=0,group_id=0");
    if (!ReplaceFile(path_, "", 0644).ok()) return;
    if (mount("forcebind-test", path_.c_str(), "fuse", MS_NOSUID | MS_NODEV, options.c_str()) != 0) return;
    server_ = std::thread([this] { Serve(); });
    file_.reset(open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  }
  ~FileThatNeverCloses() {
    // Ends what waits, and the server.
    umount2(path_.c_str(), MNT_FORCE | MNT_DETACH);
    if (server_.joinable()) server_.join();
  }

  int fd() const { return file_.get(); }
  // Waits until somebody hangs in a close; from then on others do not.
  bool HangOne() {
    const bool hangs = hanging_.try_acquire_for(std::chrono::seconds(30));
    hang_ = false;
    return hangs;
  }

 private:
  void Serve() {
    std::vector<char> request(FUSE_MIN_READ_BUFFER * 2);
    fuse_in_header header;
    while (read(device_.get(), request.data(), request.size()) >= static_cast<ssize_t>(sizeof(header))) {
      memcpy(&header, request.data(), sizeof(header));
      if (header.opcode == FUSE_FLUSH && hang_) {
        hanging_.release();
        continue;
      }
      if (header.opcode == FUSE_INTERRUPT || header.opcode == FUSE_FORGET) continue;
      fuse_init_out init = {};
      init.major = FUSE_KERNEL_VERSION;
      init.minor = FUSE_KERNEL_MINOR_VERSION;
      init.max_write = 4096;
      const fuse_open_out opened = {};
      if (header.opcode == FUSE_INIT) {
        Answer(header.unique, 0, &init, sizeof(init));
      } else if (header.opcode == FUSE_OPEN) {
        Answer(header.unique, 0, &opened, sizeof(opened));
      } else {
        Answer(header.unique, -ENOSYS, nullptr, 0);
      }
    }
  }
  void Answer(uint64_t unique, int error, const void* body, size_t size) {
    fuse_out_header header = {.len = static_cast<uint32_t>(sizeof(header) + size), .error = error, .unique = unique};
    const iovec parts[2] = {{&header, sizeof(header)}, {const_cast<void*>(body), size}};
    if (writev(device_.get(), parts, 2) < 0) umount2(path_.c_str(), MNT_FORCE | MNT_DETACH);
  }

  TempDir directory_;
  UniqueFd device_;
  const std::string path_;
  UniqueFd file_;
  std::atomic<bool> hang_ = true;
  std::counting_semaphore<> hanging_{0};
  std::thread server_;
};

class HostileDescriptorTest : public SupervisorTest {
 protected:
  // Some wait for the time to be over.
  HostileDescriptorTest() { config_ = "[limits]\ndescriptor-seconds = 2\n"; }
  TestClient ConnectAs(uid_t uid) {
    EXPECT_EQ(seteuid(uid), 0);
    TestClient client = Connect();
    EXPECT_EQ(seteuid(0), 0);
    return client;
  }
  // What a user is told who sends `fd` where none belongs.
  int SendStray(uid_t uid, int fd) {
    TestClient client = ConnectAs(uid);
    client.Send(wire::StatusRequest{}, fd);
    return client.ReceiveError();
  }
};

TEST_F(HostileDescriptorTest, AFileThatNeverClosesStopsItsOwnerAlone) {
  FileThatNeverCloses file;
  ASSERT_GE(file.fd(), 0) << "this kernel has no FUSE";
  for (int i = 0; i < 4; ++i) EXPECT_EQ(SendStray(kUser, file.fd()), EPROTO) << i;
  EXPECT_EQ(SendStray(kUser, file.fd()), EMFILE);
  EXPECT_EQ(SendStray(kUser, STDERR_FILENO), EMFILE);
  EXPECT_EQ(SendStray(kUser + 1, STDERR_FILENO), EPROTO);
  EXPECT_EQ(SendStray(0, STDERR_FILENO), EPROTO);
  // What has no descriptor is as welcome as before.
  TestClient client = ConnectAs(kUser);
  client.Send(wire::StatusRequest{});
  EXPECT_FALSE(client.ReceiveDocument().empty());
  TestClient web = Connect();
  const UniqueFd listener = Publish(&web, "web");
  EXPECT_EQ(FromClient("192.0.2.7:80"), 0);
}

TEST_F(HostileDescriptorTest, AFileThatNeverClosesDoesNotKeepASupervisorFromStarting) {
  FileThatNeverCloses file;
  ASSERT_GE(file.fd(), 0) << "this kernel has no FUSE";
  EXPECT_EQ(SendStray(kUser, file.fd()), EPROTO);
  ASSERT_TRUE(file.HangOne());
  EXPECT_EQ(supervisor_->Stop(SIGTERM), 0);
  EXPECT_EQ(supervisor_->Start(), absl::OkStatus());
  EXPECT_EQ(SendStray(kUser, STDERR_FILENO), EPROTO);
}

TEST_F(HostileDescriptorTest, AsAListenerItIsNoSocket) {
  FileThatNeverCloses file;
  ASSERT_GE(file.fd(), 0) << "this kernel has no FUSE";
  TestClient web = ConnectAs(kUser);
  ASSERT_TRUE(web.Hello(HelloOf("web", {80})).has_value());
  EXPECT_EQ(web.Listener(Published(), file.fd()), ENOTSOCK);
  EXPECT_TRUE(Status().is_object());
}

// A connected socket whose last close waits an hour for the peer to take what was sent.
UniqueFd LingeringSocket(const UniqueFd& listener, const Endpoint& endpoint, UniqueFd* peer) {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {.sin_family = AF_INET,
                         .sin_port = htons(endpoint.port),
                         .sin_addr = {htonl(endpoint.address.v4())},
                         .sin_zero = {}};
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) return UniqueFd();
  peer->reset(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  const std::vector<char> data(65536);
  while (send(fd.get(), data.data(), data.size(), MSG_DONTWAIT) > 0) {
  }
  const linger hour = {.l_onoff = 1, .l_linger = 3600};
  setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &hour, sizeof(hour));
  return fd;
}

TEST_F(HostileDescriptorTest, ASocketThatLingersHoldsNobodyUp) {
  const Endpoint endpoint = E("127.0.0.1:8080");
  const UniqueFd listener = ListenOn(endpoint);
  UniqueFd peer;
  UniqueFd lingering = LingeringSocket(listener, endpoint, &peer);
  ASSERT_TRUE(lingering.valid() && peer.valid());
  // The status socket's server asks for no descriptors: the kernel closes them in its name.
  const UniqueFd http(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
  const std::string path =
      absl::StrCat(supervisor_->socket_path().substr(0, supervisor_->socket_path().rfind('/')), "/status.sock");
  ASSERT_LT(path.size(), sizeof(address.sun_path));
  memcpy(address.sun_path, path.c_str(), path.size());
  ASSERT_EQ(connect(http.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  const std::string head = "GET /";
  // The last close is the supervisor's: it receives nothing before ours.
  int status = 0;
  ASSERT_EQ(kill(supervisor_->pid(), SIGSTOP), 0);
  ASSERT_EQ(waitpid(supervisor_->pid(), &status, WUNTRACED), supervisor_->pid());
  ASSERT_EQ(SendPacket(http.get(), std::vector<uint8_t>(head.begin(), head.end()), lingering.get()), 0);
  lingering.reset();
  ASSERT_EQ(kill(supervisor_->pid(), SIGCONT), 0);
  EXPECT_TRUE(Status().is_object());
  EXPECT_THAT(supervisor_->Get("/v1/services"), HasSubstr("200 OK"));
}

// Descriptors that close at once are not held against anybody, however many there are.
TEST_F(HostileDescriptorTest, WhatClosesIsForgotten) {
  TestClient web = ConnectAs(kUser);
  ASSERT_TRUE(web.Hello(HelloOf("web", {80})).has_value());
  const UniqueFd udp(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  for (int i = 0; i < 50; ++i) EXPECT_EQ(web.Listener(Published(), udp.get()), EACCES) << i;
}

}  // namespace
}  // namespace forcebind
