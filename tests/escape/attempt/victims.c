// SPDX-License-Identifier: Apache-2.0
// What a service can do to another process: the companion, or natively one that stands where it would.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attempt.h"

void KillCompanion(char** arguments) {
  const pid_t victim = AwaitVictim();
  struct pollfd gone = {.fd = PidfdOpen(victim), .events = POLLIN};
  if (kill(victim, SIGKILL) != 0) Note("kill: %s", strerror(errno));
  poll(&gone, 1, 5000);
  if (arguments[0] == NULL) {
    Place();
  } else {  // listen without bind
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    Note("listen: %s", listen(fd, kBacklog) == 0 ? "done" : strerror(errno));
  }
}

static struct sockaddr_in swapped;
static atomic_int bound;

static void* BindSwapped(void* number) {
  bind((int)(long)number, (struct sockaddr*)&swapped, sizeof(swapped));
  atomic_store(&bound, 1);
  return NULL;
}

// The companion stands still while the call waits; meanwhile everything changes that the call was about.
void StopCompanion(char** arguments) {
  pthread_t thread;
  const pid_t victim = AwaitVictim();
  const int number = socket(AF_UNIX, SOCK_STREAM, 0), tcp = socket(AF_INET, SOCK_STREAM, 0);
  (void)arguments;
  swapped = Ipv4("127.84.3.1", kPort);
  kill(victim, SIGSTOP);
  pthread_create(&thread, NULL, BindSwapped, (void*)(long)number);
  for (int i = 0; i < 10000 && !atomic_load(&bound); ++i) sched_yield();
  swapped = Ipv4("0.0.0.0", kPort);
  dup2(tcp, number);
  kill(victim, SIGCONT);
  pthread_join(thread, NULL);
  BindTo4(tcp, "0.0.0.0", kPort);
  listen(tcp, kBacklog);
}

// ---- the companion is killed when it has called listen(2), before it has looked what came of it

static struct sockaddr_in taken;
static atomic_int listened, lost;

static void* ListenAndTell(void* number) {
  listen((int)(long)number, kBacklog);
  atomic_store(&listened, 1);
  return NULL;
}

// A socket without a port may be bound again, and loses its address when that fails.
static void* LoseAddress(void* number) {
  bind((int)(long)number, (struct sockaddr*)&taken, sizeof(taken));
  atomic_store(&lost, 1);
  return NULL;
}

// Lets the victim run to its listen(2), or to the end of that. False: this process's listen() is over before.
static int RunVictimTo(pid_t victim, int op) {
  static unsigned long entered;
  for (;;) {
    struct __ptrace_syscall_info info = {0};
    ptrace(PTRACE_SYSCALL, victim, NULL, NULL);
    while (waitpid(victim, NULL, __WALL | WNOHANG) == 0) {
      if (atomic_load(&listened)) return 0;
      sched_yield();
    }
    if (ptrace(PTRACE_GET_SYSCALL_INFO, victim, sizeof(info), &info) <= 0) return 0;
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) entered = info.entry.nr;
    if (info.op == op && entered == SYS_listen) return 1;
  }
}

// Whoever may not trace it has SIGSTOP, SIGCONT and patience.
void KillCompanionInListen(char** arguments) {
  pthread_t thread;
  const pid_t victim = AwaitVictim();
  const int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);
  (void)arguments;
  taken = Ipv4("127.84.3.1", kPort);
  bind(listener, (struct sockaddr*)&taken, sizeof(taken));
  listen(listener, kBacklog);
  SetInt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
  BindTo4(fd, "127.84.3.1", 0);
  LoseAddress((void*)(long)fd);  // natively there is no other moment
  if (ptrace(PTRACE_SEIZE, victim, NULL, PTRACE_O_TRACESYSGOOD) != 0) Note("ptrace: %s", strerror(errno));
  ptrace(PTRACE_INTERRUPT, victim, NULL, NULL);
  waitpid(victim, NULL, __WALL);
  pthread_create(&thread, NULL, ListenAndTell, (void*)(long)fd);
  atomic_store(&lost, 0);
  if (RunVictimTo(victim, PTRACE_SYSCALL_INFO_ENTRY)) {
    pthread_create(&thread, NULL, LoseAddress, (void*)(long)fd);  // waits, if it takes the victim
    for (int i = 0; i < 1000000 && !atomic_load(&lost); ++i) sched_yield();
    RunVictimTo(victim, PTRACE_SYSCALL_INFO_EXIT);
  }
  kill(victim, SIGKILL);
}

