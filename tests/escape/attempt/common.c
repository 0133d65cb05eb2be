// SPDX-License-Identifier: Apache-2.0
// What the attempts share.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "attempt.h"

struct sockaddr_in Ipv4(const char* host, unsigned port) {
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  if (inet_pton(AF_INET, host, &name.sin_addr) != 1) abort();
  return name;
}

struct sockaddr_in6 Ipv6(const char* host, unsigned port) {
  struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
  if (inet_pton(AF_INET6, host, &name.sin6_addr) != 1) abort();
  return name;
}

int BindTo4(int fd, const char* host, unsigned port) {
  const struct sockaddr_in name = Ipv4(host, port);
  return bind(fd, (const struct sockaddr*)&name, sizeof(name));
}

int BindTo6(int fd, const char* host, unsigned port) {
  const struct sockaddr_in6 name = Ipv6(host, port);
  return bind(fd, (const struct sockaddr*)&name, sizeof(name));
}

int Disconnect(int fd) {
  const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
  return connect(fd, &nobody, sizeof(nobody));
}

int SetInt(int fd, int level, int option, int value) { return setsockopt(fd, level, option, &value, sizeof(value)); }

int Place(void) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const int bound = BindTo4(fd, "0.0.0.0", kPort);
  Note("bind: %s", bound == 0 ? "done" : strerror(errno));
  if (bound == 0 && listen(fd, kBacklog) == 0) return fd;
  close(fd);
  return -1;
}

