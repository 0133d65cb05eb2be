// SPDX-License-Identifier: Apache-2.0
#include "core/connect_target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace forcebind {
namespace {

using ::testing::HasSubstr;

TEST(ConnectTarget, IsReadAsItIsWritten) {
  for (const char* text : {"postgres", "a-b.c_d", "gitea:tcp/3000", "gitea:udp/5000-5999"}) {
    const auto target = ConnectTarget::Parse(text);
    ASSERT_TRUE(target.ok()) << target.status();
    EXPECT_EQ(target->ToString(), text);
  }
}

TEST(ConnectTarget, WithoutPortsItIsEveryPort) {
  EXPECT_FALSE(ConnectTarget::Parse("postgres")->ports.has_value());
  EXPECT_EQ(*ConnectTarget::Parse("gitea:tcp/3000")->ports, (PortRange{Protocol::kTcp, 3000, 3000}));
}

TEST(ConnectTarget, WhatIsNoServiceIsRefused) {
  for (const char* text : {"", ":tcp/80", "-x", "a b", "tcp/80"}) {
    EXPECT_THAT(std::string(ConnectTarget::Parse(text).status().message()), HasSubstr("is not a service such as"))
        << text;
  }
}

TEST(ConnectTarget, WhatIsNoPortIsRefused) {
  for (const char* text : {"a:", "a:80", "a:tcp", "a:sctp/80", "a:tcp/0", "a:tcp/9-8", "a:tcp/80:tcp/81"}) {
    EXPECT_FALSE(ConnectTarget::Parse(text).ok()) << text;
  }
}

}  // namespace
}  // namespace forcebind
