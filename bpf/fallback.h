/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fallback.h: hook F: who gets what no socket takes, neither on the exact address nor on the wildcard. The verdicts are
 * those of lookup.h, over routes of their own; where none leads from the port, those for any port (0) are asked.
 *
 * Tested by tests/conformance/.
 */
#ifndef FORCEBIND_BPF_FALLBACK_H_
#define FORCEBIND_BPF_FALLBACK_H_

#include "lookup.h"

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, FB_MAX_ROUTES);
	__type(key, struct fb_route_key);
	__type(value, struct fb_route);
} fallback_routes SEC(".maps");

SEC("sk_lookup")
int fb_fallback(struct bpf_sk_lookup *ctx)
{
	struct fb_route_key route_key = {};
	struct fb_exact_key key = {};
	struct fb_route *route;

	fb_fill_keys(ctx, &route_key, &key);
	route = bpf_map_lookup_elem(&fallback_routes, &route_key);
	if (!route) {
		route_key.port = 0;
		route = bpf_map_lookup_elem(&fallback_routes, &route_key);
	}
	return fb_dispatch(ctx, route, &key);
}

#endif /* FORCEBIND_BPF_FALLBACK_H_ */
