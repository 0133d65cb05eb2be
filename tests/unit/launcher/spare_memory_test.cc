// SPDX-License-Identifier: Apache-2.0
#include "launcher/spare_memory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "sys/sealed_memfd.h"

namespace forcebind {
namespace {

wire::CompanionState State() {
  wire::CompanionState state;
  state.hello.name = state.policy.name = "web";
  state.supervisor_path = "/run/forcebind/supervisor.sock";
  state.netns_cookie = 42;
  return state;
}

UniqueFd Copy(int fd) { return UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

// A memfd that could be one, by its size and seals.
UniqueFd Forged(const std::vector<uint8_t>& bytes, off_t at, int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL,
                off_t size = wire::kSpareMemorySize) {
  UniqueFd fd(memfd_create("forged", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(ftruncate(fd.get(), size), 0);
  EXPECT_EQ(pwrite(fd.get(), bytes.data(), bytes.size(), at), static_cast<ssize_t>(bytes.size()));
  EXPECT_EQ(fcntl(fd.get(), F_ADD_SEALS, seals), 0);
  return fd;
}

TEST(SpareMemory, IsThereForWhoOpensItLater) {
  auto made = SpareMemory::Create();
  ASSERT_TRUE(made.ok()) << made.status();
  made->Write(State());
  memcpy(made->call_room().data(), "a call", 6);
  UniqueFd kept = Copy(made->fd());
  { const SpareMemory gone = *std::move(made); }
  auto opened = SpareMemory::Open(std::move(kept));
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(memcmp(opened->call_room().data(), "a call", 6), 0);
  const auto state = opened->ReadState();
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->hello.name, "web");
  EXPECT_EQ(state->netns_cookie, 42u);
}

TEST(SpareMemory, HasOneSizeForEver) {
  auto made = SpareMemory::Create();
  ASSERT_TRUE(made.ok());
  EXPECT_NE(ftruncate(made->fd(), 0), 0);
  EXPECT_NE(ftruncate(made->fd(), 1 << 20), 0);
}

TEST(SpareMemory, SomethingElseIsRefused) {
  const auto refuses = [](UniqueFd fd) { return absl::IsInvalidArgument(SpareMemory::Open(std::move(fd)).status()); };
  EXPECT_TRUE(refuses(UniqueFd()));
  EXPECT_TRUE(refuses(Copy(STDERR_FILENO)));
  EXPECT_TRUE(refuses(*SealedMemfd("short", "text")));
  EXPECT_TRUE(refuses(Forged({}, 0, F_SEAL_GROW)));
  EXPECT_TRUE(refuses(Forged({}, 0, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL, wire::kSpareMemorySize + 1)));
}

TEST(SpareMemory, AStateThatIsNoneIsRefused) {
  constexpr off_t kLengthAt = 4096;
  for (const std::vector<uint8_t>& length :
       {std::vector<uint8_t>{0, 0, 0, 0}, {4, 0, 0, 0}, {0xff, 0xff, 0xff, 0xff}}) {
    auto opened = SpareMemory::Open(Forged(length, kLengthAt));
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_TRUE(absl::IsInvalidArgument(opened->ReadState().status()));
  }
}

}  // namespace
}  // namespace forcebind
