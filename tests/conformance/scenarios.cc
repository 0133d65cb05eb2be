// SPDX-License-Identifier: Apache-2.0
// What the table of exact listeners does not say: prefixes, holes, groups, restarts.
#include "tests/conformance/conformance.h"

namespace forcebind {
namespace {

constexpr uint16_t kPort = ConformanceTest::kPort;

SocketSpec At(Protocol protocol, const char* address) { return {.protocol = protocol, .at = {Ip(address), kPort}}; }

}  // namespace

TEST_P(ForEachProtocol, TheLongestPrefixWins) {
  const auto& [factory, protocol] = GetParam();
  StartBackend(factory);
  Player wide("wide", At(protocol, "127.84.3.1")), narrow("narrow", At(protocol, "127.84.3.2"));
  ASSERT_OPEN(wide);
  ASSERT_OPEN(narrow);
  Publish(protocol, {&narrow}, {"192.0.2.8/32"});
  Publish(protocol, {&wide}, {"0.0.0.0/0"});
  EXPECT_EQ(Who(protocol, "192.0.2.7", {&wide, &narrow}), "wide");
  EXPECT_EQ(Who(protocol, "192.0.2.8", {&wide, &narrow}), "narrow");
  EXPECT_EQ(Who(protocol, "198.51.100.7", {&wide, &narrow}), "wide");
  ASSERT_OK(backend_->RemoveRoutes({{protocol, kPort, *Prefix::Parse("192.0.2.8/32")}}));
  EXPECT_EQ(Who(protocol, "192.0.2.8", {&wide, &narrow}), "wide");
}

}  // namespace forcebind
