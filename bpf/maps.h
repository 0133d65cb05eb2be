/* SPDX-License-Identifier: GPL-2.0 */
/* maps.h: the maps of every backend, as layout.h describes them. The supervisor pins each under its name. */
#ifndef FORCEBIND_BPF_MAPS_H_
#define FORCEBIND_BPF_MAPS_H_

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "layout.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fb_state);
} state SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, FB_MAX_ROUTES);
	__type(key, struct fb_route_key);
	__type(value, struct fb_route);
} routes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, FB_MAX_GROUPS);
	__type(key, __u32);
	__type(value, struct fb_group);
} groups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, FB_MAX_SLOTS);
	__type(key, __u32);
	__type(value, __u32);
} next SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, FB_MAX_SLOTS);
	__type(key, __u32);
	__type(value, __u64); /* a read from user space gives the socket's cookie */
} sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FB_MAX_UDP_FLOWS);
	__type(key, struct fb_flow_key);
	__type(value, struct fb_flow);
} udp_flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, FB_MAX_SLOTS);
	__type(key, __u64);
	__type(value, __u32);
} udp_sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, FB_PORT_WORDS);
	__type(key, __u32);
	__type(value, __u64);
} reserved_ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, FB_MAX_GROUPS);
	__type(key, __u32);
	__type(value, struct fb_group_counters);
} group_counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fb_totals);
} totals SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, FB_MAX_SERVICES);
	__type(key, __u64);
	__type(value, struct fb_service_value);
} services SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, FB_MAX_LISTENERS);
	__type(key, __u64);
	__type(value, struct fb_listener_value);
} listeners SEC(".maps");

/* Set before loading: the network namespace whose sockets count. */
const volatile __u64 fb_netns_cookie = 0;

static const __u32 fb_zero = 0;

/* A load that the compiler may neither merge with another nor move out of its branch: the verifier takes context
 * accesses at constant offsets only. */
#define FB_READ(field) (*(volatile __typeof__(field) *)&(field))

#define FB_COUNT(field)                                                          \
	do {                                                                     \
		struct fb_totals *fb_t = bpf_map_lookup_elem(&totals, &fb_zero); \
		if (fb_t)                                                        \
			fb_t->field++;                                           \
	} while (0)

#define FB_COUNT_GROUP(id, field)                                                             \
	do {                                                                                  \
		struct fb_group_counters *fb_g = bpf_map_lookup_elem(&group_counters, &(id)); \
		if (fb_g)                                                                     \
			fb_g->field++;                                                        \
	} while (0)

#endif /* FORCEBIND_BPF_MAPS_H_ */
