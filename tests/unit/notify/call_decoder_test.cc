// SPDX-License-Identifier: Apache-2.0
#include "notify/call_decoder.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cstring>
#include <vector>

namespace forcebind {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kNativeArch = AUDIT_ARCH_X86_64;
#else
constexpr uint32_t kNativeArch = AUDIT_ARCH_AARCH64;
#endif
// arch/x86/entry/syscalls/syscall_32.tbl
constexpr int kI386Socketcall = 102, kI386Socket = 359, kI386SocketPair = 360, kI386Bind = 361, kI386Connect = 362,
              kI386Listen = 363;
constexpr uint64_t kHighBits = 0xffffffff00000000;

// The target's memory: `words` at kWords, nothing elsewhere.
constexpr uint64_t kWords = 0x1000;
struct Memory {
  std::vector<uint32_t> words;

  int operator()(uint64_t address, void* buffer, size_t size) const {
    if (address != kWords || size > words.size() * sizeof(uint32_t)) return EFAULT;
    memcpy(buffer, words.data(), size);
    return 0;
  }
};

int NoMemory(uint64_t, void*, size_t) {
  ADD_FAILURE() << "the arguments are in registers";
  return EFAULT;
}

TEST(DecodeCall, NativeBind) {
  Call call;
  const Notification bind = {.arch = kNativeArch, .number = __NR_bind, .args = {7, 0x7fff12345678, 16}};
  ASSERT_EQ(DecodeCall(bind, NoMemory, &call), 0);
  EXPECT_EQ(call.kind, CallKind::kBind);
  EXPECT_EQ(call.fd, 7);
  EXPECT_EQ(call.address, 0x7fff12345678u);
  EXPECT_EQ(call.address_length, 16);
}

TEST(DecodeCall, NativeListen) {
  Call call;
  ASSERT_EQ(DecodeCall({.arch = kNativeArch, .number = __NR_listen, .args = {3, 511}}, NoMemory, &call), 0);
  EXPECT_EQ(call.kind, CallKind::kListen);
  EXPECT_EQ(call.fd, 3);
  EXPECT_EQ(call.backlog, 511);
}

TEST(DecodeCall, NativeConnect) {
  Call call;
  const Notification connect = {.arch = kNativeArch, .number = __NR_connect, .args = {8, 0x7fff12345678, 28}};
  ASSERT_EQ(DecodeCall(connect, NoMemory, &call), 0);
  EXPECT_EQ(call.kind, CallKind::kConnect);
  EXPECT_EQ(call.fd, 8);
  EXPECT_EQ(call.address, 0x7fff12345678u);
  EXPECT_EQ(call.address_length, 28);
}

TEST(DecodeCall, NativeRing) {
  Call call;
  ASSERT_EQ(
      DecodeCall({.arch = AUDIT_ARCH_X86_64, .number = SYS_io_uring_setup, .args = {8, 0x7fff1234}}, NoMemory, &call),
      0);
  EXPECT_EQ(call.kind, CallKind::kRing);
  EXPECT_EQ(call.entries, 8u);
  EXPECT_EQ(call.address, 0x7fff1234u);
}

// Its requests would be read in the other layout.
TEST(DecodeCall, I386HasNoRings) {
  Call call;
  EXPECT_EQ(DecodeCall({.arch = AUDIT_ARCH_I386, .number = 425, .args = {8, 0x1234}}, NoMemory, &call), ENOSYS);
}

// The kernel takes these as int: what stands in the upper half of the register counts for nothing.
TEST(DecodeCall, IntegersAreTheLowerHalfOfTheirRegisters) {
  Call call;
  ASSERT_EQ(
      DecodeCall({.arch = kNativeArch, .number = __NR_listen, .args = {kHighBits | 3, 0xffffffff}}, NoMemory, &call),
      0);
  EXPECT_EQ(call.fd, 3);
  EXPECT_EQ(call.backlog, -1);
  ASSERT_EQ(DecodeCall({.arch = kNativeArch, .number = __NR_bind, .args = {0xffffffff, 0, kHighBits}}, NoMemory, &call),
            0);
  EXPECT_EQ(call.fd, -1);
  EXPECT_EQ(call.address_length, 0);
}

TEST(DecodeCall, NativeSocket) {
  Call call;
  const Notification socket = {
      .arch = kNativeArch, .number = __NR_socket, .args = {AF_INET6, kHighBits | SOCK_DGRAM, 17}};
  ASSERT_EQ(DecodeCall(socket, NoMemory, &call), 0);
  EXPECT_EQ(call.kind, CallKind::kSocket);
  EXPECT_TRUE(call.native);
  EXPECT_EQ(call.family, AF_INET6);
  EXPECT_EQ(call.type, SOCK_DGRAM);
  EXPECT_EQ(call.protocol, 17);
}

TEST(DecodeCall, NativeSocketpairIsNotOurs) {
  Call call;
  EXPECT_EQ(DecodeCall({.arch = kNativeArch, .number = __NR_socketpair}, NoMemory, &call), ENOSYS);
  EXPECT_EQ(DecodeCall({.arch = kNativeArch, .number = __NR_accept}, NoMemory, &call), ENOSYS);
}

TEST(DecodeCall, UnknownArchitecture) {
  Call call;
  EXPECT_EQ(DecodeCall({.arch = AUDIT_ARCH_PPC64, .number = __NR_bind}, NoMemory, &call), ENOSYS);
  EXPECT_EQ(DecodeCall({.arch = 0, .number = __NR_bind}, NoMemory, &call), ENOSYS);
}

TEST(DecodeCall, I386HasItsOwnNumbers) {
  Call call;
  ASSERT_EQ(DecodeCall({.arch = AUDIT_ARCH_I386, .number = kI386Bind, .args = {4, 0xffe01234, 28}}, NoMemory, &call),
            0);
  EXPECT_EQ(call.kind, CallKind::kBind);
  EXPECT_EQ(call.address, 0xffe01234u);
  EXPECT_EQ(call.address_length, 28);
  ASSERT_EQ(DecodeCall({.arch = AUDIT_ARCH_I386, .number = kI386Listen, .args = {4, 5}}, NoMemory, &call), 0);
  EXPECT_EQ(call.kind, CallKind::kListen);
  ASSERT_EQ(DecodeCall({.arch = AUDIT_ARCH_I386, .number = kI386Socket, .args = {2, 1, 6}}, NoMemory, &call), 0);
  EXPECT_EQ(call.kind, CallKind::kSocket);
  EXPECT_EQ(call.family, 2);
  EXPECT_EQ(call.type, 1);
  EXPECT_EQ(call.protocol, 6);
  ASSERT_EQ(
      DecodeCall({.arch = AUDIT_ARCH_I386, .number = kI386SocketPair, .args = {1, 1, 0, 0xffe0}}, NoMemory, &call), 0);
  EXPECT_EQ(call.kind, CallKind::kSocketPair);
  EXPECT_EQ(call.address, 0xffe0u);
  ASSERT_EQ(DecodeCall({.arch = AUDIT_ARCH_I386, .number = kI386Connect, .args = {5, 0xffe01234, 16}}, NoMemory, &call),
            0);
  EXPECT_EQ(call.kind, CallKind::kConnect);
  EXPECT_EQ(call.fd, 5);
  EXPECT_EQ(call.address, 0xffe01234u);
  EXPECT_EQ(DecodeCall({.arch = AUDIT_ARCH_I386, .number = __NR_bind}, NoMemory, &call), ENOSYS);
}

TEST(DecodeCall, I386PointersAre32BitsWide) {
  Call call;
  ASSERT_EQ(
      DecodeCall({.arch = AUDIT_ARCH_I386, .number = kI386Bind, .args = {4, kHighBits | 0x1234, 28}}, NoMemory, &call),
      0);
  EXPECT_EQ(call.address, 0x1234u);
}

Notification Socketcall(uint64_t operation, uint64_t words) {
  return {.arch = AUDIT_ARCH_I386, .number = kI386Socketcall, .args = {operation, words}};
}

// SYS_SOCKET 1, SYS_BIND 2, SYS_CONNECT 3, SYS_LISTEN 4, SYS_SOCKETPAIR 8: include/uapi/linux/net.h
TEST(DecodeCall, SocketcallsArgumentsLieInMemory) {
  Call call;
  ASSERT_EQ(DecodeCall(Socketcall(2, kWords), Memory{{9, 0xffe01234, 16}}, &call), 0);
  EXPECT_EQ(call.kind, CallKind::kBind);
  EXPECT_EQ(call.fd, 9);
  EXPECT_EQ(call.address, 0xffe01234u);
  EXPECT_EQ(call.address_length, 16);
  ASSERT_EQ(DecodeCall(Socketcall(3, kWords), Memory{{9, 0xffe01234, 16}}, &call), 0);
  EXPECT_EQ(call.kind, CallKind::kConnect);
  EXPECT_EQ(call.address_length, 16);
  ASSERT_EQ(DecodeCall(Socketcall(4, kWords), Memory{{9, 128}}, &call), 0);  // two words, and not one more
  EXPECT_EQ(call.kind, CallKind::kListen);
  EXPECT_EQ(call.backlog, 128);
  ASSERT_EQ(DecodeCall(Socketcall(1, kHighBits | kWords), Memory{{10, 2, 17}}, &call), 0);
  EXPECT_EQ(call.kind, CallKind::kSocket);
  EXPECT_EQ(call.family, 10);
  ASSERT_EQ(DecodeCall(Socketcall(8, kWords), Memory{{1, 2, 0, 0xffe0}}, &call), 0);
  EXPECT_EQ(call.kind, CallKind::kSocketPair);
  EXPECT_EQ(call.address, 0xffe0u);
}

TEST(DecodeCall, SocketcallOfSomethingElse) {
  Call call;
  EXPECT_EQ(DecodeCall(Socketcall(5, kWords), NoMemory, &call), ENOSYS);  // SYS_ACCEPT
  EXPECT_EQ(DecodeCall(Socketcall(0, kWords), NoMemory, &call), ENOSYS);
  EXPECT_EQ(DecodeCall(Socketcall(0xffffffff, kWords), NoMemory, &call), ENOSYS);
}

TEST(DecodeCall, SocketcallWhoseArgumentsCannotBeRead) {
  Call call;
  EXPECT_EQ(DecodeCall(Socketcall(2, kWords), Memory{{9, 0xffe01234}}, &call), EFAULT);  // one word short
  EXPECT_EQ(DecodeCall(Socketcall(2, 0), Memory{{9, 0, 16}}, &call), EFAULT);
}

}  // namespace
}  // namespace forcebind
