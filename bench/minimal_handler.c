// SPDX-License-Identifier: Apache-2.0
// minimal_handler: the least that a launcher with seccomp user notification can do, as the yardstick for forcebind's
// cost.
//
//     minimal_handler COMMAND [ARG...]
//
// The parent answers, the child becomes the command. Per call: receive, open a pidfd, take the descriptor, read the
// address, ask whether the call still waits, bind or listen on the copy, reply. Nothing is decided: every IPv4 and IPv6
// bind goes to 127.77.0.1, every listen is done as asked. It is not safe, and not meant to be used.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#endif

#define PRIVATE_ADDRESS 0x7f4d0001  // 127.77.0.1

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF_EQUAL(value, then, otherwise) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, then, otherwise)
#define RETURN(action) BPF_STMT(BPF_RET | BPF_K, action)

// The same kind of filter as forcebind's: two calls to notify, two families of calls to look into, one to refuse.
static struct sock_filter filter[] = {
    LOAD(arch),
    IF_EQUAL(NATIVE_ARCH, 1, 0),
    RETURN(SECCOMP_RET_ERRNO | ENOSYS),
    LOAD(nr),
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
    RETURN(SECCOMP_RET_ERRNO | ENOSYS),
    IF_EQUAL(__NR_bind, 5, 0),
    IF_EQUAL(__NR_listen, 4, 0),
    IF_EQUAL(__NR_socket, 4, 0),
    IF_EQUAL(__NR_io_uring_setup, 9, 0),
    IF_EQUAL(__NR_seccomp, 9, 0),
    RETURN(SECCOMP_RET_ALLOW),
    RETURN(SECCOMP_RET_USER_NOTIF),
    LOAD(args[0]),
    IF_EQUAL(AF_INET, 7, 0),
    IF_EQUAL(AF_INET6, 6, 0),
    IF_EQUAL(AF_UNIX, 5, 0),
    IF_EQUAL(AF_NETLINK, 4, 0),
    RETURN(SECCOMP_RET_ERRNO | EAFNOSUPPORT),
    RETURN(SECCOMP_RET_ERRNO | ENOSYS),
    LOAD(args[1]),
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, SECCOMP_FILTER_FLAG_NEW_LISTENER, 1, 0),
    RETURN(SECCOMP_RET_ALLOW),
    RETURN(SECCOMP_RET_ERRNO | EBUSY),
};

static void die(const char* what) {
  perror(what);
  exit(125);
}

static int load_filter(void) {
  struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
  const unsigned flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
  int fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
  if (fd < 0 && errno == EACCES && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
    fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
  if (fd < 0) die("seccomp");
  return fd;
}

static void send_fd(int channel, int fd) {
  char byte = 0;
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
  } control = {0};
  struct iovec data = {&byte, 1};
  struct msghdr message = {
      .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &fd, sizeof(fd));
  if (sendmsg(channel, &message, 0) != 1) die("sendmsg");
}

static int receive_fd(int channel) {
  char byte;
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
  } control;
  struct iovec data = {&byte, 1};
  struct msghdr message = {
      .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
  int fd;
  if (recvmsg(channel, &message, MSG_CMSG_CLOEXEC) != 1 || CMSG_FIRSTHDR(&message) == NULL) exit(125);
  memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
  return fd;
}

static void make_private(struct sockaddr_storage* name) {
  if (name->ss_family == AF_INET) {
    ((struct sockaddr_in*)name)->sin_addr.s_addr = htonl(PRIVATE_ADDRESS);
  } else if (name->ss_family == AF_INET6) {
    struct in6_addr* address = &((struct sockaddr_in6*)name)->sin6_addr;
    const uint32_t words[4] = {0, 0, htonl(0xffff), htonl(PRIVATE_ADDRESS)};
    memcpy(address, words, sizeof(words));
  }
}

static int act(int notify_fd, const struct seccomp_notif* call, int socket) {
  struct sockaddr_storage name = {0};
  const size_t size = call->data.nr == __NR_bind ? (size_t)call->data.args[2] : 0;
  struct iovec local = {&name, size};
  struct iovec remote = {(void*)call->data.args[1], size};
  if (size > sizeof(name)) return EINVAL;
  if (size > 0 && process_vm_readv((pid_t)call->pid, &local, 1, &remote, 1, 0) != (ssize_t)size) return EFAULT;
  if (ioctl(notify_fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &call->id) != 0) return ENOENT;
  if (call->data.nr == __NR_listen) return listen(socket, (int)call->data.args[1]) == 0 ? 0 : errno;
  make_private(&name);
  return bind(socket, (struct sockaddr*)&name, (socklen_t)size) == 0 ? 0 : errno;
}

static int handle(int notify_fd, const struct seccomp_notif* call) {
  const int pidfd = (int)syscall(SYS_pidfd_open, call->pid, O_EXCL /* PIDFD_THREAD */);
  if (pidfd < 0) return errno;
  const int socket = (int)syscall(SYS_pidfd_getfd, pidfd, (int)call->data.args[0], 0);
  const int error = socket < 0 ? errno : act(notify_fd, call, socket);
  if (socket >= 0) close(socket);
  close(pidfd);
  return error;
}

// Until the last process under the filter is gone.
static void answer_calls(int notify_fd) {
  struct pollfd watch = {notify_fd, POLLIN, 0};
  ioctl(notify_fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
  while (poll(&watch, 1, -1) >= 0 || errno == EINTR) {
    if ((watch.revents & POLLIN) == 0) break;
    struct seccomp_notif call = {0};
    if (ioctl(notify_fd, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) continue;
    struct seccomp_notif_resp answer = {.id = call.id, .error = -handle(notify_fd, &call)};
    ioctl(notify_fd, SECCOMP_IOCTL_NOTIF_SEND, &answer);
  }
}

int main(int argc, char** argv) {
  int channel[2];
  int status;
  if (argc < 2) return 125;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) != 0) die("socketpair");
  const pid_t child = fork();
  if (child < 0) die("fork");
  if (child == 0) {
    send_fd(channel[1], load_filter());
    execvp(argv[1], argv + 1);
    _exit(127);
  }
  close(channel[1]);
  answer_calls(receive_fd(channel[0]));
  if (waitpid(child, &status, 0) < 0) die("waitpid");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
