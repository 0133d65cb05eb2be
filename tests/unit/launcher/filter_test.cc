// SPDX-License-Identifier: Apache-2.0
// The filter, run in a small interpreter of classic BPF (Documentation/networking/filter.rst), for every traced call in
// every ABI.
#include "launcher/filter.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/net.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <set>

#include "core/socket_kinds.h"
#include "notify/traced_syscalls.h"

namespace forcebind {
namespace {

constexpr uint32_t kX32Bit = 0x40000000;
constexpr int kMptcp = 262;
const std::vector<int> kUsual = {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK};

uint32_t LoadWord(const seccomp_data& data, uint32_t offset) {
  uint32_t word = 0;
  if (offset + sizeof(word) > sizeof(data)) ADD_FAILURE() << "load beyond seccomp_data at " << offset;
  memcpy(&word, reinterpret_cast<const char*>(&data) + offset, sizeof(word));
  return word;
}

bool Jumps(const sock_filter& instruction, uint32_t accumulator) {
  switch (BPF_OP(instruction.code)) {
    case BPF_JEQ:
      return accumulator == instruction.k;
    case BPF_JGT:
      return accumulator > instruction.k;
    case BPF_JGE:
      return accumulator >= instruction.k;
    case BPF_JSET:
      return (accumulator & instruction.k) != 0;
  }
  ADD_FAILURE() << "unknown jump " << instruction.code;
  return false;
}

// What the filter returns for a call.
uint32_t Evaluate(const std::vector<sock_filter>& program, const seccomp_data& data) {
  uint32_t accumulator = 0;
  for (size_t at = 0; at < program.size(); ++at) {
    const sock_filter& instruction = program[at];
    switch (BPF_CLASS(instruction.code)) {
      case BPF_LD:
        accumulator = LoadWord(data, instruction.k);
        break;
      case BPF_ALU:
        EXPECT_EQ(BPF_OP(instruction.code), BPF_AND);
        accumulator &= instruction.k;
        break;
      case BPF_JMP:
        at += BPF_OP(instruction.code) == BPF_JA ? instruction.k
              : Jumps(instruction, accumulator)  ? instruction.jt
                                                 : instruction.jf;
        break;
      case BPF_RET:
        return instruction.k;
      default:
        ADD_FAILURE() << "unknown instruction " << instruction.code;
        return 0;
    }
  }
  ADD_FAILURE() << "the program has no end";
  return 0;
}

struct Abi {
  const char* name;
  uint32_t arch;
  // Of bind, listen, socket, socketpair, io_uring_setup, seccomp, connect.
  int bind, listen, socket, socketpair, io_uring_setup, seccomp, connect;
};
constexpr Abi kX64 = {"x86-64", AUDIT_ARCH_X86_64, 49, 50, 41, 53, 425, 317, 42};
constexpr Abi kI386 = {"i386", AUDIT_ARCH_I386, 361, 363, 359, 360, 425, 354, 362};
constexpr int kI386Socketcall = 102;

class Filter {
 public:
  explicit Filter(const std::vector<int>& families = kUsual, bool deny_mptcp = false, bool own_loopback = false,
                  bool kernel_binds = false, bool private_datagrams = false) {
    auto program = BuildFilter({.families = families,
                                .deny_mptcp = deny_mptcp,
                                .own_loopback = own_loopback,
                                .private_datagrams = private_datagrams,
                                .kernel_binds = kernel_binds});
    EXPECT_TRUE(program.ok()) << program.status();
    if (program.ok()) program_ = *std::move(program);
  }
  uint32_t operator()(const Abi& abi, int number, uint64_t a = 0, uint64_t b = 0, uint64_t c = 0) const {
    return Evaluate(program_, {.nr = number, .arch = abi.arch, .instruction_pointer = 0, .args = {a, b, c, 0, 0, 0}});
  }

