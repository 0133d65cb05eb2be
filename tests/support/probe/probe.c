// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "probe.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
  char name[16];
  int value;
} names[32];
static int name_count;

static int FindName(const char* name) {
  for (int i = 0; i < name_count; ++i) {
    if (strcmp(names[i].name, name) == 0) return i;
  }
  return -1;
}

static void SetName(const char* name, int value) {
  int i = FindName(name);
  if (i < 0) i = name_count++;
  if (i >= 32) abort();
  snprintf(names[i].name, sizeof(names[i].name), "%s", name);
  names[i].value = value;
}

int Number(const char* word) {
  const int i = FindName(word);
  return i >= 0 ? names[i].value : (int)strtol(word, NULL, 0);
}

const char* Word(const struct Line* line, int index) { return index < line->count ? line->words[index] : ""; }

char* Rest(const struct Line* line, int first) {
  static __thread char text[1024];
  text[0] = '\0';
  for (int i = first; i < line->count; ++i) {
    if (i > first) strncat(text, " ", sizeof(text) - strlen(text) - 1);
    strncat(text, line->words[i], sizeof(text) - strlen(text) - 1);
  }
  return text;
}

void SetResult(struct Answer* answer, long value) {
  answer->value = value;
  answer->error = errno;
}

void Say(struct Answer* answer, const char* format, ...) {
  va_list list;
  va_start(list, format);
  vsnprintf(answer->text, sizeof(answer->text), format, list);
  va_end(list);
}

const char* ErrnoWord(int error) {
  const char* name = strerrorname_np(error);
  return name != NULL ? name : "?";
}

static enum Via TakeVia(char* call) {
  static const char* const kNames[] = {"", "int80", "socketcall", "x32"};
  char* dot = strchr(call, '.');
  if (dot == NULL) return kNative;
  for (int i = kInt80; i <= kX32; ++i) {
    if (strcmp(dot + 1, kNames[i]) == 0) {
      *dot = '\0';
      return (enum Via)i;
    }
  }
  return kNative;
}

static void Split(char* text, struct Line* line) {
  memset(line, 0, sizeof(*line));
  char* state;
  for (char* word = strtok_r(text, " ", &state); word != NULL; word = strtok_r(NULL, " ", &state)) {
    if (line->count == kMaxWords) abort();
    line->words[line->count++] = word;
  }
}

static void PrintLine(const char* text, const struct Answer* answer) {
  if (answer->text[0] != '\0') {
    printf("%s -> %s\n", text, answer->text);
  } else if (answer->value == -1) {
    printf("%s -> -1 %s\n", text, ErrnoWord(answer->error));
  } else {
    printf("%s -> %ld\n", text, answer->value);
  }
  fflush(stdout);
}

static void RunCall(char* text) {
  char copy[1024];
  struct Line line;
  struct Answer answer = {0, 0, ""};
  snprintf(copy, sizeof(copy), "%s", text);
  Split(copy, &line);
  if (line.count == 0) return;
  char* name = NULL;
  char* equals = strchr(line.words[0], '=');
  if (equals != NULL) {
    *equals = '\0';
    name = line.words[0];
    line.words[0] = equals + 1;
  }
  line.via = TakeVia(line.words[0]);
  errno = 0;
  if (!SocketCall(&line, &answer) && !IdentityCall(&line, &answer) && !ProcessCall(&line, &answer) &&
      !RingCall(&line, &answer)) {
    fprintf(stderr, "probe: there is no call \"%s\"\n", line.words[0]);
    exit(99);
  }
  if (name != NULL) SetName(name, (int)answer.value);
  PrintLine(text, &answer);
}

void RunCalls(char* text) {
  char* end;
  while ((end = strstr(text, " ; ")) != NULL) {
    *end = '\0';
    RunCall(text);
    text = end + 3;
  }
  RunCall(text);
}

// Calls that start others take the whole line.
static int TakesCalls(const char* text) {
  static const char* const kCalls[] = {"thread", "fork", "spawn", "exec"};
  for (size_t i = 0; i < sizeof(kCalls) / sizeof(kCalls[0]); ++i) {
    if (strncmp(text, kCalls[i], strlen(kCalls[i])) == 0) return 1;
  }
  return 0;
}

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (TakesCalls(argv[i])) {
      RunCall(argv[i]);
    } else {
      RunCalls(argv[i]);
    }
  }
  return 0;
}
