// SPDX-License-Identifier: Apache-2.0
// The table: TCP/UDP × IPv4/IPv6/dual-stack × who listens on exactly the dialled address × where the port is published.
#include "tests/conformance/conformance.h"

namespace forcebind {
namespace {

// The addresses of a row, per family of the packets that a stack takes.
struct Addresses {
  const char* of_the_exact_one;  // in the prefix; the exact listener, if any, is here
  const char* in_the_prefix;     // nobody is here
  const char* outside_the_prefix;
  const char* everything;
  const char* prefix;
};
constexpr Addresses kIpv4{"192.0.2.7", "192.0.2.8", "198.51.100.7", "0.0.0.0/0", "192.0.2.0/24"};
constexpr Addresses kIpv6{"2001:db8::7", "2001:db8::8", "2001:db8:1::7", "::/0", "2001:db8::/64"};

std::vector<Addresses> AddressesOf(Stack stack) {
  switch (stack) {
    case Stack::kIpv4:
      return {kIpv4};
    case Stack::kIpv6:
      return {kIpv6};
    case Stack::kDual:
      return {kIpv4, kIpv6};
  }
  return {};
}

const char* PrivateAddressOf(Stack stack) { return stack == Stack::kIpv6 ? "fd5e:1f2a:90c1::1" : "127.84.3.1"; }

std::vector<std::string> PrefixesOf(Published published, const Addresses& addresses) {
  switch (published) {
    case Published::kEverywhere:
      return {addresses.everything};
    case Published::kOnAPrefix:
      return {addresses.prefix};
    case Published::kNot:
      return {};
  }
  return {};
}

bool IsOpenWhenDialled(Exact exact) { return exact != Exact::kNone && exact != Exact::kClosedJustNow; }

}  // namespace

TEST_P(ExactListenerTable, TheRightOneAnswers) {
  const auto& [factory, protocol, stack, exact, published] = GetParam();
  const bool is_dual = stack == Stack::kDual;
  Player service("service", {.protocol = protocol, .at = {Ip(PrivateAddressOf(stack)), kPort}, .dual_stack = is_dual});
  ASSERT_OPEN(service);
  const char* here = published == Published::kNot ? kRefused : "service";
  const char* elsewhere = published == Published::kEverywhere ? "service" : kRefused;

  for (const Addresses& addresses : AddressesOf(stack)) {
    SCOPED_TRACE(addresses.of_the_exact_one);
    const Endpoint dialled{Ip(addresses.of_the_exact_one), kPort};
    Player other("exact", {.protocol = protocol, .at = dialled, .dual_stack = is_dual && dialled.address.is_v4()});
    if (exact == Exact::kThereBefore) {
      ASSERT_OPEN(other);
    }
    RestartBackend(factory);
    ASSERT_NE(backend_, nullptr);
    if (exact == Exact::kOfAService || exact == Exact::kOfAStranger || exact == Exact::kClosedJustNow) {
      ASSERT_OPEN(other);
    }
    if (exact == Exact::kOfAService) {
      auto group = backend_->NewGroup();
      ASSERT_OK(group.status());
      ASSERT_OK(backend_->AddSocket(*group, other.fd()));
    }
    Publish(protocol, {&service}, PrefixesOf(published, addresses));
    if (exact == Exact::kOpenedLate) {
      ASSERT_OPEN(other);
    }

    std::vector<Player*> players = {&service, &other};
    if (exact == Exact::kClosedJustNow) {
      EXPECT_EQ(WhoAnswers(*network_, protocol, dialled, players), "exact");
      other.Close();
    }
    EXPECT_EQ(WhoAnswers(*network_, protocol, dialled, players), IsOpenWhenDialled(exact) ? "exact" : here);
    EXPECT_EQ(Who(protocol, addresses.in_the_prefix, players), here);
    EXPECT_EQ(Who(protocol, addresses.outside_the_prefix, players), elsewhere);
  }
}

}  // namespace forcebind
