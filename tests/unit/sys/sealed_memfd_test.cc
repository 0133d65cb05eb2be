// SPDX-License-Identifier: Apache-2.0
#include "sys/sealed_memfd.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

namespace forcebind {
namespace {

TEST(SealedMemfd, HoldsTheTextAndNobodyChangesIt) {
  const std::string text(100000, 'x');
  auto fd = SealedMemfd("test", text);
  ASSERT_TRUE(fd.ok());
  EXPECT_EQ(fcntl(fd->get(), F_GETFD), FD_CLOEXEC);
  EXPECT_NE(pwrite(fd->get(), "y", 1, 0), 1);
  EXPECT_NE(ftruncate(fd->get(), 0), 0);
  auto read = ReadSealedMemfd(fd->get(), text.size());
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, text);
}

TEST(SealedMemfd, TextOverTheLimitIsRefused) {
  auto fd = SealedMemfd("test", "12345");
  ASSERT_TRUE(fd.ok());
  EXPECT_TRUE(absl::IsInvalidArgument(ReadSealedMemfd(fd->get(), 4).status()));
  EXPECT_TRUE(ReadSealedMemfd(fd->get(), 5).ok());
}

TEST(SealedMemfd, WhatItsSenderCouldStillChangeIsRefused) {
  UniqueFd open_memfd(memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(write(open_memfd.get(), "text", 4), 4);
  EXPECT_TRUE(absl::IsInvalidArgument(ReadSealedMemfd(open_memfd.get(), 100).status()));
  ASSERT_EQ(fcntl(open_memfd.get(), F_ADD_SEALS, F_SEAL_WRITE), 0);
  EXPECT_TRUE(absl::IsInvalidArgument(ReadSealedMemfd(open_memfd.get(), 100).status()));
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  UniqueFd reading(ends[0]), writing(ends[1]);
  EXPECT_FALSE(ReadSealedMemfd(reading.get(), 100).ok());
}

}  // namespace
}  // namespace forcebind
