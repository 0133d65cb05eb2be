// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/conformance.h"

#include "absl/strings/str_cat.h"

namespace forcebind {

void ConformanceTest::SetUp() {
  auto network = TestNetwork::Create();
  ASSERT_OK(network.status());
  network_ = *std::move(network);
}

void ConformanceTest::StartBackend(const BackendFactory& factory) {
  auto backend = factory.create(*network_);
  ASSERT_OK(backend.status());
  backend_ = *std::move(backend);
}

void ConformanceTest::RestartBackend(const BackendFactory& factory) {
  backend_.reset();
  StartBackend(factory);
}

GroupId ConformanceTest::Publish(Protocol protocol, const std::vector<Player*>& players,
                                 const std::vector<std::string>& prefixes, const std::function<void(Route&)>& adjust) {
  auto group = backend_->NewGroup();
  EXPECT_TRUE(group.ok()) << group.status().ToString();
  for (Player* player : players) {
    const absl::Status added = backend_->AddSocket(*group, player->fd());
    EXPECT_TRUE(added.ok()) << added.ToString();
  }
  for (const std::string& prefix : prefixes) {
    Route route{.key = {protocol, kPort, *Prefix::Parse(prefix)}, .group = *group};
    if (adjust) adjust(route);
    const absl::Status routed = backend_->AddRoutes({route});
    EXPECT_TRUE(routed.ok()) << routed.ToString();
  }
  return *group;
}

namespace {

std::string NameOf(Protocol protocol) { return protocol == Protocol::kTcp ? "Tcp" : "Udp"; }

std::string NameOf(Stack stack) {
  switch (stack) {
    case Stack::kIpv4:
      return "Ipv4";
    case Stack::kIpv6:
      return "Ipv6";
    case Stack::kDual:
      return "Dual";
  }
  return "";
}

std::string NameOf(Exact exact) {
  switch (exact) {
    case Exact::kNone:
      return "None";
    case Exact::kThereBefore:
      return "ThereBefore";
    case Exact::kOfAService:
      return "OfAService";
    case Exact::kOfAStranger:
      return "OfAStranger";
    case Exact::kOpenedLate:
      return "OpenedLate";
    case Exact::kClosedJustNow:
      return "ClosedJustNow";
  }
  return "";
}

std::string NameOf(Published published) {
  switch (published) {
    case Published::kEverywhere:
      return "Everywhere";
    case Published::kOnAPrefix:
      return "OnAPrefix";
    case Published::kNot:
      return "NotPublished";
  }
  return "";
}

}  // namespace

std::string NameOfRow(const testing::TestParamInfo<TableRow>& info) {
  const auto& [factory, protocol, stack, exact, published] = info.param;
  return absl::StrCat(NameOf(protocol), NameOf(stack), "Exact", NameOf(exact), NameOf(published));
}

std::string NameOfProtocolRow(const testing::TestParamInfo<ProtocolRow>& info) {
  return NameOf(std::get<Protocol>(info.param));
}

}  // namespace forcebind
