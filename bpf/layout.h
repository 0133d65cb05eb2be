/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * layout.h: what the BPF programs and the supervisor agree on: the keys and values of the maps.
 * Included by C (bpf/) and C++ (supervisor/). Every struct is free of padding that the compiler could fill.
 * docs/bpf-state.md says which map has which name where it is pinned.
 *
 * Addresses are 16 bytes in network order; an IPv4 address fills the first four, the rest is zero. An IPv4-mapped
 * address never appears: it is stored as the IPv4 address that it stands for.
 */
#ifndef FORCEBIND_BPF_LAYOUT_H_
#define FORCEBIND_BPF_LAYOUT_H_

#include <linux/types.h>

/* To be raised with every change below: a supervisor refuses to take over maps of another version. */
#define FB_LAYOUT_VERSION 2

#define FB_FAMILY_IPV4 4
#define FB_FAMILY_IPV6 6

/* The group of a route that leads to nobody. */
#define FB_NO_SLOT 0xffffffffu
/* The end of a chain of slots: slot 0 is never used, so that a fresh array holds empty groups. */
#define FB_CHAIN_END 0u

#define FB_MAX_SLOTS 65536
#define FB_MAX_GROUPS 16384
#define FB_MAX_ROUTES 65536
#define FB_MAX_EXACT 131072
#define FB_MAX_UDP_FLOWS 65536
#define FB_MAX_SERVICES 65536
#define FB_MAX_LISTENERS 65536
/* How many dead members of a SO_REUSEPORT group a lookup walks past. */
#define FB_MAX_CHAIN 64

/* state: an array of one, mapped by the supervisor. */
struct fb_state {
	__u32 layout_version;
	__u32 generation;	/* of fb_exact_key, for who adds; written by the supervisor, see bpf/track.h */
	__u32 both_generations; /* whether the other generation may have entries; written by the supervisor */
	__u32 device_bound;	/* how many records have an ifindex; written by BPF */
	__u32 udp_published;	/* whether udp_sockets may have entries; written by the supervisor */
	__u32 guarded;		/* whether any route has had FB_ROUTE_GUARD; the supervisor's own note */
	__u64 netns_cookie;	/* of the network namespace that all this is about */
};

/*
 * routes, fallback_routes: LPM tries from (protocol, family, port, public address prefix) to a group of sockets; the
 * latter for hook F, with port 0 for any port.
 */
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

/* groups: array from group to its newest member. */
struct fb_group {
	__u32 head; /* a slot, or FB_CHAIN_END */
	__u32 used; /* whether the number is handed out; the programs do not look at it */
};

/* next: array from slot to the next older member of the same group, or FB_CHAIN_END. */
/* sockets: SOCKMAP from slot to socket. A socket leaves it by itself when it is closed. */

/* exact: hash from an exact (not wildcard) local endpoint to how many sockets listen there (__u32). */
/* records: hash from the cookie of such a socket to the key that it was counted under. */
struct fb_exact_key {
	__u8 address[16];
	__be16 port;
	__u8 protocol;
	__u8 family;
	__u32 ifindex;	  /* SO_BINDTODEVICE, 0 = any */
	__u32 generation; /* 0 or 1, see bpf/track.h */
};

/* udp_flows: LRU hash from who sent a datagram to a group, to the address (16 bytes) that he sent it to. */
struct fb_flow_key {
	__u32 group;
	__be16 remote_port;
	__u8 family;
	__u8 reserved;
	__u8 remote[16];
};
struct fb_flow {
	__u8 local[16];
};

/* udp_sockets: hash from the cookie of a published UDP socket to its group (__u32). */

/*
 * reserved_ports: array, mapped, of 64 bits each: the ports that the supervisor has put into ip_local_reserved_ports.
 * No program reads it.
 */
#define FB_PORT_WORDS 1024

/* group_counters: per-CPU array by group. */
struct fb_group_counters {
	__u64 dispatched;
	__u64 fell_through;
};

/* totals: per-CPU array of one. The meanings stand in supervisor/backend.h. */
struct fb_totals {
	__u64 dispatched;
	__u64 yielded;
	__u64 gone;
	__u64 refused;
	__u64 assign_failed;
	__u64 guarded;
	__u64 untracked;
};

/* services, listeners: hashes of the supervisor's own; no program reads them. */
#define FB_SERVICE_BYTES 512
#define FB_LISTENER_BYTES 128
struct fb_service_value {
	__u8 bytes[FB_SERVICE_BYTES];
};
struct fb_listener_value {
	__u8 bytes[FB_LISTENER_BYTES];
};

/* What the program fb_forget takes as its context: the cookie whose record is to go. */
struct fb_forget_args {
	__u64 cookie;
};

#endif /* FORCEBIND_BPF_LAYOUT_H_ */
