// SPDX-License-Identifier: Apache-2.0
// Threads, children, signals, filters, and waiting for the test.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe.h"

static void* RunInThread(void* calls) {
  RunCalls(calls);
  return (void*)syscall(SYS_gettid);
}

// In a thread that is not the leader. It is joined before it closes what it alone has open, and gone afterwards.
static void Thread(const struct Line* line, struct Answer* answer) {
  pthread_t thread;
  void* tid;
  char* calls = strdup(Rest(line, 1));
  if (pthread_create(&thread, NULL, RunInThread, calls) != 0) abort();
  pthread_join(thread, &tid);
  while (syscall(SYS_tgkill, getpid(), (long)tid, 0) == 0) sched_yield();
  free(calls);
  Say(answer, "joined");
}

static void SayStatus(int status, struct Answer* answer) {
  if (WIFSIGNALED(status)) {
    Say(answer, "killed by %d", WTERMSIG(status));
  } else {
    Say(answer, "exited with %d", WEXITSTATUS(status));
  }
}

static void AwaitChild(pid_t child, struct Answer* answer) {
  int status = 0;
  if (waitpid(child, &status, 0) == child) {
    SayStatus(status, answer);
  } else {
    SetResult(answer, -1);
  }
}

static void Fork(const struct Line* line, struct Answer* answer) {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    RunCalls(Rest(line, 1));
    _exit(0);
  }
  AwaitChild(child, answer);
}

static void Exec(const struct Line* line) {
  char* arguments[] = {"probe", Rest(line, 1), NULL};
  execv("/proc/self/exe", arguments);
  _exit(98);
}

// In a program that a vfork(2) child executes. Its descriptors have numbers, not names.
static void Spawn(const struct Line* line, struct Answer* answer) {
  fflush(stdout);
  const pid_t child = vfork();
  if (child == 0) Exec(line);
  AwaitChild(child, answer);
}

// Goes on as a process of its own, once the first one is gone: a daemon.
static void Daemon(struct Answer* answer) {
  int first_lives[2];
  char byte;
  if (pipe(first_lives) != 0) abort();
  fflush(stdout);
  if (fork() != 0) _exit(0);
  setsid();
  if (fork() != 0) _exit(0);
  close(first_lives[1]);
  SetResult(answer, read(first_lives[0], &byte, 1));
  close(first_lives[0]);
}

// orphan FD: ends when the test says so, and leaves a child behind, until the test closes its end of FD.
static void Orphan(const struct Line* line) {
  char byte;
  fflush(stdout);
  if (fork() == 0) _exit(read(Number(Word(line, 1)), &byte, 1) == 0 ? 0 : 1);
  printf("born\n");
  fflush(stdout);
  _exit(read(STDIN_FILENO, &byte, 1) == 1 ? 0 : 1);
}

// ---- many binds at once, and binds under signals

static struct sockaddr_in crowd_address;
static pthread_barrier_t crowd_barrier;
static _Atomic int failures[4096];

static void CountFailure(int error) { ++failures[error & 4095]; }

static void SayFailures(struct Answer* answer) {
  size_t used = 0;
  snprintf(answer->text, sizeof(answer->text), "all succeeded");
  for (int error = 0; error < 4096 && used < sizeof(answer->text); ++error) {
    if (failures[error] == 0) continue;
    used += (size_t)snprintf(answer->text + used, sizeof(answer->text) - used, "%d x %s ", failures[error],
                             ErrnoWord(error));
  }
}

static void* BindOne(void* index) {
  struct sockaddr_in name = crowd_address;
  name.sin_port = htons((uint16_t)(ntohs(name.sin_port) + (long)index));
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  pthread_barrier_wait(&crowd_barrier);
  if (bind(fd, (struct sockaddr*)&name, sizeof(name)) != 0 || listen(fd, 5) != 0) CountFailure(errno);
  return NULL;
}

// crowd COUNT ADDRESS: that many threads, each on a port of its own, at once.
static void Crowd(const struct Line* line, struct Answer* answer) {
  const long count = Number(Word(line, 1));
  pthread_t threads[256];
  if (count > 256) abort();
  memcpy(&crowd_address, ParseAddress(Word(line, 2), "").data, sizeof(crowd_address));
  pthread_barrier_init(&crowd_barrier, NULL, (unsigned)count);
  for (long i = 0; i < count; ++i) pthread_create(&threads[i], NULL, BindOne, (void*)i);
  for (long i = 0; i < count; ++i) pthread_join(threads[i], NULL);
  SayFailures(answer);
}

