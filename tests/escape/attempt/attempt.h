// SPDX-License-Identifier: Apache-2.0
// attempt: a program that tries one way around forcebind, and holds what it has until the test says go.
//
//   attempt [--naive] [--wins N] [--tries N] NAME [ARGUMENT…]
//
// Nothing that it prints counts but "ready", "tries N" and "holding": whether it has got around is asked of the kernel
// (tests/escape/verdict). So an attempt goes on when a step fails, and ends by holding whatever there is. What is
// simpler to say as a script is one of the probe's (tests/support/probe/), in tests/escape/cases.cc.
//
// A race is won when the kernel acts on something else than was checked. Without forcebind nothing is checked, so with
// --naive a race runs against a guard in the same process that checks first and acts then, which is how not to do it.
#ifndef FORCEBIND_TESTS_ESCAPE_ATTEMPT_H_
#define FORCEBIND_TESTS_ESCAPE_ATTEMPT_H_

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

enum { kPort = 8080, kBacklog = 5 };
enum { kSctp = 132 };  // IPPROTO_SCTP

struct Options {
  int naive;
  long wins, tries;  // a race ends at either
};
extern struct Options options;

typedef void Attempt(char** arguments);  // ends with a null pointer

// ---- sockets

struct sockaddr_in Ipv4(const char* host, unsigned port);
struct sockaddr_in6 Ipv6(const char* host, unsigned port);
int BindTo4(int fd, const char* host, unsigned port);
int BindTo6(int fd, const char* host, unsigned port);
int Disconnect(int fd);
int SetInt(int fd, int level, int option, int value);
// The way that is to be forced: a TCP listener on 0.0.0.0:kPort. -1 if it did not come about.
int Place(void);
// A connected pair over the loopback of this host: what connect() has, and what accept() gave. The peer may be reset by
// closing `accepted`, which lingers for no time.
struct Connection {
  int listener, connected, accepted;
};
struct Connection ConnectTo(int family, int connecting_protocol, const char* host);

// Does this socket listen elsewhere than on the private addresses?
int HasEscaped(int fd);

// ---- processes

void Note(const char* format, ...) __attribute__((format(printf, 1, 2)));
// Until the test closes standard input.
void Hold(void);
// Says "ready", and reads the process id that the test answers: that of the companion, or of a bystander.
pid_t AwaitVictim(void);
// The other process of the test: one outside, of the same user. It makes what `request` says, and sends it.
int AskBystander(const char* request);
int PidfdOpen(pid_t pid);
int PidfdGetfd(int pidfd, int fd);
void* LowMemory(size_t size);
// A system call of the i386 table, also from 64-bit code. Pointers lie below 4 GiB.
long I386Call(long number, long a, long b, long c);
// What is inherited or taken lies at these numbers.
enum { kInherited = 60, kRingPlan = 61 };

// ---- races

// Runs `round` until the limits are reached, and keeps the sockets that have escaped. A round returns a socket or -1.
void Race(int (*round)(void));
// With --naive the guard's, else the kernel's own.
int RaceBind(int fd, const struct sockaddr* address, socklen_t length);
int RaceListen(int fd);
// Another thread, which runs `body` again and again between these two; End waits until it stands still.
void StartRival(void (*body)(void));
void EndRival(void);
// The rival has changed something: it waits a random while, of `most` turns at most. With --naive the guard and the
// rival take turns instead, so that every try meets the moment.
void RivalStep(int most);
void TakeTime(void);

// ---- the attempts, by theme

Attempt Bystander, Outer;                                                   // bystander.c
Attempt PlaceHere;                                                          // tasks.c
Attempt StaleMptcpName, ListenAfterAddrform, ListenAfterFastOpen;           // listen.c
Attempt OwnFilesThread, LeaderGone, ExecInThread, CloneSharingFiles;        // tasks.c
Attempt SocketOfOtherNamespace, UpperBits, PacketUpperBits, LeaveCgroup;    // tasks.c
Attempt OwnNotifier, OwnNotifierInt80, OwnNotifierAfterKill, TracedNumber;  // filters.c
Attempt KillCompanion, KillCompanionInListen, StopCompanion, StarveCompanion, TraceVictim, TakeFromVictim;  // victims.c
Attempt UringPlace, UringInherited, UringTaken, UringInt80, UringOnOwn;                                     // uring.c
Attempt ListenOnGiven, ListenOnInherited, BindGiven, BindInherited, PassInside, TakeListener;  // bystander.c
Attempt VsockPlace, SctpAddresses, MptcpEndpoint;                                              // protocols.c
Attempt RaceAddress, RaceDescriptor, RaceDisconnect, RaceDisconnectUla, RaceV6only, RaceSocketcall, RaceMptcpDisconnect,
    RaceRelisten, RaceStoppedCompanion, RaceDeath;  // races.c

#endif  // FORCEBIND_TESTS_ESCAPE_ATTEMPT_H_
