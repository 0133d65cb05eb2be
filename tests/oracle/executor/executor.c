// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "executor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kNoSocket = 900, kEcho = 901 };
enum { kFirstOwnPort = 10000, kPortsPerSequence = 10, kRanges = 2000, kNames = 26 };

enum Who { kSelf, kThread, kFork };

static int slots[kNames];
static int highest_fd;
static struct Answer* childs_answer;  // shared with children

const char* Word(const struct Line* line, int index) { return index < line->count ? line->words[index] : ""; }

int Slot(const char* word) {
  if (word[0] >= 'a' && word[0] <= 'z' && word[1] == '\0') return slots[word[0] - 'a'];
  return (int)strtol(word, NULL, 0);
}

// ---- between two sequences

static void OnAlarm(int signal) { (void)signal; }

static void SetSignals(int interval_us) {
  const struct itimerval interval = {{0, interval_us}, {0, interval_us}};
  setitimer(ITIMER_REAL, &interval, NULL);
}

// ---- what is on its way

// A socket that is connected to itself.
static void OpenEcho(void) {
  struct sockaddr_in name = {.sin_family = AF_INET};
  socklen_t length = sizeof(name);
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0 || bind(fd, (struct sockaddr*)&name, sizeof(name)) != 0 ||
      getsockname(fd, (struct sockaddr*)&name, &length) != 0) {
    abort();
  }
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, (struct sockaddr*)&name, sizeof(name)) != 0 || dup2(fd, kEcho) != kEcho) abort();
  close(fd);
}

// A loopback packet is delivered within the call that sends it, unless the kernel is busy and leaves it to a thread of
// its own. A processor's packets wait in one queue: what was sent before the echo has been delivered before it. What
// that was answered with comes behind it, hence another round, and one for the answer's answer.
static void AwaitDelivery(void) {
  enum { kRounds = 3 };
  char byte = 0;
  for (int i = 0; i < kRounds; ++i) {
    while (send(kEcho, &byte, 1, 0) != 1) {
      if (errno != EINTR) abort();
    }
    while (recv(kEcho, &byte, 1, 0) != 1) {
      if (errno != EINTR) abort();
    }
  }
}

static int Sends(const char* call) {
  static const char* const kSending[] = {"connect", "sendto", "close", "dup2", "shutdown"};
  for (size_t i = 0; i < sizeof(kSending) / sizeof(kSending[0]); ++i) {
    if (strcmp(call, kSending[i]) == 0) return 1;
  }
  return 0;
}

// A connection that is reset leaves nothing behind.
static void CloseEverything(void) {
  const struct linger none = {1, 0};
  for (int fd = STDERR_FILENO + 1; fd <= highest_fd; ++fd) {
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
    close(fd);
  }
  highest_fd = STDERR_FILENO;
  AwaitDelivery();
}

static void StartSequence(long number) {
  SetSignals(0);
  CloseEverything();
  if (dup2(STDIN_FILENO, kNoSocket) != kNoSocket) abort();
  unlink("u1");
  unlink("u2");
  for (int i = 0; i < kNames; ++i) slots[i] = -1;
  port_base = kFirstOwnPort + (int)(number % kRanges) * kPortsPerSequence;
}

// ---- one line

// `call` loses its suffixes.
static enum Who TakeHow(char* call, enum Door* door) {
  enum Who who = kSelf;
  char* state;
  strtok_r(call, ".", &state);
  for (char* word = strtok_r(NULL, ".", &state); word != NULL; word = strtok_r(NULL, ".", &state)) {
    if (strcmp(word, "thread") == 0) who = kThread;
    if (strcmp(word, "fork") == 0) who = kFork;
    if (strcmp(word, "int80") == 0) *door = kInt80;
    if (strcmp(word, "socketcall") == 0) *door = kSocketcall;
  }
  return who;
}

struct Job {
  const struct Line* line;
  struct Answer* answer;
};

static void* RunJob(void* argument) {
  const struct Job* job = argument;
  MakeCall(job->line, job->answer);
  return NULL;
}

static void CallInThread(const struct Line* line, struct Answer* answer) {
  struct Job job = {line, answer};
  pthread_t thread;
  if (pthread_create(&thread, NULL, RunJob, &job) != 0) abort();
  pthread_join(thread, NULL);
}

static void CallInChild(const struct Line* line, struct Answer* answer) {
  const pid_t child = fork();
  if (child < 0) abort();
  if (child == 0) {
    *childs_answer = *answer;
    MakeCall(line, childs_answer);
    _exit(0);
  }
  int status = -1;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) abort();
  *answer = *childs_answer;
}

static void Run(struct Line* line, struct Answer* answer) {
  const enum Who who = TakeHow(line->words[0], &line->door);
  if (who == kThread) return CallInThread(line, answer);
  if (who == kFork) return CallInChild(line, answer);
  MakeCall(line, answer);
}

static void PrintAnswer(const struct Answer* answer) {
  const char* error = answer->value == -1 ? strerrorname_np(answer->error) : NULL;
  if (error != NULL) {
    printf("%s\n", error);
  } else {
    printf(answer->text[0] != '\0' ? "%ld %s\n" : "%ld\n", answer->value, answer->text);
  }
}

static void RunLine(char* text) {
  struct Line line = {0};
  struct Answer answer = {0, 0, ""};
  char* state;
  for (char* word = strtok_r(text, " \n", &state); word != NULL; word = strtok_r(NULL, " \n", &state)) {
    if (line.count == kMaxWords) abort();
    line.words[line.count++] = word;
  }
  if (line.count == 0 || line.words[0][0] == '#') return;
  if (strcmp(line.words[0], "sequence") == 0) {
    StartSequence(atol(Word(&line, 1)));
    printf("sequence %s\n", Word(&line, 1));
    return;
  }
  if (strcmp(line.words[0], "signals") == 0) return SetSignals(atoi(Word(&line, 1)));
  const char name = line.words[0][0];
  const int named = line.words[0][1] == '=';
  if (named) line.words[0] += 2;
  Run(&line, &answer);
  if (Sends(line.words[0])) AwaitDelivery();
  if (named) slots[name - 'a'] = (int)answer.value;
  if (answer.value > highest_fd && answer.value < kNoSocket) highest_fd = (int)answer.value;
  PrintAnswer(&answer);
}

int main(int argc, char** argv) {
  static char output[1 << 16], line[512];
  const struct sigaction action = {.sa_handler = OnAlarm, .sa_flags = SA_RESTART};
  if (argc != 2 && argc != 4) {
    fprintf(stderr, "usage: executor as-is|reference [PRIVATE-IPV4 PRIVATE-IPV6]\n");
    return 2;
  }
  is_reference = strcmp(argv[1], "reference") == 0;
  if (is_reference) SetPrivateAddresses(argv[2], argv[3]);
  setvbuf(stdout, output, _IOFBF, sizeof(output));
  sigaction(SIGALRM, &action, NULL);
  signal(SIGPIPE, SIG_IGN);
  childs_answer = mmap(NULL, sizeof(*childs_answer), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (childs_answer == MAP_FAILED) abort();
  OpenEcho();
  StartSequence(0);
  while (fgets(line, sizeof(line), stdin) != NULL) RunLine(line);
  StartSequence(0);
  return fflush(stdout) == 0 ? 0 : 1;
}
