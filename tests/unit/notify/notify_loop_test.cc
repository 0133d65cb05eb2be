// SPDX-License-Identifier: Apache-2.0
// The loop against a device that dies at every step. Its descriptor is a pipe's end, so that poll(2) is the real one.
#include "notify/notify_loop.h"

#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <functional>
#include <utility>
#include <vector>

namespace forcebind {
namespace {

// Each byte in the pipe is one call; when the other end is closed, the last task is gone.
class PipeDevice : public NotifyDevice {
 public:
  PipeDevice() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) abort();
    reading_.reset(ends[0]);
    writing_.reset(ends[1]);
  }
  void Call() { ASSERT_EQ(write(writing_.get(), "c", 1), 1); }
  void End() { writing_.reset(); }

  int fd() const override { return reading_.get(); }
  int Receive(Notification* notification) override {
    char byte;
    if (read(reading_.get(), &byte, 1) != 1) return ENOENT;
    notification->id = ++received_;
    return receive_error_;
  }
  bool IsAlive(uint64_t) override { return alive_; }
  int Reply(uint64_t id, int error) override {
    replies_.emplace_back(id, error);
    return reply_error_;
  }
  int Continue(uint64_t id) override {
    continued_.push_back(id);
    return ENOENT;
  }
  int AddFd(uint64_t, int, bool, int*) override { return ENOENT; }
  int ReplyWithFd(uint64_t, int, bool) override { return ENOENT; }

  int receive_error_ = 0, reply_error_ = 0;
  bool alive_ = true;
  std::vector<uint64_t> continued_;
  uint64_t received_ = 0;
  std::vector<std::pair<uint64_t, int>> replies_;

 private:
  UniqueFd reading_, writing_;
};

class CountingSource : public LoopSource {
 public:
  int PollFd() const override { return fd_; }
  int PollTimeoutMs(const CallCounters&) const override { return timeout_ms_; }
  void OnPoll(const CallCounters&) override {
    ++polls_;
    on_poll_();
  }
  int fd_ = -1, timeout_ms_ = -1, polls_ = 0;
  std::function<void()> on_poll_ = [] {};
};

int RunLoop(NotifyDevice& device, CallFunction handle, absl::Span<LoopSource* const> sources) {
  CallCounters counters;
  return RunNotifyLoop(device, handle, sources, counters);
}

TEST(NotifyLoop, EndsWithTheLastTask) {
  PipeDevice device;
  CountingSource source;
  device.End();
  EXPECT_EQ(RunLoop(device, [](const Notification&) { return CallOutcome{}; }, {&source}), 0);
  EXPECT_EQ(source.polls_, 1);  // its last word
}

TEST(NotifyLoop, AnswersEveryCallWithItsErrno) {
  PipeDevice device;
  for (int i = 0; i < 3; ++i) device.Call();
  device.End();
  EXPECT_EQ(RunLoop(device,
                    [](const Notification& call) {
                      return CallOutcome{.error = call.id == 2 ? EACCES : 0, .verdict = Verdict::kDenied};
                    },
                    {}),
            0);
  EXPECT_EQ(device.replies_, (std::vector<std::pair<uint64_t, int>>{{1, 0}, {2, EACCES}, {3, 0}}));
}

TEST(NotifyLoop, AnswersNobodyWhoIsGoneOrHasHisAnswer) {
  for (const CallOutcome outcome :
       {CallOutcome{.verdict = Verdict::kGone}, CallOutcome{.verdict = Verdict::kDenied, .answered = true}}) {
    PipeDevice device;
    device.Call();
    device.End();
    EXPECT_EQ(RunLoop(device, [&](const Notification&) { return outcome; }, {}), 0);
    EXPECT_EQ(device.received_, 1u);
    EXPECT_TRUE(device.replies_.empty());
  }
}

TEST(NotifyLoop, ASourceThatIsDueIsServedWhileCallsComeIn) {
  PipeDevice device;
  CountingSource source;
  source.timeout_ms_ = 0;
  for (int i = 0; i < 3; ++i) device.Call();
  device.End();
  EXPECT_EQ(RunLoop(device, [](const Notification&) { return CallOutcome{}; }, {&source}), 0);
  EXPECT_EQ(source.polls_, 4);
}

