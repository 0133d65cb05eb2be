// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "executor.h"

int port_base;

static uint16_t ParsePort(const char* text) {
  return htons((uint16_t)(text[0] == 'p' ? port_base + atoi(text + 1) : atoi(text)));
}

static int Ipv4(char* text, int family, void* data) {
  struct sockaddr_in name = {.sin_family = (sa_family_t)family};
  char* colon = strrchr(text, ':');
  if (colon == NULL) abort();
  *colon = '\0';
  if (inet_pton(AF_INET, text, &name.sin_addr) != 1) abort();
  name.sin_port = ParsePort(colon + 1);
  memcpy(data, &name, sizeof(name));
  return sizeof(name);
}

static int Ipv6(char* text, void* data) {
  struct sockaddr_in6 name = {.sin6_family = AF_INET6};
  char* end = strrchr(text, ']');
  if (end == NULL) abort();
  *end = '\0';
  char* scope = strchr(text, '%');
  if (scope != NULL) {
    *scope = '\0';
    name.sin6_scope_id = (uint32_t)atoi(scope + 1);
  }
  if (inet_pton(AF_INET6, text, &name.sin6_addr) != 1) abort();
  name.sin6_port = ParsePort(end + 2);
  memcpy(data, &name, sizeof(name));
  return sizeof(name);
}

static int Unix(const char* path, int abstract, void* data) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  const size_t length = strlen(path);
  memcpy(name.sun_path + abstract, path, length);
  memcpy(data, &name, sizeof(name));
  return (int)(offsetof(struct sockaddr_un, sun_path) + (size_t)abstract + length + !abstract);
}

static int NameOf(const char* word, void* data) {
  socklen_t length = kAddressRoom;
  return getsockname(Slot(word), data, &length) == 0 ? (int)length : 0;
}

static int Fill(const char* word, void* data) {
  char text[128];
  snprintf(text, sizeof(text), "%s", word);
  char* rest = strchr(text, '/');
  if (text[0] == '@') return NameOf(text + 1, data);
  if (text[0] == '[') return Ipv6(text + 1, data);
  if (rest == NULL) return Ipv4(text, AF_INET, data);
  if (strncmp(text, "unspec/", 7) == 0) return Ipv4(rest + 1, AF_UNSPEC, data);
  if (strncmp(text, "unix/", 5) == 0) return Unix(rest + 1, 0, data);
  if (strncmp(text, "abstract/", 9) == 0) return Unix(rest + 1, 1, data);
  abort();
}

void ParseAddress(const char* text, const char* length, struct Address* address) {
  memset(address->data, 0, sizeof(address->data));
  address->pointer = address->data;
  address->length = sizeof(struct sockaddr_in);
  if (strcmp(text, "null") == 0) {
    address->pointer = NULL;
  } else if (strcmp(text, "bad") == 0) {
    address->pointer = (const void*)64;
  } else {
    address->length = Fill(text, address->data);
  }
  if (strncmp(length, "len=", 4) == 0) address->length = (int)strtol(length + 4, NULL, 0);
}

static void PrintPort(in_port_t port, int type, char* text, size_t size) {
  const int number = ntohs(port), own = number - port_base;
  if (own >= 1 && own <= 9) {
    snprintf(text, size, ":p%d", own);
  } else {
    snprintf(text, size, ":%d%s", number, type == SOCK_DGRAM ? "/udp" : "");
  }
}

static void PrintUnix(const struct sockaddr_un* name, socklen_t length, char* text, size_t size) {
  const int room = (int)length - (int)offsetof(struct sockaddr_un, sun_path);
  if (room <= 0) {
    snprintf(text, size, "unix/");
  } else if (name->sun_path[0] != '\0') {
    snprintf(text, size, "unix/%.*s", room, name->sun_path);
  } else if (room == 6) {
    snprintf(text, size, "abstract/chosen by the kernel");
  } else {
    snprintf(text, size, "abstract/%.*s", room - 1, name->sun_path + 1);
  }
}

void PrintAddress(const struct sockaddr_storage* name, socklen_t length, int type, char* text, size_t size) {
  char host[INET6_ADDRSTRLEN] = "", port[16] = "", scope[16] = "";
  if (length < sizeof(sa_family_t)) {
    snprintf(text, size, "none");
  } else if (name->ss_family == AF_INET) {
    const struct sockaddr_in* v4 = (const struct sockaddr_in*)name;
    inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
    PrintPort(v4->sin_port, type, port, sizeof(port));
    snprintf(text, size, "%s%s%s", host, port, length == sizeof(*v4) ? "" : " of another length");
  } else if (name->ss_family == AF_INET6) {
    const struct sockaddr_in6* v6 = (const struct sockaddr_in6*)name;
    inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
    PrintPort(v6->sin6_port, type, port, sizeof(port));
    if (v6->sin6_scope_id != 0) snprintf(scope, sizeof(scope), "%%%u", v6->sin6_scope_id);
    snprintf(text, size, "[%s%s]%s%s", host, scope, port, length == sizeof(*v6) ? "" : " of another length");
  } else if (name->ss_family == AF_UNIX) {
    PrintUnix((const struct sockaddr_un*)name, length, text, size);
  } else {
    snprintf(text, size, "family %d", name->ss_family);
  }
}
