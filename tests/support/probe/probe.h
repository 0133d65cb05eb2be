// SPDX-License-Identifier: Apache-2.0
// probe: a program that does what a service may do to its sockets, one call per word of its command line, and prints
// what came back. The tests of tests/behaviour/ run one script twice, with and without forcebind, and compare.
//
//   probe 's=socket inet stream' 'bind s 0.0.0.0:8080' 'listen s 5' 'getsockname s' hold
//   s=socket inet stream -> 3
//   bind s 0.0.0.0:8080 -> 0
//   …
//
// A line is `[NAME=]CALL[.VIA] ARGUMENT…`; NAME keeps the result, and stands for it later. A result is a number, -1
// with the errno's name, or what the call tells. VIA says how a call is made: `int80` (the i386 call, also from 64-bit
// code), `socketcall` (the i386 multiplexer), `x32` (an x32 number). Several calls in one line are separated by " ; ".
//
// Addresses: 1.2.3.4:80  [::1%1]:80  unspec/1.2.3.4:80  unix/PATH  abstract/NAME  family/N (two bytes)
//   netlink/PID/GROUPS  packet/INTERFACE  hex/BYTES  null  bad (not mapped)  @FD (what getsockname says of FD); and
//   then len=N for another length than the form's own.
#ifndef FORCEBIND_TESTS_SUPPORT_PROBE_PROBE_H_
#define FORCEBIND_TESTS_SUPPORT_PROBE_PROBE_H_

#include <stddef.h>
#include <sys/socket.h>

// An address as it is handed to the kernel. `data` lies below 4 GiB, so that i386 calls can name it.
struct ProbeAddress {
  void* data;
  int length;
};

enum Via { kNative, kInt80, kSocketcall, kX32 };

enum { kMaxWords = 64 };

// One call, taken apart.
struct Line {
  enum Via via;
  int count;
  char* words[kMaxWords];  // [0] is the call
};

// What a call told, for the right side of its line.
struct Answer {
  long value;
  int error;       // errno, if value is -1
  char text[400];  // instead of the value
};

// address.c
struct ProbeAddress ParseAddress(const char* text, const char* length);
void PrintAddress(const void* data, socklen_t length, char* text, size_t size);
void* LowMemory(size_t size);

// sockets.c, identity.c, process.c, rings.c: each knows some calls; 0 = not this one.
int SocketCall(const struct Line* line, struct Answer* answer);
int IdentityCall(const struct Line* line, struct Answer* answer);
int ProcessCall(const struct Line* line, struct Answer* answer);
int RingCall(const struct Line* line, struct Answer* answer);

// probe.c
int Number(const char* word);                          // a name's value, or a number
const char* Word(const struct Line* line, int index);  // or "" beyond the last
void SetResult(struct Answer* answer, long value);     // takes errno along
void Say(struct Answer* answer, const char* format, ...) __attribute__((format(printf, 2, 3)));
const char* ErrnoWord(int error);
void RunCalls(char* text);                       // one or more, separated by " ; "
char* Rest(const struct Line* line, int first);  // the words from `first` on, as a text of their own

#endif  // FORCEBIND_TESTS_SUPPORT_PROBE_PROBE_H_