static volatile sig_atomic_t alarms;
static void OnAlarm(int signal_number) {
  (void)signal_number;
  ++alarms;
}

static int IsRetriedInterruption(int retry) { return retry && errno == EINTR; }

static int BindAndListen(int fd, const struct ProbeAddress* address, int retry) {
  int result;
  do {
    result = bind(fd, address->data, (socklen_t)address->length);
  } while (result != 0 && IsRetriedInterruption(retry));
  while (result == 0 && listen(fd, 1) != 0) {
    if (!IsRetriedInterruption(retry)) return -1;
  }
  return result;
}

// storm COUNT ADDRESS [interrupting]: that many binds one after the other, while a timer sends 1,000 signals a second.
// Handlers restart system calls (SA_RESTART), or interrupt them: then a call that was interrupted is made again.
static void Storm(const struct Line* line, struct Answer* answer) {
  const int interrupting = strcmp(Word(line, 3), "interrupting") == 0;
  const struct sigaction action = {.sa_handler = OnAlarm, .sa_flags = interrupting ? 0 : SA_RESTART};
  const struct itimerval on = {{0, 1000}, {0, 1000}}, off = {{0, 0}, {0, 0}};
  const struct ProbeAddress address = ParseAddress(Word(line, 2), "");
  const int count = Number(Word(line, 1));
  sigaction(SIGALRM, &action, NULL);
  setitimer(ITIMER_REAL, &on, NULL);
  for (int i = 0; i < count; ++i) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (BindAndListen(fd, &address, interrupting) != 0) CountFailure(errno);
    close(fd);
  }
  setitimer(ITIMER_REAL, &off, NULL);
  SayFailures(answer);
  if (alarms == 0) Say(answer, "no signal came");
}

// ---- a connect that waits

struct Waiting {
  int fd;
  struct ProbeAddress address;
  int result, error;
};

static void* ConnectAndWait(void* argument) {
  struct Waiting* waiting = argument;
  waiting->result = connect(waiting->fd, waiting->address.data, (socklen_t)waiting->address.length);
  waiting->error = errno;
  return NULL;
}

static int IsConnecting(int fd) {
  struct tcp_info info;
  socklen_t length = sizeof(info);
  return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 && info.tcpi_state == TCP_SYN_SENT;
}

static void BindAnother(void) {
  const struct sockaddr_in any = {.sin_family = AF_INET};
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(fd, (const struct sockaddr*)&any, sizeof(any)) != 0) CountFailure(errno);
  close(fd);
}

// interrupt FD ADDRESS: a thread connects FD, which has to wait; meanwhile this one binds other sockets, as
// often as it likes, and then sends that thread a signal whose handler ends the call.
static void Interrupt(const struct Line* line, struct Answer* answer) {
  const struct sigaction action = {.sa_handler = OnAlarm};
  struct Waiting waiting = {.fd = Number(Word(line, 1)), .address = ParseAddress(Word(line, 2), "")};
  pthread_t thread;
  sigaction(SIGALRM, &action, NULL);
  pthread_create(&thread, NULL, ConnectAndWait, &waiting);
  while (!IsConnecting(waiting.fd)) BindAnother();
  for (int i = 0; i < 100; ++i) BindAnother();
  pthread_kill(thread, SIGALRM);
  pthread_join(thread, NULL);
  SayFailures(answer);
  if (strcmp(answer->text, "all succeeded") != 0) return;
  answer->text[0] = '\0';
  answer->value = waiting.result;
  answer->error = waiting.error;
}

// ---- filters

static void Filter(const struct Line* line, struct Answer* answer) {
  struct sock_filter allow_all = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog program = {.len = 1, .filter = &allow_all};
  const unsigned flags = strcmp(Word(line, 1), "listener") == 0 ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  SetResult(answer, syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program));
}

// sysctl NAME VALUE, of this network namespace
static void Sysctl(const struct Line* line, struct Answer* answer) {
  char path[200];
  snprintf(path, sizeof(path), "/proc/sys/%s", Word(line, 1));
  const int fd = open(path, O_WRONLY);
  SetResult(answer, write(fd, Word(line, 2), strlen(Word(line, 2))));
  close(fd);
}