struct Connection ConnectTo(int family, int connecting_protocol, const char* host) {
  struct Connection made;
  struct sockaddr_storage name;
  socklen_t length = sizeof(name);
  const struct linger none = {1, 0};
  made.listener = socket(family, SOCK_STREAM, 0);
  if (family == AF_INET) {
    BindTo4(made.listener, host, 0);
  } else {
    SetInt(made.listener, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    BindTo6(made.listener, host, 0);
  }
  listen(made.listener, kBacklog);
  getsockname(made.listener, (struct sockaddr*)&name, &length);
  made.connected = socket(family, SOCK_STREAM, connecting_protocol);
  const int result = connect(made.connected, (struct sockaddr*)&name, length);
  Note("connect: %s", result == 0 ? "done" : strerror(errno));
  made.accepted = result == 0 ? accept(made.listener, NULL, NULL) : -1;
  setsockopt(made.accepted, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
  return made;
}

int HasEscaped(int fd) {
  static const uint8_t kPrivateV6[16] = {0xfd, 0x5e, 0x1f, 0x2a, 0x90, 0xc1, [15] = 1};
  static const uint8_t kPrivateMapped[16] = {[10] = 0xff, 0xff, 127, 84, 3, 1};
  struct sockaddr_storage name;
  socklen_t length = sizeof(name);
  int listening = 0;
  socklen_t size = sizeof(listening);
  if (getsockname(fd, (struct sockaddr*)&name, &length) != 0) return 0;
  getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size);
  if (!listening) return 0;
  if (name.ss_family == AF_INET) {
    return ((struct sockaddr_in*)&name)->sin_addr.s_addr != inet_addr("127.84.3.1");
  }
  const void* bytes = &((struct sockaddr_in6*)&name)->sin6_addr;
  return memcmp(bytes, kPrivateV6, 16) != 0 && memcmp(bytes, kPrivateMapped, 16) != 0;
}

// ---- processes

void Note(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  printf("\n");
  fflush(stdout);
}

void Hold(void) {
  char byte;
  Note("holding");
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
}

pid_t AwaitVictim(void) {
  char line[32] = "";
  Note("ready");
  for (size_t used = 0; used < sizeof(line) - 1 && strchr(line, '\n') == NULL; ++used) {
    if (read(STDIN_FILENO, line + used, 1) != 1) _exit(98);
  }
  return atoi(line);
}

int PidfdOpen(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int PidfdGetfd(int pidfd, int fd) { return (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0); }

void* LowMemory(size_t size) {
#ifdef __x86_64__
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT;
#else
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
#endif
  void* memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (memory == MAP_FAILED) abort();
  return memory;
}

long I386Call(long number, long a, long b, long c) {
#ifdef __x86_64__
  long result;
  __asm__ volatile("int $0x80"
                   : "=a"(result)
                   : "0"(number), "b"(a), "c"(b), "d"(c)
                   : "memory", "r8", "r9", "r10", "r11");
  result = (int)result;
  if (result < 0 && result > -4096) {
    errno = (int)-result;
    return -1;
  }
  return result;
#else
  return syscall(number, a, b, c);
#endif
}

// ---- races

void Race(int (*round)(void)) {
  long wins = 0, tries = 0;
  const struct rlimit many = {4096, 4096};
  setrlimit(RLIMIT_NOFILE, &many);
  while (tries < options.tries && wins < options.wins) {
    ++tries;
    const int fd = round();
    if (fd < 0) continue;
    if (HasEscaped(fd)) {
      ++wins;
    } else {
      close(fd);
    }
  }
  Note("wins %ld", wins);
  Note("tries %ld", tries);
}

static sem_t rival_may_go_on, rival_has_stepped;

// What a guard loses between its check and its deed: it waits, and the rival takes one step.
void TakeTime(void) {
  sem_post(&rival_may_go_on);
  sem_wait(&rival_has_stepped);
}

void RivalStep(int most) {
  if (options.naive) {
    sem_post(&rival_has_stepped);
    sem_wait(&rival_may_go_on);
    return;
  }
  for (volatile int i = rand() % most; i > 0; --i) {
  }
}

static int IsWildcard(const struct sockaddr* address) {
  return address->sa_family == AF_INET && ((const struct sockaddr_in*)address)->sin_addr.s_addr == INADDR_ANY;
}

int RaceBind(int fd, const struct sockaddr* address, socklen_t length) {
  int domain = 0;
  socklen_t size = sizeof(domain);
  if (!options.naive) return bind(fd, address, length);
  getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
  const int refused = domain != AF_UNIX && IsWildcard(address);
  TakeTime();
  return refused ? (errno = EACCES, -1) : bind(fd, address, length);
}

static int HasWildcardName(int fd) {
  struct sockaddr_storage name;
  socklen_t length = sizeof(name);
  if (getsockname(fd, (struct sockaddr*)&name, &length) != 0) return 1;
  if (name.ss_family == AF_INET) return ((struct sockaddr_in*)&name)->sin_addr.s_addr == INADDR_ANY;
  return IN6_IS_ADDR_UNSPECIFIED(&((struct sockaddr_in6*)&name)->sin6_addr);
}

int RaceListen(int fd) {
  if (!options.naive) return listen(fd, kBacklog);
  const int refused = HasWildcardName(fd);
  TakeTime();
  return refused ? (errno = EACCES, -1) : listen(fd, kBacklog);
}

static void (*rival_body)(void);
static atomic_int rival_runs;
static sem_t rival_wake, rival_asleep;
static pthread_once_t rival_once = PTHREAD_ONCE_INIT;

static void* Rival(void* nothing) {
  for (;;) {
    sem_wait(&rival_wake);
    while (atomic_load(&rival_runs)) rival_body();
    sem_post(&rival_asleep);
  }
  return nothing;
}

static void MakeRival(void) {
  pthread_t thread;
  sem_init(&rival_wake, 0, 0);
  sem_init(&rival_asleep, 0, 0);
  sem_init(&rival_may_go_on, 0, 0);
  sem_init(&rival_has_stepped, 0, 0);
  if (pthread_create(&thread, NULL, Rival, NULL) != 0) abort();
}

void StartRival(void (*body)(void)) {
  pthread_once(&rival_once, MakeRival);
  rival_body = body;
  atomic_store(&rival_runs, 1);
  sem_post(&rival_wake);
  if (options.naive) sem_wait(&rival_has_stepped);
}

static void Empty(sem_t* semaphore) {
  while (sem_trywait(semaphore) == 0) {
  }
}

void EndRival(void) {
  atomic_store(&rival_runs, 0);
  // No body has more steps.
  for (int i = 0; options.naive && i < 10; ++i) sem_post(&rival_may_go_on);
  sem_wait(&rival_asleep);
  Empty(&rival_may_go_on);
  Empty(&rival_has_stepped);
}
