// SPDX-License-Identifier: Apache-2.0
// reference: what forcebind promises, written a second time, and as small as can be: which address a request becomes.
// Everything else is left to the kernel, which is asked for that address on the service's own socket.
//
//   asked for                                              asked instead
//   wildcard, 127.x, ::1, the host's addresses; any        the private address of the family; :: without V6ONLY and
//     address with IP_FREEBIND or IP_TRANSPARENT             IPv4-mapped ones: the private IPv4 address, mapped
//   UDP, the wildcard, port 0                              the same: a client's socket
//   multicast (IPv6: UDP alone), broadcast                 an address of another host, without IP_FREEBIND: the profile
//                                                            of the run lacks `multicast`
//   a link-local address with an interface                 the same; then SO_BINDTOIFINDEX is put back: the kernel
//                                                            remembers the interface of a bind that failed
//   the private IPv6 address, TCP, port 0                  a free port by number, which the socket thus keeps when a
//                                                            connection fails or listening ends; unless bind leaves the
//                                                            port for later
//   everything else                                        the same: an address of another host, no address at all
//   listen on a TCP socket in the state CLOSE              the private address first, as with port 0, for one not
//                                                            bound; then listen. A connection that has ended thus has
//                                                            the private address, although its listen is EINVAL: the
//                                                            kernel shows it like a fresh socket
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "executor.h"

int is_reference;
static struct in_addr private_v4;
static struct in6_addr private_v6;

void SetPrivateAddresses(const char* v4, const char* v6) {
  if (v4 == NULL || inet_pton(AF_INET, v4, &private_v4) != 1 || inet_pton(AF_INET6, v6, &private_v6) != 1) abort();
}

// ---- what an address is (tests/support/netns.h)

enum Kind { kWildcard, kLocal, kGroup, kForeign };

static enum Kind KindOfIpv4(uint32_t address) {
  static const uint32_t kHost[] = {0xc0000207, 0xc0000208, 0xc6336407};  // 192.0.2.7, .8, 198.51.100.7
  static const uint32_t kBroadcast[] = {0xffffffff, 0x7fffffff, 0xc00002ff, 0xc63364ff};
  if (address == INADDR_ANY) return kWildcard;
  for (size_t i = 0; i < sizeof(kBroadcast) / sizeof(kBroadcast[0]); ++i) {
    if (address == kBroadcast[i]) return kGroup;
  }
  if (address >> 24 == 0 || address >> 28 == 0xe) return kGroup;
  if (address >> 24 == 127) return kLocal;
  for (size_t i = 0; i < sizeof(kHost) / sizeof(kHost[0]); ++i) {
    if (address == kHost[i]) return kLocal;
  }
  return kForeign;
}

// `interface` tells link-local addresses apart.
static enum Kind KindOfIpv6(const struct in6_addr* address, uint32_t interface) {
  static const struct {
    const char* address;
    uint32_t interface;
  } kHost[] = {{"::1", 0},           {"2001:db8::7", 0},       {"2001:db8::8", 0},
               {"2001:db8:1::7", 0}, {"fd5e:1f2a:90c1::1", 0}, {"fd5e:1f2a:90c1::2", 0},
               {"fe80::7", 100}};
  struct in6_addr host;
  if (IN6_IS_ADDR_UNSPECIFIED(address)) return kWildcard;
  if (IN6_IS_ADDR_MULTICAST(address)) return kGroup;
  for (size_t i = 0; i < sizeof(kHost) / sizeof(kHost[0]); ++i) {
    const int right_one = kHost[i].interface == 0 || kHost[i].interface == interface;
    if (right_one && inet_pton(AF_INET6, kHost[i].address, &host) == 1 && memcmp(address, &host, sizeof(host)) == 0) {
      return kLocal;
    }
  }
  return kForeign;
}

static int MayBindForeign(int fd) {
  return IntOption(fd, IPPROTO_IP, IP_FREEBIND) != 0 || IntOption(fd, IPPROTO_IP, IP_TRANSPARENT) != 0;
}

// ---- bind

// Whatever address `address` has, the kernel is to refuse it as another host's.
static long BindAsForeign(enum Door door, int fd, const struct Address* address) {
  const int off = 0, on = 1;
  const int freebind = IntOption(fd, IPPROTO_IP, IP_FREEBIND);
  const int transparent = IntOption(fd, IPPROTO_IP, IP_TRANSPARENT);
  if (freebind) setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &off, sizeof(off));
  if (transparent) setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &off, sizeof(off));
  const long result = RawBind(door, fd, address);
  const int error = errno;
  if (freebind) setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on));
  if (transparent) setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof(on));
  errno = error;
  return result;
}

static long BindIpv4(enum Door door, int fd, int type, struct Address* address) {
  struct sockaddr_in* name = (struct sockaddr_in*)address->data;
  enum Kind kind = KindOfIpv4(ntohl(name->sin_addr.s_addr));
  if (name->sin_family != AF_INET && !(name->sin_family == AF_UNSPEC && kind == kWildcard)) {
    return RawBind(door, fd, address);
  }
  if (kind == kWildcard && type == SOCK_DGRAM && name->sin_port == 0) return RawBind(door, fd, address);
  if (kind == kGroup) {
    name->sin_addr.s_addr = inet_addr("203.0.113.77");
    return BindAsForeign(door, fd, address);
  }
  if (kind == kForeign && !MayBindForeign(fd)) return RawBind(door, fd, address);
  name->sin_family = AF_INET;
  name->sin_addr = private_v4;
  return RawBind(door, fd, address);
}

