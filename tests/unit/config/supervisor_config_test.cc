// SPDX-License-Identifier: Apache-2.0
#include "config/supervisor_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace forcebind {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

SupervisorConfig Parsed(const std::string& text) {
  auto config = ParseSupervisorConfig(text, "s.toml");
  EXPECT_TRUE(config.ok()) << config.status();
  return config.ok() ? *config : SupervisorConfig();
}

TEST(SupervisorConfig, AnEmptyOneHasTheDefaultOfEveryKey) {
  const SupervisorConfig config = Parsed("");
  EXPECT_EQ(config.state_dir, "/var/lib/forcebind");
  EXPECT_EQ(config.pool.ToString(), "127.64.0.0/10");
  EXPECT_EQ(config.ula, std::nullopt);
  EXPECT_EQ(config.clients_per_user, 1024u);
  EXPECT_EQ(config.names_per_user, 256u);
  EXPECT_EQ(config.listeners_per_service, 1024u);
  EXPECT_EQ(config.listeners_per_user, 4096u);
  EXPECT_EQ(config.descriptor_seconds, 2u);
  EXPECT_THAT(config.grants, IsEmpty());
}

TEST(SupervisorConfig, EveryKeyIsTaken) {
  const SupervisorConfig config = Parsed(R"(
state-dir = "/srv/forcebind"
pool = "127.200.0.0/16"
ula = "fd5e:1f2a:90c1::/48"
[limits]
clients-per-user = 1
names-per-user = 2
listeners-per-service = 1000000
listeners-per-user = 3
descriptor-seconds = 4
[[grant]]
user = "root"
group = 33
service = "nginx"
publish = ["tcp/80", "udp/5000-5999", { port = "tcp/8000-8999", on = ["192.0.2.0/24"] }]
[[grant]]
user = "12345"
publish = ["tcp/81"]
)");
  EXPECT_EQ(config.state_dir, "/srv/forcebind");
  EXPECT_EQ(config.pool.ToString(), "127.200.0.0/16");
  EXPECT_EQ(config.ula->ToString(), "fd5e:1f2a:90c1::/48");
  EXPECT_EQ(config.clients_per_user, 1u);
  EXPECT_EQ(config.names_per_user, 2u);
  EXPECT_EQ(config.listeners_per_service, 1000000u);
  EXPECT_EQ(config.listeners_per_user, 3u);
  EXPECT_EQ(config.descriptor_seconds, 4u);
  ASSERT_EQ(config.grants.size(), 2u);
  const Grant& grant = config.grants[0];
  EXPECT_EQ(grant.uid, 0u);
  EXPECT_EQ(grant.gid, 33u);
  EXPECT_EQ(grant.service, "nginx");
  ASSERT_EQ(grant.publish.size(), 3u);
  EXPECT_EQ(grant.publish[1].ports.ToString(), "udp/5000-5999");
  EXPECT_EQ(grant.publish[2].on.at(0).ToString(), "192.0.2.0/24");
  EXPECT_EQ(config.grants[1].uid, 12345u);
}

struct BadConfig {
  const char* text;
  const char* error;
};

TEST(SupervisorConfig, AnErrorNamesFileLineColumnAndWhatWouldBeRight) {
  const BadConfig bad[] = {
      {"state-dir = \"var\"", "s.toml:1:13: state-dir: must be an absolute path"},
      {"pool = \"10.0.0.0/8\"", "s.toml:1:8: pool: must be a network in 127.0.0.0/8 with a length of 9 to 24"},
      {"pool = \"127.0.0.0/9\"", "s.toml:1:8: pool: must stay clear of 127.0.0.0/16"},
      {"pool = \"127.0.1.0/24\"", "s.toml:1:8: pool: must stay clear of 127.0.0.0/16"},
      {"pool = \"127.64.0.0/25\"", "s.toml:1:8: pool: must be a network in 127.0.0.0/8"},
      {"pool = \"fd00::/16\"", "s.toml:1:8: pool: must be a network in 127.0.0.0/8"},
      {"pool = \"127.64.0.1/10\"", "s.toml:1:8: pool: \"127.64.0.1/10\" has bits set"},
      {"ula = \"fc00::/48\"", "s.toml:1:7: ula: must be a network in fd00::/8 with a length of 48 to 64"},
      {"ula = \"fd00::/8\"", "s.toml:1:7: ula: must be a network in fd00::/8 with a length of 48 to 64"},
      {"ula = \"127.64.0.0/10\"", "s.toml:1:7: ula: must be a network in fd00::/8"},
      {"limits = 3", "s.toml:1:10: limits: must be a table"},
      {"[limits]\nnames-per-user = 0", "s.toml:2:18: names-per-user: must be a whole number from 1 to 1000000"},
      {"[limits]\nnames-per-user = 1.5", "s.toml:2:18: names-per-user: must be a whole number"},
      {"[limits]\nnames-per-usr = 1", "s.toml:2:1: unknown key \"names-per-usr\": did you mean \"names-per-user\"?"},
      {"[grant]\nuser = \"root\"", "s.toml:1:1: grant: must be a list"},
      {"\n[[grant]]\npublish = [\"tcp/80\"]", "s.toml:2:1: grant: names nobody"},
      {"[[grant]]\nuser = \"root\"", "s.toml:1:1: grant: grants nothing"},
      {"[[grant]]\nuser = \"root\"\npublish = []", "s.toml:1:1: grant: grants nothing"},
      {"[[grant]]\nuser = \"no-such-user\"", "s.toml:2:8: user: there is no user \"no-such-user\" on this machine"},
      {"[[grant]]\ngroup = \"no-such-group\"", "s.toml:2:9: group: there is no group \"no-such-group\""},
      {"[[grant]]\nuser = \"root\\u0000x\"", "s.toml:2:8: user: there is no user"},
      {"[[grant]]\nuser = -1", "s.toml:2:8: user: must be a whole number from 0 to 4294967294"},
      {"[[grant]]\nuser = 4294967295", "s.toml:2:8: user: must be a whole number from 0 to 4294967294"},
      {"[[grant]]\nuser = \"4294967295\"", "s.toml:2:8: user: there is no user \"4294967295\""},
      {"[[grant]]\nservice = \"a/b\"", "s.toml:2:11: service: is not a service's name"},
      {"[[grant]]\nuser = 1\npublish = [\"80\"]", "s.toml:3:12: publish: \"80\" is not a port such as tcp/80"},
      {"[[grant]]\nuser = 1\npublish = [{}]", "s.toml:3:12: publish: lacks a port"},
      {"grants = []", "s.toml:1:1: unknown key \"grants\": did you mean \"grant\"?"},
  };
  for (const BadConfig& each : bad) {
    const auto config = ParseSupervisorConfig(each.text, "s.toml");
    EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument) << each.text;
    EXPECT_THAT(std::string(config.status().message()), StartsWith(each.error)) << each.text;
  }
}

TEST(SupervisorConfig, AMissingFileIsNotFound) {
  const absl::Status status = LoadSupervisorConfig("/nonexistent/s.toml").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("/nonexistent/s.toml"));
}

}  // namespace
}  // namespace forcebind
