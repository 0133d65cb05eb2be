/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * layout.h: what the BPF programs and the supervisor agree on: the keys and values of the maps.
 * Included by C (bpf/) and C++ (supervisor/). Every struct is free of padding that the compiler could fill.
 *
 * Addresses are 16 bytes in network order; an IPv4 address fills the first four, the rest is zero. An IPv4-mapped
 * address never appears: it is stored as the IPv4 address that it stands for.
 */
#ifndef FORCEBIND_BPF_LAYOUT_H_
#define FORCEBIND_BPF_LAYOUT_H_

#include <linux/types.h>

#define FB_LAYOUT_VERSION 1

#define FB_FAMILY_IPV4 4
#define FB_FAMILY_IPV6 6

/* Chain end, and the head of a route that leads to nobody. */
#define FB_NO_SLOT 0xffffffffu

#define FB_MAX_SLOTS 65536
#define FB_MAX_ROUTES 65536
#define FB_MAX_EXACT 262144
#define FB_MAX_UDP_FLOWS 65536
/* How many dead members of a SO_REUSEPORT group a lookup walks past. */
#define FB_MAX_CHAIN 64

/* routes: LPM trie from (protocol, family, port, public address prefix) to a group of sockets. */
struct fb_route_key {
	__u32 prefix_length; /* 32 + the length of the address prefix */
	__u8 protocol;
	__u8 family;
	__be16 port;
	__u8 address[16];
};
#define FB_ROUTE_PREFIX_BASE 32

#define FB_ROUTE_GUARD 1u  /* strangers may not bind the port on an address of this prefix */
#define FB_ROUTE_REFUSE 2u /* drop, rather than fall through, when no socket of the group lives */

struct fb_route {
	__u32 group; /* FB_NO_SLOT: nobody; the kernel's own lookup goes on */
	__u32 flags;
};

/* groups: array from group to its newest member; next: array from slot to the next older member. */
/* sockets: SOCKMAP from slot to socket. A socket leaves it by itself when it is closed. */

/* exact: hash from an exact (not wildcard) local endpoint to how many sockets listen there. */
struct fb_exact_key {
	__u8 address[16];
	__be16 port;
	__u8 protocol;
	__u8 family;
	__u32 ifindex;    /* SO_BINDTODEVICE, 0 = any */
	__u32 generation; /* 0 or 1, see bpf/track.h */
};

#endif /* FORCEBIND_BPF_LAYOUT_H_ */
