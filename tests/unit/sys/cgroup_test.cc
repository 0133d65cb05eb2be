// SPDX-License-Identifier: Apache-2.0
#include "sys/cgroup.h"

#include <gtest/gtest.h>

namespace forcebind {
namespace {

constexpr char kHybrid[] =
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw\n";

TEST(CgroupMount, IsFoundByItsTypeWhereverItIs) {
  const auto mount = ParseCgroupMount(kHybrid);
  ASSERT_TRUE(mount.has_value());
  EXPECT_EQ(mount->path, "/sys/fs/cgroup/unified");
  EXPECT_EQ(mount->root, "/");
}

TEST(CgroupMount, OneOfTheWholeHierarchyComesBeforeOneOfAPart) {
  const auto mount = ParseCgroupMount(
      "40 31 0:38 /a.slice /mnt/part rw - cgroup2 cgroup2 rw\n"
      "41 31 0:38 / /mnt/with\\040blank rw - cgroup2 cgroup2 rw\n");
  ASSERT_TRUE(mount.has_value());
  EXPECT_EQ(mount->path, "/mnt/with blank");
}

TEST(CgroupMount, IsMissingWhereOnlyTheFirstVersionIs) {
  EXPECT_FALSE(ParseCgroupMount("32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n").has_value());
  EXPECT_FALSE(ParseCgroupMount("").has_value());
}

TEST(CgroupOfProcess, IsTheLineOfTheSecondVersion) {
  const CgroupMount mount{"/sys/fs/cgroup/unified", "/"};
  EXPECT_EQ(ParseCgroupOfProcess(mount, "9:name=systemd:/\n4:memory:/x\n0::/system.slice/web.service\n"),
            "/sys/fs/cgroup/unified/system.slice/web.service");
  EXPECT_EQ(ParseCgroupOfProcess(mount, "0::/\n"), "/sys/fs/cgroup/unified");
}

TEST(CgroupOfProcess, IsSeenThroughAMountOfAPart) {
  const CgroupMount mount{"/cg", "/a.slice"};
  EXPECT_EQ(ParseCgroupOfProcess(mount, "0::/a.slice/b\n"), "/cg/b");
  EXPECT_EQ(ParseCgroupOfProcess(mount, "0::/a.slice\n"), "/cg");
  EXPECT_EQ(ParseCgroupOfProcess(mount, "0::/a.slice2/b\n"), "");
}

TEST(CgroupOfProcess, OutsideTheNamespaceOrRemovedIsNone) {
  const CgroupMount mount{"/cg", "/"};
  EXPECT_EQ(ParseCgroupOfProcess(mount, "0::/../other\n"), "");
  EXPECT_EQ(ParseCgroupOfProcess(mount, "0::/a (deleted)\n"), "");
  EXPECT_EQ(ParseCgroupOfProcess(mount, "4:memory:/x\n"), "");
}

}  // namespace
}  // namespace forcebind