// A process of the same user may change another one's limits.
void StarveCompanion(char** arguments) {
  static const int kLimits[] = {RLIMIT_NOFILE, RLIMIT_NPROC, RLIMIT_STACK, RLIMIT_AS, RLIMIT_DATA};
  const struct rlimit none = {0, 0};
  const pid_t victim = AwaitVictim();
  (void)arguments;
  for (size_t i = 0; i < sizeof(kLimits) / sizeof(kLimits[0]); ++i) {
    if (prlimit(victim, (enum __rlimit_resource)kLimits[i], &none, NULL) != 0) Note("prlimit: %s", strerror(errno));
  }
  Place();
}

#ifdef __x86_64__
// Lets the victim make a system call: it is stopped in one, whose instruction is before its program counter.
static long CallInVictim(pid_t victim, const struct user_regs_struct* at, long number, long a, long b, long c) {
  struct user_regs_struct registers = *at;
  int status;
  registers.rip -= 2;
  registers.orig_rax = (unsigned long)-1;
  registers.rax = (unsigned long)number;
  registers.rdi = (unsigned long)a, registers.rsi = (unsigned long)b, registers.rdx = (unsigned long)c;
  ptrace(PTRACE_SETREGS, victim, NULL, &registers);
  ptrace(PTRACE_SINGLESTEP, victim, NULL, NULL);
  waitpid(victim, &status, 0);
  ptrace(PTRACE_GETREGS, victim, NULL, &registers);
  return (long)registers.rax;
}

void TraceVictim(char** arguments) {
  const pid_t victim = AwaitVictim();
  struct user_regs_struct registers;
  int status;
  (void)arguments;
  if (ptrace(PTRACE_ATTACH, victim, NULL, NULL) != 0) return Note("ptrace: %s", strerror(errno));
  waitpid(victim, &status, 0);
  ptrace(PTRACE_GETREGS, victim, NULL, &registers);
  const struct sockaddr_in name = Ipv4("0.0.0.0", kPort);
  const unsigned long place = (registers.rsp - 1024) & ~15ul;
  long words[2];
  memcpy(words, &name, sizeof(words));
  for (int i = 0; i < 2; ++i) ptrace(PTRACE_POKEDATA, victim, place + 8 * (unsigned)i, words[i]);
  const long fd = CallInVictim(victim, &registers, SYS_socket, AF_INET, SOCK_STREAM, 0);
  Note("socket in the victim: %ld", fd);
  CallInVictim(victim, &registers, SYS_bind, fd, (long)place, sizeof(name));
  CallInVictim(victim, &registers, SYS_listen, fd, kBacklog, 0);
  // It goes on holding the socket, stopped where it was.
}
#else
void TraceVictim(char** arguments) { (void)arguments; }
#endif

static void* AnswerContinue(void* notify_fd) {
  for (;;) {
    struct seccomp_notif call = {0};
    if (ioctl((int)(long)notify_fd, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) continue;
    struct seccomp_notif_resp answer = {.id = call.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    ioctl((int)(long)notify_fd, SECCOMP_IOCTL_NOTIF_SEND, &answer);
  }
  return NULL;
}

static int IsNotifyFd(int fd) {
  uint64_t none = 0;
  return ioctl(fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &none) != 0 && errno == ENOENT;
}

// Takes what the victim has: a listener, or the right to answer this process's own calls. Of those some are forced
// elsewhere, and listen without bind is not.
void TakeFromVictim(char** arguments) {
  pthread_t thread;
  const pid_t victim = AwaitVictim();
  const int pidfd = PidfdOpen(victim);
  (void)arguments;
  kill(victim, SIGSTOP);
  for (int number = 0; number < 100; ++number) {
    const int taken = PidfdGetfd(pidfd, number);
    if (taken < 0 && errno == EPERM) {
      Note("pidfd_getfd: %s", strerror(errno));
      break;
    }
    if (taken < 0) continue;
    if (HasEscaped(taken)) break;
    if (IsNotifyFd(taken)) {
      pthread_create(&thread, NULL, AnswerContinue, (void*)(long)taken);
      Place();
      listen(socket(AF_INET, SOCK_STREAM, 0), kBacklog);
      break;
    }
  }
  kill(victim, SIGCONT);
}
