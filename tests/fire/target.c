// SPDX-License-Identifier: Apache-2.0
// target: a service that is hard on its companion. The first argument says how:
//
//   flood THREADS COUNT   that many threads make COUNT binds in all (and a listen every tenth time), as fast as they
//   can;
//                         prints how many failed, and how long it took
//   die ROUNDS            children that bind without end and are killed, each at another moment of its calls; prints
//   how
//                         many of them had made at least one
//   page                  a bind whose address lies in a page that does not come; prints "in hand" when somebody waits
//                         for it. A helper process gives it at the next line of standard input, and then binds itself
//   bomb                  forks until that fails, and every child binds; prints what failed
//
// Ports are the kernel's to give, but for `page`.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void Die(const char* what) {
  perror(what);
  exit(98);
}

static const struct sockaddr_in kAny = {.sin_family = AF_INET};

// 0, or an errno.
static int BindOne(int also_listen) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  int error = bind(fd, (const struct sockaddr*)&kAny, sizeof(kAny)) == 0 ? 0 : errno;
  if (error == 0 && also_listen && listen(fd, 1) != 0) error = errno;
  close(fd);
  return error;
}

static double Now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

// ---- flood

static atomic_long left, failed;
static pthread_barrier_t barrier;

static void* FloodOne(void* unused) {
  (void)unused;
  pthread_barrier_wait(&barrier);
  for (long n; (n = atomic_fetch_sub(&left, 1)) > 0;) {
    if (BindOne(n % 10 == 0) != 0) atomic_fetch_add(&failed, 1);
  }
  return NULL;
}

static void Flood(int threads, long count) {
  pthread_t thread[1024];
  if (threads > 1024) exit(97);
  atomic_store(&left, count);
  pthread_barrier_init(&barrier, NULL, (unsigned)threads + 1);
  for (int i = 0; i < threads; ++i) {
    if (pthread_create(&thread[i], NULL, FloodOne, NULL) != 0) Die("pthread_create");
  }
  pthread_barrier_wait(&barrier);
  const double start = Now();
  for (int i = 0; i < threads; ++i) pthread_join(thread[i], NULL);
  const double seconds = Now() - start;
  printf("%ld binds, %ld failed, %.2f seconds, %.0f a second\n", count, atomic_load(&failed), seconds,
         (double)count / seconds);
}

// ---- die

// Every child is killed a little later after its first bind than the one before, so that all steps of a call are met.
static void DieOften(int rounds) {
  int reached = 0;
  for (int round = 0; round < rounds; ++round) {
    int ready[2];
    char byte;
    if (pipe2(ready, O_CLOEXEC) != 0) Die("pipe");
    const pid_t child = fork();
    if (child < 0) Die("fork");
    if (child == 0) {
      if (BindOne(1) != 0 || write(ready[1], "x", 1) != 1) _exit(1);
      for (;;) BindOne(1);
    }
    close(ready[1]);
    reached += read(ready[0], &byte, 1) == 1;
    close(ready[0]);
    for (volatile int spin = 0; spin < (round % 200) * 500; ++spin) {
    }
    kill(child, SIGKILL);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
    }
  }
  printf("%d of %d reached\n", reached, rounds);
}

// ---- page

static int OpenUserfaultfd(void) {
  const int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
  struct uffdio_api api = {.api = UFFD_API};
  if (fd < 0 || ioctl(fd, UFFDIO_API, &api) != 0) Die("userfaultfd");
  return fd;
}

static void AwaitLine(void) {
  char byte;
  while (read(STDIN_FILENO, &byte, 1) == 1 && byte != '\n') {
  }
}

// Holds the page back until it is told to give it.
static void Help(int fault_fd, const struct sockaddr_in* address) {
  static char page[4096] __attribute__((aligned(4096)));
  struct uffd_msg message;
  struct pollfd waiting = {.fd = fault_fd, .events = POLLIN, .revents = 0};
  if (poll(&waiting, 1, -1) != 1 || read(fault_fd, &message, sizeof(message)) != sizeof(message)) Die("fault");
  printf("in hand\n");
  fflush(stdout);
  AwaitLine();
  memcpy(page, address, sizeof(*address));
  struct uffdio_copy copy = {
      .dst = message.arg.pagefault.address & ~4095ull, .src = (unsigned long)page, .len = sizeof(page)};
  ioctl(fault_fd, UFFDIO_COPY, &copy);
  close(fault_fd);
  printf("given, the helper's bind: %d\n", BindOne(0));
  fflush(stdout);
  AwaitLine();
}

static void Page(void) {
  const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(8080)};
  char* page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const int fault_fd = OpenUserfaultfd();
  struct uffdio_register range = {.range = {.start = (unsigned long)page, .len = 4096},
                                  .mode = UFFDIO_REGISTER_MODE_MISSING};
  if (page == MAP_FAILED || ioctl(fault_fd, UFFDIO_REGISTER, &range) != 0) Die("register");
  fflush(stdout);
  const pid_t helper = fork();
  if (helper < 0) Die("fork");
  if (helper == 0) {
    Help(fault_fd, &address);
    _exit(0);
  }
  close(fault_fd);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int result = bind(fd, (const struct sockaddr*)page, sizeof(address));
  printf("bound: %d\n", result == 0 ? 0 : errno);
  struct sockaddr_in name;
  socklen_t length = sizeof(name);
  if (getsockname(fd, (struct sockaddr*)&name, &length) != 0) Die("getsockname");
  printf("to %s:%d\n", inet_ntoa(name.sin_addr), ntohs(name.sin_port));
  fflush(stdout);
  waitpid(helper, NULL, 0);
}

// ---- bomb

static void Bomb(void) {
  int born = 0, wrong = 0, error = 0;
  int ready[2], end[2];
  char byte;
  if (pipe2(ready, O_CLOEXEC) != 0 || pipe2(end, O_CLOEXEC) != 0) Die("pipe");
  for (;;) {
    const pid_t child = fork();
    if (child < 0) break;
    if (child == 0) {
      close(end[1]);
      byte = (char)BindOne(1);
      if (write(ready[1], &byte, 1) != 1) _exit(1);
      _exit(read(end[0], &byte, 1) == 0 ? 0 : 1);  // until all are there
    }
    ++born;
  }
  error = errno;
  for (int i = 0; i < born; ++i) wrong += read(ready[0], &byte, 1) != 1 || byte != 0;
  // Full as it is: what takes no process of the companion's own, and what does.
  const int inet = BindOne(1);
  const struct sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = "/mnt/open/full"};
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int local = bind(fd, (const struct sockaddr*)&path, sizeof(path)) == 0 ? 0 : errno;
  printf("%s after some, %d wrong, full: inet %s, unix %s\n", born > 8 && error == EAGAIN ? "EAGAIN" : "odd", wrong,
         inet == 0 ? "0" : strerrorname_np(inet), local == 0 ? "0" : strerrorname_np(local));
  close(end[1]);
  while (wait(NULL) > 0) {
  }
  printf("after it: %d\n", BindOne(1));
}

int main(int argc, char** argv) {
  const char* how = argc > 1 ? argv[1] : "";
  if (strcmp(how, "flood") == 0 && argc == 4) return Flood(atoi(argv[2]), atol(argv[3])), 0;
  if (strcmp(how, "die") == 0 && argc == 3) return DieOften(atoi(argv[2])), 0;
  if (strcmp(how, "page") == 0) return Page(), 0;
  if (strcmp(how, "bomb") == 0) return Bomb(), 0;
  fprintf(stderr, "target: flood THREADS COUNT, die ROUNDS, page, bomb\n");
  return 99;
}
