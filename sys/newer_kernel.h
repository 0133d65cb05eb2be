// SPDX-License-Identifier: Apache-2.0
// newer_kernel: names of the kernel's interface that are newer than Debian 12's headers. What a kernel lacks it refuses
// with EINVAL.
#ifndef FORCEBIND_SYS_NEWER_KERNEL_H_
#define FORCEBIND_SYS_NEWER_KERNEL_H_

#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>

#include <cstdint>

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS  // Linux 6.6
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP  // Linux 6.6
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif
#ifndef PIDFD_THREAD  // Linux 6.9
#define PIDFD_THREAD O_EXCL
#endif
#ifndef LANDLOCK_ACCESS_NET_BIND_TCP  // Linux 6.7, ABI 4
#define LANDLOCK_ACCESS_NET_BIND_TCP (1ULL << 0)
#endif
#ifndef IORING_SETUP_NO_SQARRAY  // Linux 6.6
#define IORING_SETUP_NO_SQARRAY (1U << 16)
#endif

namespace forcebind {

// Operations of io_uring, which are enumerators: bind and listen of Linux 6.11, pipe of 6.16.
inline constexpr uint8_t kIoringOpBind = 56, kIoringOpListen = 57, kIoringOpPipe = 62;

// struct landlock_ruleset_attr as of ABI 4.
struct LandlockRulesetWithNet {
  uint64_t handled_access_fs = 0;
  uint64_t handled_access_net = 0;
};

}  // namespace forcebind

#endif  // FORCEBIND_SYS_NEWER_KERNEL_H_
