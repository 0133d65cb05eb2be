/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * wall_layout.h: what the programs of the `cgroup` wall and the supervisor agree on: the policy of one service.
 * Included by C (bpf/) and C++ (supervisor/). Nothing of it is pinned: it lives and dies with the service's cgroup.
 *
 * Addresses are in network order, ports in host order. An address that the service does not have is all zero.
 */
#ifndef FORCEBIND_BPF_WALL_LAYOUT_H_
#define FORCEBIND_BPF_WALL_LAYOUT_H_

#include <linux/types.h>

#define FB_WALL_MAX_PORTS 512	   /* a power of two: an index is kept in bounds by a mask */
#define FB_WALL_MAX_HOST_PORTS 256 /* likewise */

#define FB_WALL_MAX_TARGETS 64 /* other services that may be reached */
#define FB_WALL_NAME_SIZE 64   /* of a service's name, with the zero that ends it */

#define FB_WALL_ANY_PORT 1u  /* every port may be bound; `ports` is empty */
#define FB_WALL_EGRESS 2u    /* a UDP bind of the wildcard with port 0 stays there, and sends leave as they like */
#define FB_WALL_MULTICAST 4u /* UDP may bind multicast and broadcast addresses */
#define FB_WALL_RAW 8u	     /* raw sockets may be made */
#define FB_WALL_INET 16u     /* AF_INET sockets may be made */
#define FB_WALL_INET6 32u    /* AF_INET6 sockets may be made */
#define FB_WALL_LIMITED 64u  /* of other services, only `targets` may be reached */

#define FB_WALL_REPORT 128u /* getsockname() and getpeername() say what was asked for */

/* The option by which the companion says what bind() asked for: 16 bytes, IPv4-mapped for an IPv4 socket. */
#define FB_WALL_OPTION_LEVEL 0x4642
#define FB_WALL_REQUESTED 1

/* What 127.0.0.1, ::1 and the wildcards mean as destinations. */
#define FB_WALL_OWN_FIRST 0u /* the private address if the service listens there, else the host's loopback */
#define FB_WALL_OWN 1u
#define FB_WALL_HOST 2u

struct fb_wall_range {
	__u16 first;
	__u16 last;
};

/*
 * Another service that may be reached, on these ports. The programs go by the addresses, the supervisor by the name:
 * whenever a name gets another address it writes the policy anew, and so does one that was started later.
 */
struct fb_wall_target {
	char name[FB_WALL_NAME_SIZE];
	__be32 address4; /* zero: it has none yet */
	__be32 address6[4];
	struct fb_wall_range ports;
	__u32 protocol; /* IPPROTO_TCP, IPPROTO_UDP; 0: both */
};

/* wall_policies: the storage of a cgroup. */
struct fb_wall_policy {
	__u64 netns_cookie; /* the network namespace that the private addresses are in */
	__u64 cgroup_id;    /* of the service's cgroup: whose processes are the service's own */
	__be32 private4;
	__be32 private6[4];
	/* Where other services have their private addresses. */
	__be32 pool4, pool4_mask;
	__be32 pool6[4], pool6_mask[4];
	__u32 flags;
	__u32 loopback;
	/* `ports` holds the TCP ranges, then the UDP ranges, each sorted and apart from each other. */
	__u32 tcp_ports, udp_ports;
	/* `host_ports` likewise: destinations on loopback that are always the host's. */
	__u32 host_tcp_ports, host_udp_ports;
	struct fb_wall_range ports[FB_WALL_MAX_PORTS];
	struct fb_wall_range host_ports[FB_WALL_MAX_HOST_PORTS];
	__u32 target_count;
	struct fb_wall_target targets[FB_WALL_MAX_TARGETS];
};

#endif /* FORCEBIND_BPF_WALL_LAYOUT_H_ */
