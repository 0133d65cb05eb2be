// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/unit/launcher/command_runner.h"

namespace forcebind {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A user's own profiles; root has none.
class ProfileCommand : public ::testing::Test {
 protected:
  std::string Write(const std::string& file, const std::string& text) {
    return directory_.Write("forcebind/profiles/" + file, text);
  }
  CommandResult Run(const std::vector<std::string>& words) {
    std::vector<std::string> all = {"profile"};
    all.insert(all.end(), words.begin(), words.end());
    return RunForcebind(all, {"XDG_CONFIG_HOME=" + directory_.path()}, RunAs::kNobody);
  }

  TemporaryDirectory directory_;
};

TEST_F(ProfileCommand, CheckNamesFileLineAndColumnOfEveryBrokenOne) {
  const std::string good = Write("good.toml", "publish = [\"tcp/80\"]\n");
  const std::string bad = Write("bad.toml", "\n  publsh = []\n");
  const std::string worse = Write("worse.toml", "address = [\"192.0.2.1\"]\n");
  const CommandResult result = Run({"check"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.out, HasSubstr(good + ": ok, service \"good\"\n"));
  EXPECT_THAT(result.err, HasSubstr(bad + ":2:3: "));
  EXPECT_THAT(result.err, HasSubstr(worse + ":1:12: "));
}

TEST_F(ProfileCommand, CheckOfGoodOnesSucceeds) {
  const std::string path = Write("good.toml", "");
  EXPECT_EQ(Run({"check", "good"}).exit_status, 0);
  EXPECT_EQ(Run({"check", path, "good"}).exit_status, 0);
  EXPECT_EQ(Run({"check"}).exit_status, 0);
}

TEST_F(ProfileCommand, CheckOfOneThatIsNotThereFails) {
  Write("good.toml", "");
  const CommandResult result = Run({"check", "good", "nobody"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, HasSubstr("no profile \"nobody\""));
}

TEST_F(ProfileCommand, ListShowsBrokenOnesAsBrokenAndLeavesOutWhatIsNoProfile) {
  Write("web.toml", "address = [\"127.84.3.1\"]\npublish = [\"tcp/80\"]\n");
  Write("bad.toml", "?");
  Write(".web.toml.swp", "?");
  Write(".hidden.toml", "?");
  Write("notes.txt", "?");
  const CommandResult result = Run({"list"});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("\nbad   (broken)    -          "));
  EXPECT_THAT(result.out, HasSubstr("\nweb   127.84.3.1  tcp/80     "));
  EXPECT_THAT(result.out, HasSubstr("broken: " + directory_.path() + "/forcebind/profiles/bad.toml:1:1: "));
  EXPECT_THAT(result.out, Not(HasSubstr("hidden")));
  EXPECT_THAT(result.out, Not(HasSubstr("notes")));
}

TEST_F(ProfileCommand, ShowPrintsTheProfileWithItsDefaults) {
  Write("web.toml", "");
  const CommandResult result = Run({"show", "web"});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("\nname = \"web\"\naddress = [\"127."));
  EXPECT_THAT(result.out, HasSubstr("\negress = true\n"));
}

TEST_F(ProfileCommand, ShowOfABrokenOneFailsWithItsPosition) {
  const std::string path = Write("bad.toml", "egress = 3\n");
  const CommandResult result = Run({"show", "bad"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("forcebind: profile: " + path + ":1:10: "));
}

TEST_F(ProfileCommand, ItNeedsAVerb) {
  EXPECT_EQ(Run({}).exit_status, 125);
  EXPECT_EQ(Run({"show"}).exit_status, 125);
  EXPECT_EQ(Run({"burn"}).exit_status, 125);
}

}  // namespace
}  // namespace forcebind
