// SPDX-License-Identifier: Apache-2.0
// measure: what a lookup costs, in ticks of the time stamp counter, which are executed instructions in a guest under
// `-icount shift=0`. Run by the script of the same name in the guest.
//
//   measure                      without a program
//   measure ATTACH_TYPE...       with one of two instructions (SK_PASS) attached at each, such as BPF_SK_LOOKUP
//   measure --ask ATTACH_TYPE    with one that asks bpf_sk_lookup_bound() first who is bound to the address
//
// Prints "WHAT<tab>CASE<tab>TICKS" for a TCP connection request and a UDP datagram over lo, IPv4 and IPv6, which find a
// socket on the address, one on the wildcard address, or none; the median of many rounds. UDP's client is on the wildcard
// address, as most are: the error for a datagram that nobody wants finds it there.

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <x86intrin.h>

#define PORT 7007
#define WARM_UP 200
#define ROUNDS 4000

struct kind {
  const char *name;
  int type;
  const char *address, *wildcard, *client;
};

static const struct kind kKinds[] = {
    {"TCP4", SOCK_STREAM, "127.0.0.1", "0.0.0.0", "127.0.0.2"},
    {"TCP6", SOCK_STREAM, "::1", "::", "::1"},
    {"UDP4", SOCK_DGRAM, "127.0.0.1", "0.0.0.0", "0.0.0.0"},
    {"UDP6", SOCK_DGRAM, "::1", "::", "::"},
};

static socklen_t Fill(struct sockaddr_storage *to, const char *address, int port) {
  struct sockaddr_in *v4 = (void *)to;
  struct sockaddr_in6 *v6 = (void *)to;
  memset(to, 0, sizeof(*to));
  if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    return sizeof(*v4);
  }
  inet_pton(AF_INET6, address, &v6->sin6_addr);
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(port);
  return sizeof(*v6);
}

