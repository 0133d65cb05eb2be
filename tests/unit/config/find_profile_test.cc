// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "config/profile_file.h"
#include "config/text_file.h"

namespace forcebind {
namespace {

using ::testing::HasSubstr;

class FindProfileTest : public ::testing::Test {
 protected:
  FindProfileTest() {
    std::string pattern = ::testing::TempDir() + "/forcebind-profiles-XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~FindProfileTest() override { std::filesystem::remove_all(directory_); }

  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = directory_ + "/" + name;
    std::ofstream(path) << text;
    return path;
  }

  std::string directory_;
};

TEST_F(FindProfileTest, APathIsTakenAsItIsAndGivesTheDefaultName) {
  const std::string path = Write("gitea.toml", "publish = [\"tcp/3000\"]");
  EXPECT_EQ(*FindProfile(path), path);
  const auto policy = LoadProfile(path);
  ASSERT_TRUE(policy.ok()) << policy.status();
  EXPECT_EQ(policy->name, "gitea");
  EXPECT_EQ(policy->publish.size(), 1u);
}

TEST_F(FindProfileTest, ErrorsNameTheFile) {
  const std::string path = Write("bad.toml", "\nx = 1");
  EXPECT_THAT(LoadProfile(path).status().message(), HasSubstr(path + ":2:1: unknown key \"x\""));
}

TEST_F(FindProfileTest, AMissingPathIsNotFound) {
  const absl::Status status = LoadProfile(directory_ + "/none.toml").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), directory_ + "/none.toml: no such file");
}

TEST_F(FindProfileTest, AMissingNameSaysWhereItWasLookedFor) {
  const absl::Status status = FindProfile("no-such-profile").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr("no profile \"no-such-profile\" in "));
  EXPECT_THAT(status.message(), HasSubstr("/etc/forcebind/profiles"));
  EXPECT_THAT(FindProfile("web.toml").status().message(), HasSubstr("a file here is named with ./ in front"));
}

TEST_F(FindProfileTest, ADirectoryIsNoProfile) { EXPECT_FALSE(LoadProfile(directory_ + "/").ok()); }

TEST_F(FindProfileTest, AFileOverTheLimitIsRefused) {
  const std::string path = Write("long.toml", std::string(kMaxTextFileSize + 1, '\n'));
  EXPECT_THAT(LoadProfile(path).status().message(), HasSubstr("longer than 262144 bytes"));
  EXPECT_TRUE(LoadProfile(Write("full.toml", std::string(kMaxTextFileSize, '\n'))).ok());
}

TEST_F(FindProfileTest, EndlessFilesEndAtTheLimit) { EXPECT_FALSE(LoadProfile("/dev/zero").ok()); }

// In a child, since the effective user counts; it ends by _exit(), since a leak checker cannot work as nobody.
int DirectoriesAsNobody(const char* config_home, const char* home, const std::string& first) {
  if (geteuid() == 0 && seteuid(65534) != 0) return 2;
  config_home != nullptr ? setenv("XDG_CONFIG_HOME", config_home, 1) : unsetenv("XDG_CONFIG_HOME");
  home != nullptr ? setenv("HOME", home, 1) : unsetenv("HOME");
  const std::vector<std::string> directories = ProfileDirectories();
  return directories.front() == first && directories.back() == "/etc/forcebind/profiles" ? 0 : 1;
}

TEST(ProfileDirectories, AUsersOwnComeFirst) {
  const auto exits_well = ::testing::ExitedWithCode(0);
  EXPECT_EXIT(_exit(DirectoriesAsNobody("/c", "/h", "/c/forcebind/profiles")), exits_well, "");
  EXPECT_EXIT(_exit(DirectoriesAsNobody(nullptr, "/h", "/h/.config/forcebind/profiles")), exits_well, "");
  EXPECT_EXIT(_exit(DirectoriesAsNobody("relative", "/h", "/h/.config/forcebind/profiles")), exits_well, "");
  EXPECT_EXIT(_exit(DirectoriesAsNobody(nullptr, nullptr, "/etc/forcebind/profiles")), exits_well, "");
}

}  // namespace
}  // namespace forcebind
