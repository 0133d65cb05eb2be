// SPDX-License-Identifier: Apache-2.0
// Filters of the service's own: one that answers in forcebind's place, one that changes a call's number behind the
// first filter's back.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/reg.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attempt.h"

#ifdef __x86_64__
enum { kNumberOffset = ORIG_RAX * sizeof(long) };
#else
enum { kNumberOffset = ORIG_EAX * sizeof(long) };
#endif

// `action` for one call, every other one is let through.
static struct sock_fprog* FilterFor(long number, unsigned action) {
  struct sock_filter* code = LowMemory(4 * sizeof(*code));
  struct sock_fprog* program = LowMemory(sizeof(*program));
  code[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  code[1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1);
  code[2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action);
  code[3] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  program->len = 4;
  program->filter = code;
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  return program;
}

static void* AnswerContinue(void* notify_fd) {
  for (;;) {
    struct seccomp_notif call = {0};
    if (ioctl((int)(long)notify_fd, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) return NULL;
    struct seccomp_notif_resp answer = {.id = call.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    ioctl((int)(long)notify_fd, SECCOMP_IOCTL_NOTIF_SEND, &answer);
  }
}

static void PlaceUnder(long notify_fd) {
  pthread_t thread;
  if (notify_fd < 0) Note("seccomp: %s", strerror(errno));
  if (notify_fd >= 0) pthread_create(&thread, NULL, AnswerContinue, (void*)notify_fd);
  Place();
}

void OwnNotifier(char** arguments) {
  (void)arguments;
  PlaceUnder(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                     FilterFor(SYS_bind, SECCOMP_RET_USER_NOTIF)));
}

void OwnNotifierInt80(char** arguments) {
  (void)arguments;
  const struct sock_fprog* program = FilterFor(SYS_bind, SECCOMP_RET_USER_NOTIF);
  struct {
    unsigned short length;
    unsigned filter;
  }* narrow = LowMemory(sizeof(*narrow));
  narrow->length = program->len;
  narrow->filter = (unsigned)(uintptr_t)program->filter;
  PlaceUnder(I386Call(354, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, (long)narrow));
}

void OwnNotifierAfterKill(char** arguments) {
  const pid_t victim = AwaitVictim();
  struct pollfd gone = {.fd = PidfdOpen(victim), .events = POLLIN};
  kill(victim, SIGKILL);
  poll(&gone, 1, 5000);
  OwnNotifier(arguments);
}

// The child calls getppid() with the arguments of bind() and listen(), and its tracer says which call that is, after
// the filters have let it through.
static void BeTraced(void) {
  const struct sockaddr_in name = Ipv4("0.0.0.0", kPort);
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  ptrace(PTRACE_TRACEME, 0, NULL, NULL);
  raise(SIGSTOP);
  syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, FilterFor(SYS_getppid, SECCOMP_RET_TRACE));
  syscall(SYS_getppid, fd, &name, sizeof(name));
  syscall(SYS_getppid, fd, kBacklog);
}

void TracedNumber(char** arguments) {
  const long numbers[] = {SYS_bind, SYS_listen};
  int status;
  (void)arguments;
  const pid_t child = fork();
  if (child == 0) return BeTraced();
  waitpid(child, &status, 0);
  ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL);
  for (int i = 0; i < 2; ++i) {
    ptrace(PTRACE_CONT, child, NULL, NULL);
    waitpid(child, &status, 0);
    if (status >> 8 != (SIGTRAP | PTRACE_EVENT_SECCOMP << 8)) Note("stopped by %x", (unsigned)status);
    ptrace(PTRACE_POKEUSER, child, kNumberOffset, numbers[i]);
  }
  ptrace(PTRACE_DETACH, child, NULL, NULL);
  waitpid(child, &status, 0);
  _exit(0);
}
