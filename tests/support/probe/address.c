// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/un.h>
#include <unistd.h>

#include "probe.h"

enum { kRoom = 4096 };

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

static int Ipv4(const char* text, int family, void* data) {
  struct sockaddr_in name = {.sin_family = (sa_family_t)family};
  char host[64];
  int port = 0;
  if (sscanf(text, "%63[0-9.]:%d", host, &port) != 2 || inet_pton(AF_INET, host, &name.sin_addr) != 1) abort();
  name.sin_port = htons((uint16_t)port);
  memcpy(data, &name, sizeof(name));
  return sizeof(name);
}

static int Ipv6(const char* text, void* data) {
  struct sockaddr_in6 name = {.sin6_family = AF_INET6};
  char host[64], scope[16] = "0";
  int port = 0;
  if (sscanf(text, "[%63[0-9a-f:.]%%%15[0-9a-z]]:%d", host, scope, &port) != 3 &&
      sscanf(text, "[%63[0-9a-f:.]]:%d", host, &port) != 2) {
    abort();
  }
  if (inet_pton(AF_INET6, host, &name.sin6_addr) != 1) abort();
  const unsigned index = if_nametoindex(scope);
  name.sin6_scope_id = index != 0 ? index : (uint32_t)atoi(scope);
  name.sin6_port = htons((uint16_t)port);
  memcpy(data, &name, sizeof(name));
  return sizeof(name);
}

static int Unix(const char* path, int abstract, void* data) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  const size_t length = strlen(path);
  memcpy(data, &name, sizeof(name));
  // A path may be longer than sun_path: the kernel is to say so.
  memcpy((char*)data + offsetof(struct sockaddr_un, sun_path) + abstract, path, length);
  return (int)(offsetof(struct sockaddr_un, sun_path) + (size_t)abstract + length + !abstract);
}

static int Netlink(const char* text, void* data) {
  struct sockaddr_nl name = {.nl_family = AF_NETLINK};
  if (sscanf(text, "%u/%u", &name.nl_pid, &name.nl_groups) != 2) abort();
  memcpy(data, &name, sizeof(name));
  return sizeof(name);
}

static int Packet(const char* text, void* data) {
  struct sockaddr_ll name = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(text)};
  memcpy(data, &name, sizeof(name));
  return sizeof(name);
}

static int Hex(const char* text, unsigned char* data) {
  int count = 0;
  unsigned byte;
  while (sscanf(text + 2 * count, "%2x", &byte) == 1) data[count++] = (unsigned char)byte;
  return count;
}

static int Family(const char* text, void* data) {
  const sa_family_t family = (sa_family_t)atoi(text);
  memcpy(data, &family, sizeof(family));
  return sizeof(family);
}

static int NameOf(const char* word, void* data) {
  socklen_t length = kRoom;
  return getsockname(Number(word), data, &length) == 0 ? (int)length : 0;
}

static int Fill(const char* text, void* data) {
  const char* rest = strchr(text, '/');
  if (text[0] == '@') return NameOf(text + 1, data);
  if (text[0] == '[') return Ipv6(text, data);
  if (rest == NULL) return Ipv4(text, AF_INET, data);
  if (strncmp(text, "unspec/", 7) == 0) return Ipv4(rest + 1, AF_UNSPEC, data);
  if (strncmp(text, "unix/", 5) == 0) return Unix(rest + 1, 0, data);
  if (strncmp(text, "abstract/", 9) == 0) return Unix(rest + 1, 1, data);
  if (strncmp(text, "netlink/", 8) == 0) return Netlink(rest + 1, data);
  if (strncmp(text, "packet/", 7) == 0) return Packet(rest + 1, data);
  if (strncmp(text, "family/", 7) == 0) return Family(rest + 1, data);
  if (strncmp(text, "hex/", 4) == 0) return Hex(rest + 1, data);
  abort();
}

struct ProbeAddress ParseAddress(const char* text, const char* length) {
  struct ProbeAddress address = {NULL, sizeof(struct sockaddr_in)};
  if (strcmp(text, "bad") == 0) {
    address.data = (void*)64;
  } else if (strcmp(text, "null") != 0) {
    address.data = LowMemory(kRoom);
    address.length = Fill(text, address.data);
  }
  if (strncmp(length, "len=", 4) == 0) address.length = (int)strtol(length + 4, NULL, 0);
  return address;
}

static void PrintUnix(const struct sockaddr_un* name, socklen_t length, char* text, size_t size) {
  const int room = (int)(length - offsetof(struct sockaddr_un, sun_path));
  if (room <= 0) {
    snprintf(text, size, "unix/ (%d)", (int)length);
  } else if (name->sun_path[0] != '\0') {
    snprintf(text, size, "unix/%.*s (%d)", room, name->sun_path, (int)length);
  } else {
    snprintf(text, size, "abstract/%.*s (%d)", room - 1, name->sun_path + 1, (int)length);
  }
}

static void PrintNetlink(const struct sockaddr_nl* name, char* text, size_t size) {
  // The kernel's own choice beyond the process id is random, and looks negative.
  const char* port = name->nl_pid == (uint32_t)getpid() ? "own" : (int)name->nl_pid < 0 ? "random" : NULL;
  if (port != NULL) {
    snprintf(text, size, "netlink/%s/%u", port, name->nl_groups);
  } else {
    snprintf(text, size, "netlink/%u/%u", name->nl_pid, name->nl_groups);
  }
}

void PrintAddress(const void* data, socklen_t length, char* text, size_t size) {
  const struct sockaddr* name = data;
  char host[INET6_ADDRSTRLEN] = "";
  if (name->sa_family == AF_INET) {
    const struct sockaddr_in* v4 = data;
    inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
    snprintf(text, size, "%s:%d (%d)", host, ntohs(v4->sin_port), (int)length);
  } else if (name->sa_family == AF_INET6) {
    const struct sockaddr_in6* v6 = data;
    inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
    snprintf(text, size, "[%s]:%d scope %u (%d)", host, ntohs(v6->sin6_port), v6->sin6_scope_id, (int)length);
  } else if (name->sa_family == AF_UNIX) {
    PrintUnix(data, length, text, size);
  } else if (name->sa_family == AF_NETLINK) {
    PrintNetlink(data, text, size);
  } else {
    snprintf(text, size, "family %d (%d)", name->sa_family, (int)length);
  }
}
