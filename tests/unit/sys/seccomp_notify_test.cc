// SPDX-License-Identifier: Apache-2.0
// The kernel's own device: a thread of this process is the target, and its getppid(2) is what is stopped.
#include "sys/seccomp_notify.h"

#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <poll.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <future>
#include <thread>

namespace forcebind {
namespace {

constexpr sock_filter kStopGetppid[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_getppid, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

// What the call gave back.
struct Returned {
  long value = 0;
  int error = 0;
};

// A thread that loads the filter and makes the calls that it is told to make.
class SeccompNotifyTest : public testing::Test {
 protected:
  void Start(int calls) {
    std::promise<absl::StatusOr<UniqueFd>> loaded;
    thread_ = std::thread([this, calls, &loaded] {
      prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
      tid_ = static_cast<pid_t>(syscall(SYS_gettid));
      loaded.set_value(LoadFilterWithListener(kStopGetppid));
      for (int i = 0; i < calls; ++i) {
        errno = 0;
        const long value = syscall(SYS_getppid, 11, 22, 33, 44, 55, 0xffffffffffffffff);
        returned_.push_back({value, value < 0 ? errno : 0});
      }
      if (calls == 0) again_ = LoadFilterWithListener(kStopGetppid).status();
    });
    absl::StatusOr<UniqueFd> fd = loaded.get_future().get();
    ASSERT_TRUE(fd.ok()) << fd.status().ToString();
    EXPECT_EQ(fcntl(fd->get(), F_GETFD), FD_CLOEXEC);
    auto device = SeccompNotify::Create(*std::move(fd), absl::MakeSpan(request_));
    ASSERT_TRUE(device.ok()) << device.status().ToString();
    device_ = *std::move(device);
  }
  // What the calls returned, in their order.
  const std::vector<Returned>& Finish() {
    thread_.join();
    return returned_;
  }
  ~SeccompNotifyTest() override {
    device_.reset();  // a call that still waits gets ENOSYS
    if (thread_.joinable()) thread_.join();
  }

  alignas(uint64_t) std::array<uint8_t, 256> request_ = {};
  std::unique_ptr<SeccompNotify> device_;
  pid_t tid_ = 0;
  absl::Status again_;

 private:
  std::thread thread_;
  std::vector<Returned> returned_;
};

TEST_F(SeccompNotifyTest, TellsWhoCalledWhat) {
  Start(1);
  Notification call;
  ASSERT_EQ(device_->Receive(&call), 0);
  EXPECT_EQ(call.tid, tid_);
  EXPECT_EQ(call.number, __NR_getppid);
#if defined(__x86_64__)
  EXPECT_EQ(call.arch, AUDIT_ARCH_X86_64);
#endif
  EXPECT_EQ(call.args[0], 11u);
  EXPECT_EQ(call.args[5], UINT64_MAX);
  EXPECT_TRUE(device_->IsAlive(call.id));
}

TEST_F(SeccompNotifyTest, TheReplyIsWhatTheCallReturns) {
  Start(2);
  Notification call;
  ASSERT_EQ(device_->Receive(&call), 0);
  EXPECT_EQ(device_->Reply(call.id, EADDRINUSE), 0);
  ASSERT_EQ(device_->Receive(&call), 0);
  EXPECT_EQ(device_->Reply(call.id, 0), 0);
  const auto& returned = Finish();
  EXPECT_EQ(returned[0].value, -1);
  EXPECT_EQ(returned[0].error, EADDRINUSE);
  EXPECT_EQ(returned[1].value, 0);
}

TEST_F(SeccompNotifyTest, OneCallHasOneReply) {
  Start(1);
  Notification call;
  ASSERT_EQ(device_->Receive(&call), 0);
  ASSERT_EQ(device_->Reply(call.id, 0), 0);
  Finish();
  EXPECT_FALSE(device_->IsAlive(call.id));
  EXPECT_EQ(device_->Reply(call.id, 0), ENOENT);
  EXPECT_EQ(device_->ReplyWithFd(call.id, STDERR_FILENO, true), ENOENT);
}

TEST_F(SeccompNotifyTest, DescriptorsArePutIntoTheTarget) {
  Start(2);
  Notification call;
  int put = -1;
  ASSERT_EQ(device_->Receive(&call), 0);
  ASSERT_EQ(device_->AddFd(call.id, STDERR_FILENO, false, &put), 0);
  EXPECT_EQ(fcntl(put, F_GETFD), 0);
  EXPECT_TRUE(device_->IsAlive(call.id));  // it has no reply yet
  ASSERT_EQ(device_->Reply(call.id, 0), 0);
  ASSERT_EQ(device_->Receive(&call), 0);
  ASSERT_EQ(device_->ReplyWithFd(call.id, STDERR_FILENO, true), 0);
  const int returned = static_cast<int>(Finish()[1].value);
  EXPECT_NE(returned, put);
  EXPECT_EQ(fcntl(returned, F_GETFD), FD_CLOEXEC);
  close(put);
  close(returned);
}

TEST_F(SeccompNotifyTest, AnotherNotifierIsRefusedInWords) {
  Start(0);
  Finish();
  EXPECT_TRUE(absl::IsFailedPrecondition(again_)) << again_.ToString();
}

TEST_F(SeccompNotifyTest, TheEndOfTheLastTaskIsSeen) {
  Start(0);
  pollfd hangup = {.fd = device_->fd(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(poll(&hangup, 1, 30000), 1);
  EXPECT_TRUE(hangup.revents & POLLHUP);
}

TEST(LoadFilter, ABadProgramIsRefused) {
  std::thread([] {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    constexpr sock_filter kNoReturn[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0)};
    EXPECT_EQ(LoadFilterWithListener(kNoReturn).status().code(), absl::StatusCode::kInvalidArgument);
  }).join();
}

// What a companion had in hand that was killed.
TEST_F(SeccompNotifyTest, ACallStaysInTheBufferAndCanBeAnsweredByWhoFindsItThere) {
  Start(1);
  Notification call, found;
  EXPECT_FALSE(ReadNotification(request_, &found));
  ASSERT_EQ(device_->Receive(&call), 0);
  ASSERT_TRUE(ReadNotification(request_, &found));
  EXPECT_EQ(found.id, call.id);
  EXPECT_EQ(found.tid, tid_);
  EXPECT_EQ(found.number, __NR_getppid);
  EXPECT_EQ(found.args[1], 22u);
  EXPECT_TRUE(device_->IsAlive(found.id));
  EXPECT_EQ(device_->Reply(found.id, EPROTO), 0);
  ASSERT_TRUE(ReadNotification(request_, &found));
  EXPECT_FALSE(device_->IsAlive(found.id)) << "it has been answered";
  EXPECT_EQ(Finish().at(0).error, EPROTO);
}

TEST_F(SeccompNotifyTest, RefusesABufferThatIsTooSmall) {
  std::array<uint8_t, 8> small = {};
  const auto device = SeccompNotify::Create(UniqueFd(open("/dev/null", O_RDONLY | O_CLOEXEC)), absl::MakeSpan(small));
  EXPECT_EQ(device.status().code(), absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace forcebind
