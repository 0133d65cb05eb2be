// SPDX-License-Identifier: Apache-2.0
// Pinned state changes as a whole, whoever dies when, and belongs to one supervisor at a time.
#include "supervisor/pin_dir.h"

#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "tests/support/netns.h"

namespace forcebind {
namespace {

class PinDirTest : public testing::Test {
 protected:
  void SetUp() override {
    auto network = TestNetwork::Create();
    ASSERT_TRUE(network.ok()) << network.status().ToString();
    network_ = *std::move(network);
    path_ = network_->bpffs() + "/forcebind";
  }

  std::unique_ptr<PinDir> Open() {
    auto directory = PinDir::Open(path_);
    EXPECT_TRUE(directory.ok()) << directory.status().ToString();
    return directory.ok() ? *std::move(directory) : nullptr;
  }

  // Pins two maps whose size says which version they are of.
  static absl::Status PinVersion(const std::string& directory, uint32_t version) {
    for (const char* name : {"first", "second"}) {
      UniqueFd map(bpf_map_create(BPF_MAP_TYPE_ARRAY, name, 4, 4, version, nullptr));
      if (bpf_obj_pin(map.get(), absl::StrCat(directory, "/", name).c_str()) != 0) return absl::InternalError("pin");
    }
    return absl::OkStatus();
  }

  static std::function<absl::Status(const std::string&)> Version(uint32_t version) {
    return [version](const std::string& staging) { return PinVersion(staging, version); };
  }

  static uint32_t VersionOf(const PinDir& directory, const char* name) {
    auto map = directory.Get(name);
    bpf_map_info info{};
    uint32_t size = sizeof(info);
    return map.ok() && bpf_obj_get_info_by_fd(map->get(), &info, &size) == 0 ? info.max_entries : 0;
  }

  static bool Exists(const std::string& path) {
    struct stat status;
    return stat(path.c_str(), &status) == 0;
  }

  // Runs `body` in a process that is killed at its end, so that nothing is cleaned up.
  template <typename Body>
  static void InAProcessThatIsKilled(Body body) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      body();
      kill(getpid(), SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  }

  std::unique_ptr<TestNetwork> network_;
  std::string path_;
};

TEST_F(PinDirTest, ReplacesTheWholeContent) {
  auto directory = Open();
  ASSERT_TRUE(directory->Replace(Version(1)).ok());
  ASSERT_TRUE(directory->Replace(Version(2)).ok());
  EXPECT_EQ(VersionOf(*directory, "first"), 2u);
  EXPECT_EQ(VersionOf(*directory, "second"), 2u);
  EXPECT_TRUE(absl::IsNotFound(directory->Get("third").status()));
  EXPECT_FALSE(Exists(path_ + "-staging"));
}

TEST_F(PinDirTest, AFailureLeavesTheOldContent) {
  auto directory = Open();
  ASSERT_TRUE(directory->Replace(Version(1)).ok());
  const absl::Status failed = directory->Replace([](const std::string& staging) {
    (void)PinVersion(staging, 2);
    return absl::DataLossError("no more");
  });
  EXPECT_EQ(failed.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(VersionOf(*directory, "first"), 1u);
  EXPECT_FALSE(Exists(path_ + "-staging"));
}

TEST_F(PinDirTest, DeathBeforeTheExchangeLeavesTheOldContent) {
  ASSERT_TRUE(Open()->Replace(Version(1)).ok());
  InAProcessThatIsKilled([&] {
    (void)(*PinDir::Open(path_))->Replace([](const std::string& staging) {
      (void)PinVersion(staging, 2);
      kill(getpid(), SIGKILL);
      return absl::OkStatus();
    });
  });
  EXPECT_TRUE(Exists(path_ + "-staging"));
  auto directory = Open();
  EXPECT_EQ(VersionOf(*directory, "first"), 1u);
  EXPECT_EQ(VersionOf(*directory, "second"), 1u);
  ASSERT_TRUE(directory->Replace(Version(3)).ok());
  EXPECT_EQ(VersionOf(*directory, "second"), 3u);
  EXPECT_FALSE(Exists(path_ + "-staging"));
}

TEST_F(PinDirTest, DeathAfterTheExchangeLeavesTheNewContent) {
  InAProcessThatIsKilled([&] { (void)(*PinDir::Open(path_))->Replace(Version(2)); });
  // What was exchanged for it, and not removed any more.
  ASSERT_EQ(mkdir((path_ + "-staging").c_str(), 0700), 0);
  ASSERT_TRUE(PinVersion(path_ + "-staging", 1).ok());
  auto directory = Open();
  EXPECT_EQ(VersionOf(*directory, "first"), 2u);
  ASSERT_TRUE(directory->Replace(Version(3)).ok());
  EXPECT_EQ(VersionOf(*directory, "first"), 3u);
  EXPECT_FALSE(Exists(path_ + "-staging"));
}

TEST_F(PinDirTest, ASecondOneIsRefusedUntilTheFirstIsGone) {
  auto first = Open();
  EXPECT_TRUE(absl::IsAlreadyExists(PinDir::Open(path_).status()));
  ASSERT_TRUE(first->Replace(Version(1)).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(PinDir::Open(path_ + "/").status()));
  EXPECT_TRUE(absl::IsAlreadyExists(PinDir::Remove(path_)));
  first.reset();
  EXPECT_TRUE(PinDir::Open(path_).ok());
}

TEST_F(PinDirTest, RemovesEverything) {
  ASSERT_TRUE(Open()->Replace(Version(1)).ok());
  ASSERT_EQ(mkdir((path_ + "-staging").c_str(), 0700), 0);
  EXPECT_TRUE(PinDir::Remove(path_).ok());
  EXPECT_FALSE(Exists(path_));
  EXPECT_FALSE(Exists(path_ + "-staging"));
  EXPECT_TRUE(PinDir::Remove(path_).ok());
}

// `mount -t bpf` makes a file system in which everybody may make directories.
TEST_F(PinDirTest, WhatAStrangerHasPutInTheWayIsRemoved) {
  ASSERT_EQ(mkdir((path_ + "-staging").c_str(), 0755), 0);
  ASSERT_EQ(mkdir((path_ + "-staging/x").c_str(), 0755), 0);
  EXPECT_TRUE(Open()->Replace(Version(1)).ok());
  EXPECT_FALSE(Exists(path_ + "-staging"));
}

TEST_F(PinDirTest, AnEmptyDirectoryIsNotLeftBehind) {
  Open().reset();
  EXPECT_FALSE(Exists(path_));
}

TEST_F(PinDirTest, OtherFileSystemsAreRefusedWithAHint) {
  const auto status = PinDir::Open("/tmp/forcebind").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(std::string(status.message()).find("mount -t bpf"), std::string::npos) << status.ToString();
  EXPECT_FALSE(Exists("/tmp/forcebind"));
}

}  // namespace
}  // namespace forcebind