TEST(NotifyLoop, TheTimeOfOneSourceIsNotThatOfAnother) {
  PipeDevice device;
  CountingSource due, waiting;
  due.timeout_ms_ = 0;
  due.on_poll_ = [&] { device.End(); };
  waiting.timeout_ms_ = 100000;
  EXPECT_EQ(RunLoop(device, [](const Notification&) { return CallOutcome{}; }, {&waiting, &due}), 0);
  EXPECT_EQ(due.polls_, 2);
  EXPECT_EQ(waiting.polls_, 1) << "its last word alone";
}

TEST(NotifyLoop, TheCallOfWhoWasKilledIsInterruptedIfItStillWaits) {
  seccomp_notif request = {};
  const auto bytes = absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(&request), sizeof(request));
  PipeDevice device;
  AnswerInherited(device, bytes);
  EXPECT_TRUE(device.replies_.empty()) << "there was none";
  request.id = 7;
  device.alive_ = false;
  AnswerInherited(device, bytes);
  EXPECT_TRUE(device.replies_.empty()) << "it was answered";
  device.alive_ = true;
  AnswerInherited(device, bytes);
  EXPECT_EQ(device.replies_, (std::vector<std::pair<uint64_t, int>>{{7, EINTR}}));
  request.data = {.nr = SYS_connect, .arch = AUDIT_ARCH_X86_64};
  AnswerInherited(device, bytes);
  EXPECT_EQ(device.continued_, std::vector<uint64_t>{7});
  EXPECT_EQ(device.replies_.size(), 1u);
}

// As in a process that was forked in there.
TEST(NotifyLoop, WhatWasSeenBeforeASourceWasServedIsNotBelievedAfterwards) {
  PipeDevice device;
  CountingSource source;
  source.timeout_ms_ = 0;
  device.Call();
  device.Call();
  source.on_poll_ = [&] {
    Notification other;
    if (source.polls_ == 1) device.Receive(&other);
    device.End();
  };
  EXPECT_EQ(RunLoop(device, [](const Notification&) { return CallOutcome{}; }, {&source}), 0);
  EXPECT_EQ(device.received_, 2u);
  EXPECT_EQ(device.replies_.size(), 1u);
}

TEST(NotifyLoop, TargetsThatDieAreNormal) {
  PipeDevice device;
  device.Call();
  device.Call();
  device.End();
  device.receive_error_ = ENOENT;
  int handled = 0;
  EXPECT_EQ(RunLoop(device, [&](const Notification&) { return ++handled, CallOutcome{}; }, {}), 0);
  EXPECT_EQ(handled, 0);
}

TEST(NotifyLoop, EverySourceIsServed) {
  PipeDevice device, first, second;
  CountingSource sources[2];
  sources[0].fd_ = first.fd();
  sources[1].fd_ = second.fd();
  second.Call();
  sources[1].on_poll_ = [&] {
    if (sources[1].fd_ < 0) return;
    Notification ignored;
    second.Receive(&ignored);
    sources[1].fd_ = -1;
    device.End();
  };
  EXPECT_EQ(RunLoop(device, [](const Notification&) { return CallOutcome{}; }, {&sources[0], &sources[1]}), 0);
  EXPECT_EQ(sources[0].polls_, 1);  // at the end alone
  EXPECT_EQ(sources[1].polls_, 2);
}

TEST(NotifyLoop, TheSoonestTimeoutCounts) {
  PipeDevice device;
  CountingSource never, soon;
  soon.timeout_ms_ = 0;
  soon.on_poll_ = [&] {
    soon.timeout_ms_ = -1;
    device.End();
  };
  EXPECT_EQ(RunLoop(device, [](const Notification&) { return CallOutcome{}; }, {&never, &soon}), 0);
  EXPECT_EQ(soon.polls_, 2);
}

}  // namespace
}  // namespace forcebind
