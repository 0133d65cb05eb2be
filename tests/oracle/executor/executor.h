// SPDX-License-Identifier: Apache-2.0
// executor: makes sequences of socket calls and says what came back, one line for each call.
//
//   executor as-is|reference [PRIVATE-IPV4 PRIVATE-IPV6] <sequences >records
//
//   sequence 7                                     sequence 7
//   a=socket inet stream+nonblock                  3
//   bind a 0.0.0.0:p1                              0
//   listen.thread a 5                              0
//   getsockname a                                  0 127.84.3.1:p1
//
// A line is `[NAME=]CALL[.HOW]… ARGUMENT…`. NAME, one letter, keeps the result and stands for it later, also when it
// has been closed; a name that nothing was given to is -1. HOW says who makes a call (`thread`, a second thread;
// `fork`, a child that leaves afterwards) and by which door (`int80`, the i386 call; `socketcall`, the i386
// multiplexer).
//
// Addresses: 1.2.3.4:80  [::1%1]:80  unspec/1.2.3.4:80  unix/PATH  abstract/NAME  @a (what getsockname says of a)
//   null  bad (not mapped); then len=N for another length than the form's own. Ports p1 … p9 are the sequence's own:
//   no other one of the last 2,000 had them. Between two sequences everything is closed, and nothing lingers.
//
// Descriptor 900 is open in every sequence, and no socket. No call is made before what the ones before it have sent
// over the loopback has arrived.
//
// `as-is` makes the calls as they stand. `reference` asks for the private address itself wherever forcebind would give
// it; what comes back is then what the kernel says of that address (reference.c).
#ifndef FORCEBIND_TESTS_ORACLE_EXECUTOR_EXECUTOR_H_
#define FORCEBIND_TESTS_ORACLE_EXECUTOR_EXECUTOR_H_

#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

enum { kMaxWords = 8, kAddressRoom = 256 };

enum Door { kNative, kInt80, kSocketcall };

// One call, taken apart.
struct Line {
  enum Door door;
  int count;
  char* words[kMaxWords];  // [0] is the call
};

// What a call told.
struct Answer {
  long value;
  int error;       // errno, if value is -1
  char text[200];  // more than the value
};

// An address as it is handed to the kernel; `pointer` is `data`, unless it is to be a bad one.
struct Address {
  _Alignas(8) unsigned char data[kAddressRoom];
  const void* pointer;
  int length;
};

// executor.c
const char* Word(const struct Line* line, int index);  // or "" beyond the last
int Slot(const char* word);                            // a name's descriptor, or a number

// address.c
extern int port_base;  // of p1 … p9, minus 1
void ParseAddress(const char* text, const char* length, struct Address* address);
void PrintAddress(const struct sockaddr_storage* name, socklen_t length, int type, char* text, size_t size);

// calls.c
void MakeCall(const struct Line* line, struct Answer* answer);
int IntOption(int fd, int level, int option);  // 0 where it cannot be asked
long RawBind(enum Door door, int fd, const struct Address* address);
long RawListen(enum Door door, int fd, int backlog);

// reference.c
extern int is_reference;
void SetPrivateAddresses(const char* v4, const char* v6);
long ReferenceBind(enum Door door, int fd, const struct Address* address);
long ReferenceListen(enum Door door, int fd, int backlog);

#endif  // FORCEBIND_TESTS_ORACLE_EXECUTOR_EXECUTOR_H_