 private:
  std::vector<sock_filter> program_;
};

uint32_t Fails(int error) { return SECCOMP_RET_ERRNO | static_cast<uint32_t>(error); }

TEST(Filter, BindAndListenAreStoppedInEveryAbi) {
  const Filter filter;
  for (const Abi& abi : {kX64, kI386}) {
    EXPECT_EQ(filter(abi, abi.bind, 3), SECCOMP_RET_USER_NOTIF) << abi.name;
    EXPECT_EQ(filter(abi, abi.listen, 3), SECCOMP_RET_USER_NOTIF) << abi.name;
  }
  EXPECT_EQ(filter(kI386, kI386Socketcall, SYS_BIND), SECCOMP_RET_USER_NOTIF);
  EXPECT_EQ(filter(kI386, kI386Socketcall, SYS_LISTEN), SECCOMP_RET_USER_NOTIF);
}

TEST(Filter, ConnectIsStoppedForALoopbackOfTheServicesOwnAlone) {
  const Filter with(kUsual, false, true), without;
  for (const Abi& abi : {kX64, kI386}) {
    EXPECT_EQ(with(abi, abi.connect, 3), SECCOMP_RET_USER_NOTIF) << abi.name;
    EXPECT_EQ(without(abi, abi.connect, 3), SECCOMP_RET_ALLOW) << abi.name;
  }
  EXPECT_EQ(with(kI386, kI386Socketcall, SYS_CONNECT), SECCOMP_RET_USER_NOTIF);
  EXPECT_EQ(without(kI386, kI386Socketcall, SYS_CONNECT), SECCOMP_RET_ALLOW);
}

TEST(Filter, BindIsLetThroughWhereTheKernelForcesIt) {
  const Filter filter(kUsual, true, false, /*kernel_binds=*/true);
  EXPECT_EQ(filter(kX64, kX64.bind, 3), SECCOMP_RET_ALLOW);
  EXPECT_EQ(filter(kX64, kX64.listen, 3), SECCOMP_RET_USER_NOTIF);
  EXPECT_EQ(filter(kX64, kX64.socket, AF_PACKET), Fails(EAFNOSUPPORT));
}

// A socket that the companion made would not be the cgroup's.
TEST(Filter, WhereTheKernelForcesBindsI386GetsNoSockets) {
  const Filter filter(kUsual, true, false, /*kernel_binds=*/true);
  EXPECT_EQ(filter(kI386, kI386Socketcall, SYS_SOCKET), Fails(EAFNOSUPPORT));
  EXPECT_EQ(filter(kI386, kI386Socketcall, SYS_SOCKETPAIR), Fails(EAFNOSUPPORT));
  EXPECT_EQ(filter(kI386, kI386.socket, AF_INET, SOCK_STREAM), Fails(EAFNOSUPPORT));
  EXPECT_EQ(filter(kI386, kI386Socketcall, SYS_LISTEN), SECCOMP_RET_USER_NOTIF);
}

// The multiplexer's arguments lie in memory, where the filter cannot see the family.
TEST(Filter, I386SocketsAreStopped) {
  for (const bool deny_mptcp : {false, true}) {
    const Filter filter(kUsual, deny_mptcp);
    EXPECT_EQ(filter(kI386, kI386Socketcall, SYS_SOCKET), SECCOMP_RET_USER_NOTIF);
    EXPECT_EQ(filter(kI386, kI386Socketcall, SYS_SOCKETPAIR), SECCOMP_RET_USER_NOTIF);
    EXPECT_EQ(filter(kI386, kI386.socket, AF_INET, SOCK_STREAM), SECCOMP_RET_USER_NOTIF);
    EXPECT_EQ(filter(kI386, kI386.socketpair, AF_PACKET, SOCK_STREAM), SECCOMP_RET_USER_NOTIF);
  }
}

TEST(Filter, OtherMultiplexedCallsAreLetThrough) {
  const Filter filter;
  const std::set<int> stopped = {SYS_SOCKET, SYS_BIND, SYS_LISTEN, SYS_SOCKETPAIR};
  for (int call = 0; call < 32; ++call) {
    EXPECT_EQ(filter(kI386, kI386Socketcall, static_cast<uint64_t>(call)),
              stopped.count(call) != 0 ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ALLOW)
        << call;
  }
}

// The kernel looks at the lower half of an int argument only: so must the filter.
TEST(Filter, FamiliesAreComparedAsTheKernelDoes) {
  for (const std::vector<int>& families : {kUsual, std::vector<int>{AF_INET}, std::vector<int>{},
                                           std::vector<int>{AF_INET, AF_INET6, AF_UNIX, AF_NETLINK, AF_PACKET}}) {
    const Filter filter(families);
    const std::set<int> allowed(families.begin(), families.end());
    for (int family = 0; family < 300; ++family) {
      const uint32_t expected = allowed.count(family) != 0 ? SECCOMP_RET_ALLOW : Fails(EAFNOSUPPORT);
      const uint64_t word = static_cast<uint64_t>(family);
      EXPECT_EQ(filter(kX64, kX64.socket, word, SOCK_STREAM), expected) << "family " << family;
      EXPECT_EQ(filter(kX64, kX64.socketpair, word, SOCK_STREAM), expected) << "family " << family;
    }
    EXPECT_EQ(filter(kX64, kX64.socket, 0xffffffff, SOCK_STREAM), Fails(EAFNOSUPPORT));
    EXPECT_EQ(filter(kX64, kX64.socket, 0x80000002, SOCK_STREAM), Fails(EAFNOSUPPORT));
    for (int family = 0; family < 64; ++family) {
      const uint64_t word = uint64_t{7} << 32 | static_cast<uint64_t>(family);
      EXPECT_EQ(filter(kX64, kX64.socket, word, SOCK_STREAM),
                allowed.count(family) != 0 ? SECCOMP_RET_ALLOW : Fails(EAFNOSUPPORT))
          << "family " << family << " with an upper half";
    }
    for (int bit = 6; bit < 32; ++bit) {
      EXPECT_EQ(filter(kX64, kX64.socket, uint64_t{1} << bit | AF_INET, SOCK_STREAM), Fails(EAFNOSUPPORT)) << bit;
    }
  }
}

TEST(Filter, OldPacketSocketsArePacketSockets) {
  const Filter without, with({AF_INET, AF_PACKET});
  EXPECT_EQ(without(kX64, kX64.socket, AF_INET, SOCK_PACKET), Fails(EAFNOSUPPORT));
  EXPECT_EQ(without(kX64, kX64.socket, AF_INET, SOCK_PACKET | SOCK_CLOEXEC), Fails(EAFNOSUPPORT));
  EXPECT_EQ(without(kX64, kX64.socket, AF_INET, SOCK_PACKET | SOCK_NONBLOCK, 0x300), Fails(EAFNOSUPPORT));
  for (const int type : std::initializer_list<int>{SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM | SOCK_CLOEXEC}) {
    EXPECT_EQ(without(kX64, kX64.socket, AF_INET, static_cast<uint64_t>(type)), SECCOMP_RET_ALLOW);
  }
  EXPECT_EQ(with(kX64, kX64.socket, AF_INET, SOCK_PACKET), SECCOMP_RET_ALLOW);
  EXPECT_EQ(with(kX64, kX64.socket, AF_INET, SOCK_PACKET, 0x300), SECCOMP_RET_ALLOW);  // ETH_P_ALL
  EXPECT_EQ(with(kX64, kX64.socket, AF_INET, SOCK_PACKET, 0x608), SECCOMP_RET_ALLOW);  // ETH_P_ARP
}

TEST(Filter, MptcpIsRefusedWhereASupervisorIs) {
  const Filter with(kUsual, true), without;
  EXPECT_EQ(with(kX64, kX64.socket, AF_INET, SOCK_STREAM, kMptcp), Fails(EPROTONOSUPPORT));
  EXPECT_EQ(with(kX64, kX64.socket, AF_INET6, SOCK_STREAM, kMptcp), Fails(EPROTONOSUPPORT));
  EXPECT_EQ(with(kX64, kX64.socket, AF_INET, SOCK_STREAM, 6), SECCOMP_RET_ALLOW);
  EXPECT_EQ(without(kX64, kX64.socket, AF_INET, SOCK_STREAM, kMptcp), SECCOMP_RET_ALLOW);
  EXPECT_EQ(with(kX64, kX64.socket, AF_INET, SOCK_STREAM, uint64_t{1} << 32 | kMptcp), Fails(EPROTONOSUPPORT));
}

std::vector<int> Protocols() {
  std::vector<int> all = {1 << 16 | 6, 1 << 30, -1};
  for (int protocol = 0; protocol < 600; ++protocol) all.push_back(protocol);
  return all;
}

// As the handler has it, which looks at i386 calls by itself.
TEST(Filter, OnlyTheSocketsOfTheListAreMade) {
  constexpr uint64_t kUpperHalf = uint64_t{7} << 32;
  for (const bool deny_mptcp : {false, true}) {
    const Filter filter(kUsual, deny_mptcp);
    for (const int family : {AF_INET, AF_INET6}) {
      for (int type = 0; type < 16; ++type) {
        if (family == AF_INET && type == SOCK_PACKET) continue;  // another rule's
        for (const int protocol : Protocols()) {
          const int error = CheckSocketKind(type, protocol, deny_mptcp);
          const uint32_t wanted = error != 0 ? Fails(error) : SECCOMP_RET_ALLOW;
          const auto number = static_cast<uint64_t>(static_cast<uint32_t>(protocol));
          const auto flagged = static_cast<uint64_t>(type | SOCK_CLOEXEC | SOCK_NONBLOCK);
          const auto domain = static_cast<uint64_t>(family);
          EXPECT_EQ(filter(kX64, kX64.socket, domain, flagged, number), wanted) << type << " " << protocol;
          EXPECT_EQ(filter(kX64, kX64.socket, kUpperHalf | domain, kUpperHalf | flagged, kUpperHalf | number), wanted)
              << type << " " << protocol;
        }
      }
    }
  }
  const Filter filter;
  EXPECT_EQ(filter(kX64, kX64.socket, AF_INET, SOCK_STREAM, 132), Fails(EPROTONOSUPPORT));
  EXPECT_EQ(filter(kX64, kX64.socket, AF_INET6, SOCK_SEQPACKET, 0), Fails(ESOCKTNOSUPPORT));
  EXPECT_EQ(filter(kX64, kX64.socket, AF_UNIX, SOCK_SEQPACKET, 0), SECCOMP_RET_ALLOW);
  EXPECT_EQ(filter(kX64, kX64.socket, AF_NETLINK, SOCK_DGRAM, 15), SECCOMP_RET_ALLOW);
}

TEST(Filter, RingsAreMadeByTheCompanion) {
  const Filter filter, kernel_binds(kUsual, false, false, true);
  for (const Abi& abi : {kX64, kI386}) {
    EXPECT_EQ(filter(abi, abi.io_uring_setup, 8), SECCOMP_RET_USER_NOTIF) << abi.name;
    EXPECT_EQ(kernel_binds(abi, abi.io_uring_setup, 8), SECCOMP_RET_USER_NOTIF) << abi.name;
  }
}

TEST(Filter, UdpSocketsAreLookedAtForAServiceThatMayNotReachTheOutside) {
  const Filter filter(kUsual, false, false, false, true), usual;
  for (const uint64_t family : {AF_INET, AF_INET6}) {
    EXPECT_EQ(filter(kX64, kX64.socket, family, SOCK_DGRAM | SOCK_CLOEXEC), SECCOMP_RET_USER_NOTIF);
    EXPECT_EQ(filter(kX64, kX64.socket, family, SOCK_DGRAM, IPPROTO_UDPLITE), SECCOMP_RET_USER_NOTIF);
    EXPECT_EQ(filter(kX64, kX64.socket, family, SOCK_DGRAM, IPPROTO_ICMP), SECCOMP_RET_ALLOW);
    EXPECT_EQ(filter(kX64, kX64.socket, family, SOCK_DGRAM, IPPROTO_SCTP), Fails(EPROTONOSUPPORT));
    EXPECT_EQ(filter(kX64, kX64.socket, family, SOCK_STREAM), SECCOMP_RET_ALLOW);
    EXPECT_EQ(usual(kX64, kX64.socket, family, SOCK_DGRAM), SECCOMP_RET_ALLOW);
  }
  EXPECT_EQ(filter(kX64, kX64.socket, AF_UNIX, SOCK_DGRAM), SECCOMP_RET_ALLOW);
}

TEST(Filter, NewListenersAreBusyAndOtherFiltersAreFine) {
  const Filter filter;
  constexpr uint64_t kListener = SECCOMP_FILTER_FLAG_NEW_LISTENER;
  for (const Abi& abi : {kX64, kI386}) {
    EXPECT_EQ(filter(abi, abi.seccomp, SECCOMP_SET_MODE_FILTER, kListener), Fails(EBUSY)) << abi.name;
    EXPECT_EQ(filter(abi, abi.seccomp, SECCOMP_SET_MODE_FILTER, kListener | SECCOMP_FILTER_FLAG_TSYNC_ESRCH),
              Fails(EBUSY))
        << abi.name;
    EXPECT_EQ(filter(abi, abi.seccomp, SECCOMP_SET_MODE_FILTER, 0), SECCOMP_RET_ALLOW) << abi.name;
    EXPECT_EQ(filter(abi, abi.seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC), SECCOMP_RET_ALLOW)
        << abi.name;
  }
}

TEST(Filter, OtherCallsAreLetThrough) {
  const Filter filter;
  const std::set<int> traced64 = {kX64.bind, kX64.listen, kX64.socket, kX64.socketpair, kX64.io_uring_setup};
  const std::set<int> traced32 = {kI386.bind, kI386.listen, kI386.socket, kI386.socketpair, kI386.io_uring_setup};
  for (int number = 0; number < 600; ++number) {
    if (traced64.count(number) == 0) {
      EXPECT_EQ(filter(kX64, number), SECCOMP_RET_ALLOW) << number;
    }
    if (traced32.count(number) == 0) {
      EXPECT_EQ(filter(kI386, number), SECCOMP_RET_ALLOW) << number;
    }
  }
}

TEST(Filter, X32AndOtherArchitecturesHaveNoCalls) {
  const Filter filter;
  for (const int number : {kX64.bind, kX64.listen, kX64.socket, kX64.socketpair, kX64.seccomp, 0, 39}) {
    EXPECT_EQ(filter(kX64, static_cast<int>(static_cast<uint32_t>(number) | kX32Bit)), Fails(ENOSYS)) << number;
  }
  for (const uint32_t arch :
       std::initializer_list<uint32_t>{AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM, AUDIT_ARCH_RISCV64, 0u}) {
    const Abi other = {"other", arch, 0, 0, 0, 0, 0, 0, 0};
    for (const int number : {49, 50, 200, 201, 361}) EXPECT_EQ(filter(other, number), Fails(ENOSYS)) << arch;
  }
}

// For every subset of a few families, and for sets of every size: exactly the values that are not in it.
TEST(Complement, IsExactForEveryValue) {
  std::vector<std::vector<int>> sets = {{}};
  for (uint32_t bits = 0; bits < 4096; ++bits) {
    std::vector<int> set;
    for (int i = 0; i < 12; ++i) {
      if ((bits >> i & 1) != 0) set.push_back(i * 5 % 64);
    }
    sets.push_back(set);
  }
  for (int size = 0; size <= 64; ++size) {
    std::vector<int> set;
    for (int i = 0; i < size; ++i) set.push_back(i * 37 % 64);
    sets.push_back(set);
  }
  for (const std::vector<int>& set : sets) {
    const std::vector<MaskedValue> pairs = Complement(set, 64);
    const std::set<int> allowed(set.begin(), set.end());
    for (unsigned value = 0; value < 64; ++value) {
      int matches = 0;
      for (const MaskedValue& pair : pairs) matches += (value & pair.mask) == pair.value;
      ASSERT_EQ(matches, allowed.count(static_cast<int>(value)) != 0 ? 0 : 1) << value << " of " << set.size();
    }
    EXPECT_LE(pairs.size(), 6 * set.size() + 1);
  }
}

}  // namespace
}  // namespace forcebind