// Bound and, for TCP, listening if `port` is not 0; -1 without an address.
static int Open(int type, const char *address, int port) {
  struct sockaddr_storage at;
  const int one = 1;
  if (address == NULL) return -1;
  const socklen_t size = Fill(&at, address, port);
  const int fd = socket(at.ss_family, type | SOCK_NONBLOCK, 0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  if (fd < 0 || bind(fd, (void *)&at, size) != 0) err(1, "bind to %s port %d", address, port);
  if (type == SOCK_STREAM && port != 0 && listen(fd, 16) != 0) err(1, "listen");
  return fd;
}

static uint64_t OneConnection(const struct kind *kind, int server) {
  const struct linger reset = {.l_onoff = 1};
  struct sockaddr_storage to;
  const socklen_t size = Fill(&to, kind->address, PORT);
  const int client = Open(kind->type, kind->client, 0);
  const uint64_t start = __rdtsc();
  const int result = connect(client, (void *)&to, size);
  const uint64_t end = __rdtsc();
  if (result == 0 ? server < 0 : errno != EINPROGRESS && errno != ECONNREFUSED) err(1, "connect");
  setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  if (server >= 0) close(accept(server, NULL, NULL));
  close(client);
  return end - start;
}

static uint64_t OneDatagram(const struct kind *kind, int server) {
  struct sockaddr_storage to;
  const socklen_t size = Fill(&to, kind->address, PORT);
  const int client = Open(kind->type, kind->client, 0);
  char byte = 0;
  const uint64_t start = __rdtsc();
  const ssize_t sent = sendto(client, &byte, 1, 0, (void *)&to, size);
  const uint64_t end = __rdtsc();
  if (sent != 1) err(1, "sendto");
  if (server >= 0 && recv(server, &byte, 1, 0) != 1) err(1, "the datagram has not arrived");
  close(client);
  return end - start;
}

static int Compare(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

static void Measure(const struct kind *kind, const char *name, const char *address, int print) {
  const int server = Open(kind->type, address, PORT);
  static uint64_t ticks[ROUNDS];
  for (int i = 0; i < WARM_UP + ROUNDS; i++) {
    const uint64_t one = kind->type == SOCK_STREAM ? OneConnection(kind, server) : OneDatagram(kind, server);
    if (i >= WARM_UP) ticks[i - WARM_UP] = one;
  }
  qsort(ticks, ROUNDS, sizeof(ticks[0]), Compare);
  if (print) printf("%s\t%s\t%llu\n", kind->name, name, (unsigned long long)ticks[ROUNDS / 2]);
  if (server >= 0) close(server);
}

static const struct btf *KernelBtf(void) {
  static struct btf *btf;
  if (btf == NULL) btf = btf__load_vmlinux_btf();
  if (btf == NULL) err(1, "the kernel's BTF");
  return btf;
}

static int AttachType(const char *name) {
  const int id = btf__find_by_name_kind(KernelBtf(), "bpf_attach_type", BTF_KIND_ENUM);
  if (id < 0) errx(1, "the kernel's BTF has no bpf_attach_type");
  const struct btf_type *type = btf__type_by_id(KernelBtf(), id);
  const struct btf_enum *value = btf_enum(type);
  for (int i = 0; i < btf_vlen(type); i++)
    if (strcmp(btf__name_by_offset(KernelBtf(), value[i].name_off), name) == 0) return value[i].val;
  errx(1, "this kernel has no %s", name);
}

#define MOVE(to, from) ((struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = (to), .src_reg = (from)})
#define SET(to, value) ((struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = (to), .imm = (value)})
#define EXIT ((struct bpf_insn){.code = BPF_JMP | BPF_EXIT})

static int LoadPass(const struct bpf_prog_load_opts *options) {
  const struct bpf_insn program[] = {SET(BPF_REG_0, SK_PASS), EXIT};
  return bpf_prog_load(BPF_PROG_TYPE_SK_LOOKUP, "pass", "GPL", program, sizeof(program) / sizeof(program[0]), options);
}

static int LoadAsk(const struct bpf_prog_load_opts *options) {
  const int kfunc = btf__find_by_name_kind(KernelBtf(), "bpf_sk_lookup_bound", BTF_KIND_FUNC);
  if (kfunc < 0) errx(1, "this kernel has no bpf_sk_lookup_bound()");
  const struct bpf_insn program[] = {
      {.code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = BPF_REG_10, .off = -4},  // int error = 0
      SET(BPF_REG_2, 0),
      MOVE(BPF_REG_3, BPF_REG_10),
      {.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_3, .imm = -4},
      {.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL, .imm = kfunc},  // (ctx, 0, &error)
      {.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = BPF_REG_0, .off = 2},
      MOVE(BPF_REG_1, BPF_REG_0),
      {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_sk_release},
      SET(BPF_REG_0, SK_PASS),
      EXIT,
  };
  return bpf_prog_load(BPF_PROG_TYPE_SK_LOOKUP, "ask", "GPL", program, sizeof(program) / sizeof(program[0]), options);
}

static void Attach(const char *name, int ask) {
  const int type = AttachType(name);
  LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = type);
  const int program = ask ? LoadAsk(&options) : LoadPass(&options);
  if (program < 0) err(1, "load");
  if (bpf_link_create(program, open("/proc/self/ns/net", O_RDONLY), type, NULL) < 0) err(1, "attach");
}

// The first round is for what the kernel caches.
int main(int argc, char **argv) {
  const int ask = argc > 1 && strcmp(argv[1], "--ask") == 0;
  for (int i = 1 + ask; i < argc; i++) Attach(argv[i], ask);
  for (int round = 0; round < 2; round++) {
    for (size_t i = 0; i < sizeof(kKinds) / sizeof(kKinds[0]); i++) {
      Measure(&kKinds[i], "exact", kKinds[i].address, round);
      Measure(&kKinds[i], "wildcard", kKinds[i].wildcard, round);
      Measure(&kKinds[i], "none", NULL, round);
    }
  }
  return 0;
}
