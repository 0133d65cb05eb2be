// SPDX-License-Identifier: Apache-2.0
// The call comes from an unusual task, or with unusual numbers.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attempt.h"

void PlaceHere(char** arguments) {
  (void)arguments;
  Place();
}

// In this thread's own table of descriptors the number is another socket than in the leader's.
static void* BindInOwnTable(void* number) {
  const int fd = (int)(long)number;
  unshare(CLONE_FILES);
  dup2(socket(AF_INET, SOCK_STREAM, 0), fd);
  if (BindTo4(fd, "0.0.0.0", kPort) != 0) Note("bind: %s", strerror(errno));
  listen(fd, kBacklog);
  Hold();
  return NULL;
}

void OwnFilesThread(char** arguments) {
  pthread_t thread;
  (void)arguments;
  const long number = socket(AF_UNIX, SOCK_STREAM, 0);
  pthread_create(&thread, NULL, BindInOwnTable, (void*)number);
  pthread_join(thread, NULL);
  _exit(0);
}

static pthread_t leader;

static void* PlaceWithoutLeader(void* nothing) {
  pthread_join(leader, NULL);
  Place();
  Hold();
  _exit(0);
  return nothing;
}

void LeaderGone(char** arguments) {
  pthread_t thread;
  (void)arguments;
  leader = pthread_self();
  pthread_create(&thread, NULL, PlaceWithoutLeader, NULL);
  pthread_exit(NULL);
}

// The thread takes the leader's number while it executes.
static void* Execute(void* nothing) {
  char* words[] = {"attempt", "place", NULL};
  execv("/proc/self/exe", words);
  return nothing;
}

void ExecInThread(char** arguments) {
  pthread_t thread;
  (void)arguments;
  pthread_create(&thread, NULL, Execute, NULL);
  pthread_join(thread, NULL);
}

static int BindAndLeave(void* number) { return BindTo4((int)(long)number, "0.0.0.0", kPort) == 0 ? 0 : errno; }

// A process that shares memory and descriptors, binds, and is gone.
void CloneSharingFiles(char** arguments) {
  int status = 0;
  (void)arguments;
  const long fd = socket(AF_INET, SOCK_STREAM, 0);
  const pid_t child = clone(BindAndLeave, (char*)LowMemory(65536) + 65536, CLONE_VM | CLONE_FILES | SIGCHLD, (void*)fd);
  waitpid(child, &status, 0);
  Note("bind: %s", strerror(WEXITSTATUS(status)));
  listen((int)fd, kBacklog);
}

// A child makes the socket in a network namespace of its own; it is bound here.
void SocketOfOtherNamespace(char** arguments) {
  int from[2], done[2];
  char byte;
  (void)arguments;
  if (pipe(from) != 0 || pipe(done) != 0) return;
  const pid_t child = fork();
  if (child == 0) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) Note("unshare: %s", strerror(errno));
    dup2(socket(AF_INET, SOCK_STREAM, 0), kInherited);
    close(done[1]);
    if (write(from[1], "x", 1) == 1 && read(done[0], &byte, 1) >= 0) _exit(0);
    _exit(1);
  }
  if (read(from[0], &byte, 1) != 1) return;
  const int fd = PidfdGetfd(PidfdOpen(child), kInherited);
  if (fd < 0) Note("pidfd_getfd: %s", strerror(errno));
  if (BindTo4(fd, "0.0.0.0", kPort) != 0) Note("bind: %s", strerror(errno));
  if (listen(fd, kBacklog) != 0) Note("listen: %s", strerror(errno));
  close(done[1]);
  waitpid(child, NULL, 0);
}

// Where the unified hierarchy is mounted.
static int OpenCgroups(void) {
  static const char* const kPlaces[] = {"/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/unified/cgroup.procs"};
  for (size_t i = 0; i < sizeof(kPlaces) / sizeof(kPlaces[0]); ++i) {
    const int fd = open(kPlaces[i], O_WRONLY | O_CLOEXEC);
    if (fd >= 0) return fd;
  }
  return -1;
}

// leave-cgroup [raw|mptcp-endpoint]: as systemd's manager of a user has done for him. A bind of UDP, a raw socket and
// an MPTCP endpoint are what no other wall would look at.
void LeaveCgroup(char** arguments) {
  const int fd = OpenCgroups();
  const char* what = arguments[0] != NULL ? arguments[0] : "udp";
  if (write(fd, "0", 1) != 1) Note("leave the cgroup: %s", strerror(errno));
  if (strcmp(what, "mptcp-endpoint") == 0) return MptcpEndpoint(arguments + 1);
  if (strcmp(what, "raw") == 0) {
    if (socket(AF_INET, SOCK_RAW, IPPROTO_TCP) < 0) Note("socket: %s", strerror(errno));
    return;
  }
  if (BindTo4(socket(AF_INET, SOCK_DGRAM, 0), "0.0.0.0", kPort) != 0) Note("bind: %s", strerror(errno));
}

#ifdef __x86_64__
// The kernel takes an int from the lower half of a register.
static long WithRubbish(long value) { return value | (long)0x5a5a5a5a00000000; }

void UpperBits(char** arguments) {
  const struct sockaddr_in name = Ipv4("0.0.0.0", kPort);
  (void)arguments;
  const long fd = syscall(SYS_socket, WithRubbish(AF_INET), WithRubbish(SOCK_STREAM), WithRubbish(0));
  syscall(SYS_bind, WithRubbish(fd), &name, WithRubbish(sizeof(name)));
  syscall(SYS_listen, WithRubbish(fd), WithRubbish(kBacklog));
}

void PacketUpperBits(char** arguments) {
  (void)arguments;
  if (syscall(SYS_socket, WithRubbish(AF_PACKET), WithRubbish(SOCK_RAW), htons(ETH_P_ALL)) < 0) {
    Note("socket: %s", strerror(errno));
  }
}
#else
void UpperBits(char** arguments) { PlaceHere(arguments); }
void PacketUpperBits(char** arguments) { (void)arguments; }
#endif
