/* SPDX-License-Identifier: GPL-2.0 */
/*
 * bound.h: what is to be done when a socket has got its address and port: the guard's second half, then the tracking of
 * UDP sockets.
 *
 * The guard sees what bind() asks for. Who asks for port 0 may still get a published port: by chance, by asking often
 * enough, or by IP_LOCAL_PORT_RANGE. The kernel never gives out a port that a listener on the wildcard holds, so such a
 * bind fails with EADDRINUSE. The guard has noted the socket; only noted ones are looked at here. It cannot be asked
 * here whether a socket of the group lives (bpf_sk_release() is not to be had), so for a group whose last socket died
 * since the supervisor's last tick the bind fails, too.
 * The verdict comes first: a record of a socket that did not get its port would send packets to nobody.
 *
 * Tested by tests/conformance/.
 */
#ifndef FORCEBIND_BPF_BOUND_H_
#define FORCEBIND_BPF_BOUND_H_

#include "guard.h"
#include "kernel_types.h"
#include "maps.h"
#include "track.h"

/* The hook's context is the kernel's struct sock, but post_bind may not read bound_dev_if through it. */
static __always_inline __u32 fb_bound_device(struct bpf_sock *ctx)
{
	return BPF_CORE_READ((struct sock_common *)ctx, skc_bound_dev_if);
}

static __always_inline bool fb_got_guarded_port(__u64 cookie, const struct fb_exact_key *key)
{
	struct fb_route_key route_key = {.protocol = key->protocol, .family = key->family, .port = key->port};
	struct fb_route *route;
	struct fb_group *group;
	__u32 id;

	if (!bpf_map_lookup_elem(&any_port, &cookie))
		return false;
	bpf_map_delete_elem(&any_port, &cookie);
	route_key.prefix_length = FB_ROUTE_PREFIX_BASE + (key->family == FB_FAMILY_IPV4 ? 32 : 128);
	__builtin_memcpy(route_key.address, key->address, sizeof(route_key.address));
	route = bpf_map_lookup_elem(&routes, &route_key);
	if (!route || route->group == FB_NO_SLOT || !(route->flags & FB_ROUTE_GUARD))
		return false;
	id = route->group;
	group = bpf_map_lookup_elem(&groups, &id);
	return group && group->head != FB_CHAIN_END;
}

static __always_inline int fb_bound(struct bpf_sock *ctx, struct fb_exact_key *key, bool is_exact)
{
	__u64 cookie = bpf_get_socket_cookie(ctx);

	if (fb_got_guarded_port(cookie, key))
		return fb_refuse();
	if (is_exact && key->protocol == IPPROTO_UDP) {
		key->ifindex = fb_bound_device(ctx);
		fb_track_add(cookie, key);
	}
	return 1;
}

static __always_inline bool fb_is_ours(struct bpf_sock *ctx)
{
	return (ctx->protocol == IPPROTO_UDP || ctx->protocol == IPPROTO_TCP) &&
	       bpf_get_netns_cookie(ctx) == fb_netns_cookie;
}

SEC("cgroup/post_bind4")
int fb_bound4(struct bpf_sock *ctx)
{
	struct fb_exact_key key = {.protocol = ctx->protocol, .family = FB_FAMILY_IPV4};
	bool is_exact;

	if (!fb_is_ours(ctx))
		return 1;
	key.port = bpf_htons(ctx->src_port);
	is_exact = fb_set_ipv4(key.address, ctx->src_ip4);
	return fb_bound(ctx, &key, is_exact);
}

SEC("cgroup/post_bind6")
int fb_bound6(struct bpf_sock *ctx)
{
	struct fb_exact_key key = {.protocol = ctx->protocol};
	bool is_exact;

	if (!fb_is_ours(ctx))
		return 1;
	key.port = bpf_htons(ctx->src_port);
	is_exact = fb_set_ipv6(key.address, &key.family, ctx->src_ip6[0], ctx->src_ip6[1], ctx->src_ip6[2],
			       ctx->src_ip6[3]);
	return fb_bound(ctx, &key, is_exact);
}

#endif /* FORCEBIND_BPF_BOUND_H_ */
