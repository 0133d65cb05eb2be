// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attempt.h"

struct Options options = {.naive = 0, .wins = 1, .tries = 1000};

static const struct {
  const char* name;
  Attempt* run;
} kAttempts[] = {
    {"bystander", Bystander},
    {"outer", Outer},
    {"place", PlaceHere},
    {"stale-mptcp-name", StaleMptcpName},
    {"listen-after-addrform", ListenAfterAddrform},
    {"listen-after-fast-open", ListenAfterFastOpen},
    {"own-files-thread", OwnFilesThread},
    {"leader-gone", LeaderGone},
    {"exec-in-thread", ExecInThread},
    {"clone-sharing-files", CloneSharingFiles},
    {"socket-of-other-namespace", SocketOfOtherNamespace},
    {"upper-bits", UpperBits},
    {"packet-upper-bits", PacketUpperBits},
    {"own-notifier", OwnNotifier},
    {"own-notifier-int80", OwnNotifierInt80},
    {"own-notifier-after-kill", OwnNotifierAfterKill},
    {"traced-number", TracedNumber},
    {"kill-companion", KillCompanion},
    {"kill-companion-in-listen", KillCompanionInListen},
    {"stop-companion", StopCompanion},
    {"starve-companion", StarveCompanion},
    {"trace-victim", TraceVictim},
    {"take-from-victim", TakeFromVictim},
    {"uring-place", UringPlace},
    {"uring-inherited", UringInherited},
    {"uring-taken", UringTaken},
    {"uring-int80", UringInt80},
    {"uring-on-own", UringOnOwn},
    {"listen-on-given", ListenOnGiven},
    {"listen-on-inherited", ListenOnInherited},
    {"bind-given", BindGiven},
    {"bind-inherited", BindInherited},
    {"pass-inside", PassInside},
    {"take-listener", TakeListener},
    {"leave-cgroup", LeaveCgroup},
    {"vsock-place", VsockPlace},
    {"sctp-addresses", SctpAddresses},
    {"mptcp-endpoint", MptcpEndpoint},
    {"race-address", RaceAddress},
    {"race-descriptor", RaceDescriptor},
    {"race-disconnect", RaceDisconnect},
    {"race-disconnect-ula", RaceDisconnectUla},
    {"race-v6only", RaceV6only},
    {"race-socketcall", RaceSocketcall},
    {"race-mptcp-disconnect", RaceMptcpDisconnect},
    {"race-relisten", RaceRelisten},
    {"race-stopped-companion", RaceStoppedCompanion},
    {"race-death", RaceDeath},
};

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  for (++argv, --argc; argc > 0 && strncmp(*argv, "--", 2) == 0; ++argv, --argc) {
    if (strcmp(*argv, "--naive") == 0) {
      options.naive = 1;
    } else if (argc > 1) {
      *(strcmp(*argv, "--wins") == 0 ? &options.wins : &options.tries) = atol(argv[1]);
      ++argv, --argc;
    }
  }
  for (size_t i = 0; argc > 0 && i < sizeof(kAttempts) / sizeof(kAttempts[0]); ++i) {
    if (strcmp(*argv, kAttempts[i].name) != 0) continue;
    kAttempts[i].run(argv + 1);
    Hold();
    return 0;
  }
  fprintf(stderr, "attempt: there is no such attempt\n");
  return 99;
}
