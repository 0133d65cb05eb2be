// SPDX-License-Identifier: Apache-2.0
// Processes outside of the service: what comes from them was never looked at.
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "attempt.h"
#include "uring.h"

static const struct sockaddr_un kMeeting = {.sun_family = AF_UNIX, .sun_path = "\0bystander"};
enum { kMeetingLength = offsetof(struct sockaddr_un, sun_path) + 10 };

static int MakeSocket(const char* request) {
  if (strcmp(request, "vsock") == 0) return socket(AF_VSOCK, SOCK_STREAM, 0);
  const int udp = strcmp(request, "udp") == 0, sctp = strncmp(request, "sctp", 4) == 0;
  const int fd = socket(AF_INET, udp ? SOCK_DGRAM : SOCK_STREAM, sctp ? kSctp : 0);
  if (strcmp(request, "unbound") == 0 || strcmp(request, "sctp-unbound") == 0) return fd;
  if (BindTo4(fd, "0.0.0.0", kPort) != 0) Note("bind outside: %s", strerror(errno));
  if (strcmp(request, "listening") == 0) listen(fd, kBacklog);
  return fd;
}

static void MakeRingToTake(unsigned flags) {
  struct Ring ring;
  struct RingPlan plan;
  struct sockaddr_in* name = LowMemory(sizeof(*name));
  *name = Ipv4("0.0.0.0", kPort);
  if (MakeRing(&ring, flags, 0) != 0) return;
  const struct io_uring_rsrc_register table = {.nr = 4, .flags = IORING_RSRC_REGISTER_SPARSE};
  syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_FILES2, &table, sizeof(table));
  plan.parameters = ring.parameters;
  plan.address = (uintptr_t)name;
  const int plan_fd = memfd_create("plan", 0);
  if (write(plan_fd, &plan, sizeof(plan)) != sizeof(plan)) abort();
  dup2(plan_fd, kRingPlan);
  dup2(ring.fd, kInherited);
  close(ring.fd);
}

static void Send(int channel, int fd) {
  char byte = 0;
  union {
    char room[CMSG_SPACE(sizeof(int))];
    struct cmsghdr aligned;
  } control = {{0}};
  struct iovec data = {&byte, 1};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
  if (fd >= 0) {
    message.msg_control = &control;
    message.msg_controllen = sizeof(control.room);
    struct cmsghdr* head = CMSG_FIRSTHDR(&message);
    *head = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(head), &fd, sizeof(fd));
  }
  sendmsg(channel, &message, 0);
}

static int Receive(int channel) {
  char byte;
  int fd = -1;
  union {
    char room[CMSG_SPACE(sizeof(int))];
    struct cmsghdr aligned;
  } control;
  struct iovec data = {&byte, 1};
  struct msghdr message = {
      .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control.room)};
  if (recvmsg(channel, &message, 0) <= 0) return -1;
  const struct cmsghdr* head = CMSG_FIRSTHDR(&message);
  if (head != NULL) memcpy(&fd, CMSG_DATA(head), sizeof(fd));
  return fd;
}

static void Serve(int meeting) {
  char request[32] = "";
  const int channel = accept(meeting, NULL, NULL);
  if (read(channel, request, sizeof(request) - 1) > 0) {
    const int fd = MakeSocket(request);
    Send(channel, fd);
    close(fd);
  }
  close(channel);
}

// bystander [keep|ring]: has a listener, or a ring, that others may take; gives away what is asked for.
void Bystander(char** arguments) {
  prctl(PR_SET_NAME, "bystander");
  if (arguments[0] != NULL && strcmp(arguments[0], "keep") == 0) dup2(MakeSocket("listening"), kInherited);
  if (arguments[0] != NULL && strcmp(arguments[0], "ring") == 0) MakeRingToTake(IORING_SETUP_SQPOLL);
  const int meeting = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  if (bind(meeting, (const struct sockaddr*)&kMeeting, kMeetingLength) != 0 || listen(meeting, 5) != 0) abort();
  Note("ready");
  struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = meeting, .events = POLLIN}};
  for (;;) {
    if (poll(fds, 2, -1) < 0) continue;
    if (fds[0].revents != 0) _exit(0);
    if (fds[1].revents != 0) Serve(meeting);
  }
}

int AskBystander(const char* request) {
  const int channel = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  if (connect(channel, (const struct sockaddr*)&kMeeting, kMeetingLength) != 0) {
    Note("nobody outside: %s", strerror(errno));
    return -1;
  }
  if (write(channel, request, strlen(request)) < 0) return -1;
  const int fd = Receive(channel);
  close(channel);
  return fd;
}

// outer THING COMMAND…: has the thing at kInherited, and becomes the command.
void Outer(char** arguments) {
  if (strcmp(arguments[0], "ring") == 0) {
    MakeRingToTake(0);
  } else {
    const int fd = MakeSocket(arguments[0]);
    dup2(fd, kInherited);
    close(fd);
  }
  execv(arguments[1], arguments + 1);
  _exit(98);
}

// Between two processes of the service.
void PassInside(char** arguments) {
  int channel[2];
  (void)arguments;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, channel) != 0) return;
  if (fork() == 0) {
    Send(channel[1], socket(AF_INET, SOCK_STREAM, 0));
    _exit(0);
  }
  const int fd = Receive(channel[0]);
  BindTo4(fd, "0.0.0.0", kPort);
  listen(fd, kBacklog);
}

void ListenOnGiven(char** arguments) { listen(AskBystander(arguments[0]), kBacklog); }

void ListenOnInherited(char** arguments) {
  (void)arguments;
  listen(kInherited, kBacklog);
}

static void BindAndListen(int fd) {
  const int bound = BindTo4(fd, "0.0.0.0", kPort);
  Note("bind: %s", bound == 0 ? "done" : strerror(errno));
  if (bound == 0) listen(fd, kBacklog);
}

// bind-given [REQUEST]
void BindGiven(char** arguments) { BindAndListen(AskBystander(arguments[0] != NULL ? arguments[0] : "unbound")); }

void BindInherited(char** arguments) {
  (void)arguments;
  BindAndListen(kInherited);
}

void TakeListener(char** arguments) {
  (void)arguments;
  if (PidfdGetfd(PidfdOpen(AwaitVictim()), kInherited) < 0) Note("pidfd_getfd: %s", strerror(errno));
}
