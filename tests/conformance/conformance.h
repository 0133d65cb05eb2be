// SPDX-License-Identifier: Apache-2.0
// conformance: what every backend must do, as tests over a factory. A backend's own file says
//
//   INSTANTIATE_CONFORMANCE(HookB, (BackendFactory{"hook_b", CreateHookB}));
//
// and gets the whole table. Each case has a network of its own (tests/support/netns.h).
#ifndef FORCEBIND_TESTS_CONFORMANCE_CONFORMANCE_H_
#define FORCEBIND_TESTS_CONFORMANCE_CONFORMANCE_H_

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "supervisor/backend.h"
#include "tests/conformance/players.h"
#include "tests/support/netns.h"

namespace forcebind {

struct BackendFactory {
  std::string name;
  // A second call in the same network, after the first backend is destroyed, is a restart: it finds what was there.
  std::function<absl::StatusOr<std::unique_ptr<Backend>>(const TestNetwork&)> create;
};

inline std::ostream& operator<<(std::ostream& out, const BackendFactory& factory) { return out << factory.name; }

// A host with a backend and a service whose private listener can be published.
class ConformanceTest : public testing::Test {
 public:
  static constexpr uint16_t kPort = 8080;

 protected:
  void SetUp() override;

  void StartBackend(const BackendFactory& factory);
  void RestartBackend(const BackendFactory& factory);

  // Makes a group of these sockets, and routes from the prefixes to it.
  GroupId Publish(Protocol protocol, const std::vector<Player*>& players, const std::vector<std::string>& prefixes,
                  const std::function<void(Route&)>& adjust = {});
  static SocketSpec At(Protocol protocol, const char* address) {
    return {.protocol = protocol, .at = {Ip(address), kPort}};
  }
  std::string Who(Protocol protocol, const char* address, const std::vector<Player*>& players) {
    return WhoAnswers(*network_, protocol, {Ip(address), kPort}, players);
  }

  std::unique_ptr<TestNetwork> network_;
  std::unique_ptr<Backend> backend_;
};

#define ASSERT_OK(...)                                         \
  do {                                                         \
    const absl::Status status_of_it = (__VA_ARGS__);           \
    ASSERT_TRUE(status_of_it.ok()) << status_of_it.ToString(); \
  } while (0)
#define ASSERT_OPEN(player) ASSERT_EQ((player).Open(), 0) << (player).name()

// The suites of the table.

enum class Stack { kIpv4, kIpv6, kDual };
enum class Exact { kNone, kThereBefore, kOfAService, kOfAStranger, kOpenedLate, kClosedJustNow };
enum class Published { kEverywhere, kOnAPrefix, kNot };

using TableRow = std::tuple<BackendFactory, Protocol, Stack, Exact, Published>;
class ExactListenerTable : public ConformanceTest, public testing::WithParamInterface<TableRow> {};
std::string NameOfRow(const testing::TestParamInfo<TableRow>& info);

using ProtocolRow = std::tuple<BackendFactory, Protocol>;
class ForEachProtocol : public ConformanceTest, public testing::WithParamInterface<ProtocolRow> {};
std::string NameOfProtocolRow(const testing::TestParamInfo<ProtocolRow>& info);

class ForTheBackend : public ConformanceTest, public testing::WithParamInterface<BackendFactory> {};

#define INSTANTIATE_CONFORMANCE(prefix, factory)                                                                       \
  INSTANTIATE_TEST_SUITE_P(                                                                                            \
      prefix, ExactListenerTable,                                                                                      \
      testing::Combine(testing::Values(factory), testing::Values(Protocol::kTcp, Protocol::kUdp),                      \
                       testing::Values(Stack::kIpv4, Stack::kIpv6, Stack::kDual),                                      \
                       testing::Values(Exact::kNone, Exact::kThereBefore, Exact::kOfAService, Exact::kOfAStranger,     \
                                       Exact::kOpenedLate, Exact::kClosedJustNow),                                     \
                       testing::Values(Published::kEverywhere, Published::kOnAPrefix, Published::kNot)),               \
      NameOfRow);                                                                                                      \
  INSTANTIATE_TEST_SUITE_P(                                                                                            \
      prefix, ForEachProtocol,                                                                                         \
      testing::Combine(testing::Values(factory), testing::Values(Protocol::kTcp, Protocol::kUdp)), NameOfProtocolRow); \
  INSTANTIATE_TEST_SUITE_P(prefix, ForTheBackend, testing::Values(factory))

}  // namespace forcebind

#endif  // FORCEBIND_TESTS_CONFORMANCE_CONFORMANCE_H_