// ---- what the process has

static void Descriptors(struct Answer* answer) {
  DIR* directory = opendir("/proc/self/fd");
  int highest = -1, count = 0;
  for (struct dirent* entry; (entry = readdir(directory)) != NULL;) {
    if (entry->d_name[0] == '.' || atoi(entry->d_name) == dirfd(directory)) continue;
    ++count;
    if (atoi(entry->d_name) > highest) highest = atoi(entry->d_name);
  }
  closedir(directory);
  Say(answer, "%d descriptors, the highest is %d", count, highest);
}

static void Children(struct Answer* answer) { SetResult(answer, waitpid(-1, NULL, WNOHANG | __WALL)); }

static void Self(const struct Line* line, struct Answer* answer) {
  (void)line;
  Say(answer, "pid %d ppid %d pgid %d sid %d foreground %d", getpid(), getppid(), getpgrp(), getsid(0), tcgetpgrp(0));
}

// Signals that are ignored or blocked, as a program finds them at its start.
static void Signals(struct Answer* answer) {
  sigset_t blocked;
  size_t used = 0;
  sigprocmask(SIG_SETMASK, NULL, &blocked);
  for (int number = 1; number < 32; ++number) {
    struct sigaction action;
    if (sigaction(number, NULL, &action) != 0) continue;
    const char* what = action.sa_handler == SIG_IGN ? "ignored" : sigismember(&blocked, number) == 1 ? "blocked" : NULL;
    if (what == NULL) continue;
    used += (size_t)snprintf(answer->text + used, sizeof(answer->text) - used, "%d %s ", number, what);
  }
  if (used == 0) Say(answer, "none");
}

// sigwait NUMBER…: says which of these signals come, until the last of them has. None is missed: they are blocked.
static void AwaitSignals(const struct Line* line) {
  sigset_t set;
  int last = 0, number = 0;
  sigemptyset(&set);
  for (int i = 1; i < line->count; ++i) sigaddset(&set, last = Number(line->words[i]));
  sigprocmask(SIG_BLOCK, &set, NULL);
  printf("awaiting\n");
  while (number != last) {
    fflush(stdout);
    number = sigwaitinfo(&set, NULL);
    if (number > 0) printf("got %d\n", number);
  }
}

// Until the test writes a line, or closes standard input.
static void Hold(void) {
  char byte;
  printf("holding\n");
  fflush(stdout);
  while (read(STDIN_FILENO, &byte, 1) > 0 && byte != '\n') {
  }
}

static void Raise(const struct Line* line) {
  const struct rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  raise(Number(Word(line, 1)));
}

int ProcessCall(const struct Line* line, struct Answer* answer) {
  const char* call = line->words[0];
  const int known = 1;
  if (strcmp(call, "thread") == 0) return Thread(line, answer), known;
  if (strcmp(call, "fork") == 0) return Fork(line, answer), known;
  if (strcmp(call, "spawn") == 0) return Spawn(line, answer), known;
  if (strcmp(call, "exec") == 0) return fflush(stdout), Exec(line), known;
  if (strcmp(call, "daemon") == 0) return Daemon(answer), known;
  if (strcmp(call, "orphan") == 0) return Orphan(line), known;
  if (strcmp(call, "crowd") == 0) return Crowd(line, answer), known;
  if (strcmp(call, "storm") == 0) return Storm(line, answer), known;
  if (strcmp(call, "interrupt") == 0) return Interrupt(line, answer), known;
  if (strcmp(call, "filter") == 0) return Filter(line, answer), known;
  if (strcmp(call, "sysctl") == 0) return Sysctl(line, answer), known;
  if (strcmp(call, "descriptors") == 0) return Descriptors(answer), known;
  if (strcmp(call, "children") == 0) return Children(answer), known;
  if (strcmp(call, "self") == 0) return Self(line, answer), known;
  if (strcmp(call, "signals") == 0) return Signals(answer), known;
  if (strcmp(call, "raise") == 0) return Raise(line), known;
  if (strcmp(call, "exit") == 0) exit(Number(Word(line, 1)));
  if (strcmp(call, "sigwait") == 0) return AwaitSignals(line), known;
  if (strcmp(call, "hold") == 0) return Hold(), known;
  return 0;
}
