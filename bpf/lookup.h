/* SPDX-License-Identifier: GPL-2.0 */
/*
 * lookup.h: who gets a new connection or datagram. At the kernel's early hook (hook-b) the program behaves as if it
 * stood between the exact and the wildcard lookup, where hook D is. Included after track.h or track_none.h.
 *
 * Verdicts, in this order:
 *   1. No route leads from (protocol, address, port), or the longest one leads to nobody: the kernel's own lookup.
 *   2. A socket listens on exactly this address: the kernel's own lookup, which finds it. At hook D it already has.
 *   3. A socket of the route's group lives: it gets the packet. The kernel then spreads over its SO_REUSEPORT group.
 *   4. None lives: refused if the route says so, else the kernel's own lookup.
 * Connected UDP sockets are found before the hook runs; established TCP connections never come here. Every other UDP
 * socket on the wildcard is asked after the program, also a client's on an ephemeral port: routes are by port, so that
 * only published ports are taken from it.
 *
 * Tested by tests/conformance/.
 */
#ifndef FORCEBIND_BPF_LOOKUP_H_
#define FORCEBIND_BPF_LOOKUP_H_

#include <linux/in.h>
#include <bpf/bpf_endian.h>

#include "kernel_types.h"
#include "maps.h"

static __always_inline void fb_fill_keys(struct bpf_sk_lookup *ctx, struct fb_route_key *route,
					 struct fb_exact_key *key)
{
	__be32 words[4] = {};

	if (ctx->family == AF_INET) {
		route->family = FB_FAMILY_IPV4;
		route->prefix_length = FB_ROUTE_PREFIX_BASE + 32;
		words[0] = FB_READ(ctx->local_ip4);
	} else {
		route->family = FB_FAMILY_IPV6;
		route->prefix_length = FB_ROUTE_PREFIX_BASE + 128;
		words[0] = FB_READ(ctx->local_ip6[0]);
		words[1] = FB_READ(ctx->local_ip6[1]);
		words[2] = FB_READ(ctx->local_ip6[2]);
		words[3] = FB_READ(ctx->local_ip6[3]);
	}
	route->protocol = ctx->protocol;
	route->port = bpf_htons(ctx->local_port);
	__builtin_memcpy(route->address, words, sizeof(words));
	key->family = route->family;
	key->protocol = route->protocol;
	key->port = route->port;
	__builtin_memcpy(key->address, words, sizeof(words));
}

static __always_inline bool fb_same_address(const __u8 *a, const __u8 *b)
{
	const __u32 *x = (const __u32 *)a, *y = (const __u32 *)b;

	return x[0] == y[0] && x[1] == y[1] && x[2] == y[2] && x[3] == y[3];
}

/* The answer's source, for reply.h. Written only when it changes: a flow's datagrams mostly go to one address. */
static __always_inline void fb_remember_flow(struct bpf_sk_lookup *ctx, __u32 group, struct fb_exact_key *key)
{
	struct fb_flow_key flow = {.group = group, .remote_port = ctx->remote_port, .family = key->family};
	__be32 words[4] = {};
	struct fb_flow *known;

	if (key->family == FB_FAMILY_IPV4) {
		words[0] = FB_READ(ctx->remote_ip4);
	} else {
		words[0] = FB_READ(ctx->remote_ip6[0]);
		words[1] = FB_READ(ctx->remote_ip6[1]);
		words[2] = FB_READ(ctx->remote_ip6[2]);
		words[3] = FB_READ(ctx->remote_ip6[3]);
	}
	__builtin_memcpy(flow.remote, words, sizeof(words));
	known = bpf_map_lookup_elem(&udp_flows, &flow);
	if (!known || !fb_same_address(known->local, key->address))
		bpf_map_update_elem(&udp_flows, &flow, key->address, BPF_ANY);
}

/* Gives the packet to the newest member of the group that lives and takes it. */
static __always_inline bool fb_assign(struct bpf_sk_lookup *ctx, __u32 slot)
{
	struct bpf_sock *sk;
	__u32 *older;
	long err;
	int i;

#pragma clang loop unroll(disable)
	for (i = 0; i < FB_MAX_CHAIN && slot != FB_CHAIN_END; i++) {
		sk = bpf_map_lookup_elem(&sockets, &slot);
		if (sk) {
			err = bpf_sk_assign(ctx, sk, 0);
			bpf_sk_release(sk);
			if (!err)
				return true;
			FB_COUNT(assign_failed);
		}
		older = bpf_map_lookup_elem(&next, &slot);
		if (!older)
			break;
		slot = *older;
	}
	return false;
}

static __always_inline int fb_dispatch(struct bpf_sk_lookup *ctx, struct fb_route *route, struct fb_exact_key *key)
{
	struct fb_group *group;
	__u32 id, flags;

	if (!route)
		return SK_PASS;
	id = route->group;
	flags = route->flags;
	if (id == FB_NO_SLOT)
		return SK_PASS;
	if (fb_has_exact(key, ctx->ingress_ifindex)) {
		FB_COUNT(yielded);
		return SK_PASS;
	}
	group = bpf_map_lookup_elem(&groups, &id);
	if (group && fb_assign(ctx, group->head)) {
		FB_COUNT(dispatched);
		FB_COUNT_GROUP(id, dispatched);
		if (ctx->protocol == IPPROTO_UDP)
			fb_remember_flow(ctx, id, key);
		return SK_PASS;
	}
	FB_COUNT(gone);
	FB_COUNT_GROUP(id, fell_through);
	if (!(flags & FB_ROUTE_REFUSE))
		return SK_PASS;
	FB_COUNT(refused);
	return SK_DROP;
}

SEC("sk_lookup")
int fb_lookup(struct bpf_sk_lookup *ctx)
{
	struct fb_route_key route_key = {};
	struct fb_exact_key key = {};

	fb_fill_keys(ctx, &route_key, &key);
	return fb_dispatch(ctx, bpf_map_lookup_elem(&routes, &route_key), &key);
}

#endif /* FORCEBIND_BPF_LOOKUP_H_ */