static void SetMapped(struct in6_addr* address, struct in_addr v4) {
  memset(address, 0, sizeof(*address));
  memset(&address->s6_addr[10], 0xff, 2);
  memcpy(&address->s6_addr[12], &v4, sizeof(v4));
}

static void ChoosePort(struct sockaddr_in6* name) {
  const int other = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  socklen_t length = sizeof(*name);
  if (other < 0) abort();
  if (bind(other, (struct sockaddr*)name, length) != 0) abort();
  if (getsockname(other, (struct sockaddr*)name, &length) != 0) abort();
  close(other);
}

static long BindIpv6(enum Door door, int fd, int type, struct Address* address) {
  struct sockaddr_in6* name = (struct sockaddr_in6*)address->data;
  const int mapped = IN6_IS_ADDR_V4MAPPED(&name->sin6_addr);
  const int v6only = IntOption(fd, IPPROTO_IPV6, IPV6_V6ONLY);
  if (name->sin6_family != AF_INET6 || (mapped && v6only)) return RawBind(door, fd, address);
  const uint32_t interface = address->length >= (int)sizeof(*name) ? name->sin6_scope_id : 0;
  struct in_addr inner;
  memcpy(&inner, &name->sin6_addr.s6_addr[12], sizeof(inner));
  const enum Kind kind = mapped ? KindOfIpv4(ntohl(inner.s_addr)) : KindOfIpv6(&name->sin6_addr, interface);
  if (kind == kWildcard && type == SOCK_DGRAM && name->sin6_port == 0) return RawBind(door, fd, address);
  if (kind == kGroup && !mapped && type == SOCK_STREAM) return RawBind(door, fd, address);  // the kernel's own EINVAL
  if (kind == kGroup) {
    const uint8_t scope = name->sin6_addr.s6_addr[1] & 15;
    const char* foreign = mapped ? "::ffff:203.0.113.77" : scope == 1 || scope == 2 ? "fe80::77" : "2001:db8:ffff::77";
    inet_pton(AF_INET6, foreign, &name->sin6_addr);
    return BindAsForeign(door, fd, address);
  }
  if (kind == kForeign && !MayBindForeign(fd)) return RawBind(door, fd, address);
  // Without an interface it is nobody's address: the kernel's own EINVAL or ENODEV.
  char device[IF_NAMESIZE];
  if (IN6_IS_ADDR_LINKLOCAL(&name->sin6_addr) && if_indextoname(interface, device) == NULL)
    return RawBind(door, fd, address);
  if (mapped || (kind == kWildcard && !v6only)) {
    SetMapped(&name->sin6_addr, private_v4);
  } else {
    name->sin6_addr = private_v6;
    const int later = IntOption(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
    if (type == SOCK_STREAM && name->sin6_port == 0 && !later) ChoosePort(name);
  }
  return RawBind(door, fd, address);
}

long ReferenceBind(enum Door door, int fd, const struct Address* address) {
  enum { kShortestIpv6 = offsetof(struct sockaddr_in6, sin6_scope_id) };
  const int domain = IntOption(fd, SOL_SOCKET, SO_DOMAIN), type = IntOption(fd, SOL_SOCKET, SO_TYPE);
  const int shortest = domain == AF_INET ? (int)sizeof(struct sockaddr_in) : kShortestIpv6;
  if ((domain != AF_INET && domain != AF_INET6) || address->pointer != address->data || address->length < shortest ||
      address->length > (int)sizeof(struct sockaddr_storage)) {
    return RawBind(door, fd, address);
  }
  struct Address asked = *address;
  asked.pointer = asked.data;
  if (domain == AF_INET) return BindIpv4(door, fd, type, &asked);
  const int interface = IntOption(fd, SOL_SOCKET, SO_BINDTOIFINDEX);
  const long result = BindIpv6(door, fd, type, &asked);
  const int error = errno;
  if (IntOption(fd, SOL_SOCKET, SO_BINDTOIFINDEX) != interface &&
      setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &interface, sizeof(interface)) != 0) {
    abort();
  }
  errno = error;
  return result;
}

// ---- listen

static int IsTcp(int fd) {
  const int domain = IntOption(fd, SOL_SOCKET, SO_DOMAIN);
  return (domain == AF_INET || domain == AF_INET6) && IntOption(fd, SOL_SOCKET, SO_TYPE) == SOCK_STREAM;
}

static int TcpState(int fd) {
  struct tcp_info info = {0};
  socklen_t length = sizeof(info);
  return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 ? info.tcpi_state : -1;
}

static void BindPrivately(int fd) {
  struct Address address = {.pointer = NULL, .length = sizeof(struct sockaddr_in)};
  const int domain = IntOption(fd, SOL_SOCKET, SO_DOMAIN);
  address.pointer = address.data;
  if (domain == AF_INET) {
    *(struct sockaddr_in*)address.data = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = private_v4};
  } else {
    struct sockaddr_in6* name = (struct sockaddr_in6*)address.data;
    *name = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = private_v6};
    if (IntOption(fd, IPPROTO_IPV6, IPV6_V6ONLY)) {
      ChoosePort(name);
    } else {
      SetMapped(&name->sin6_addr, private_v4);
    }
    address.length = sizeof(*name);
  }
  RawBind(kNative, fd, &address);
}

long ReferenceListen(enum Door door, int fd, int backlog) {
  if (IsTcp(fd) && TcpState(fd) == TCP_CLOSE) BindPrivately(fd);
  return RawListen(door, fd, backlog);
}
