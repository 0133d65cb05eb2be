/* SPDX-License-Identifier: GPL-2.0 */
/*
 * bound.h: what is to be done when a socket has got its address and port: the guard's second half, then the tracking of
 * UDP sockets; and when it goes. Included after track.h or track_none.h.
 *
 * The guard sees what bind() asks for. Who asks for port 0 may still get a published port: by chance, by asking often
 * enough, or by IP_LOCAL_PORT_RANGE. The kernel never gives out a port that a listener on the wildcard holds, so such a
 * bind fails with EADDRINUSE. The guard has noted the socket; only noted ones are looked at here.
 * The verdict comes first: a record of a socket that did not get its port would send packets to nobody.
 *
 * Tested by tests/conformance/.
 */
#ifndef FORCEBIND_BPF_BOUND_H_
#define FORCEBIND_BPF_BOUND_H_

#include "address.h"
#include "guard.h"
#include "guarded.h"
#include "kernel_types.h"
#include "maps.h"

static __always_inline bool fb_got_guarded_port(__u64 cookie, const struct fb_exact_key *key)
{
	if (!bpf_map_lookup_elem(&any_port, &cookie))
		return false;
	bpf_map_delete_elem(&any_port, &cookie);
	return fb_endpoint_is_guarded(key);
}

static __always_inline int fb_bound(struct bpf_sock *ctx, struct fb_exact_key *key, bool is_exact)
{
	__u64 cookie = bpf_get_socket_cookie(ctx);

	if (fb_got_guarded_port(cookie, key))
		return fb_refuse();
	if (is_exact && key->protocol == IPPROTO_UDP)
		fb_track_bound(ctx, cookie, key);
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

SEC("cgroup/sock_release")
int fb_udp_release(struct bpf_sock *ctx)
{
	__u64 cookie;

	if (ctx->protocol != IPPROTO_UDP || !fb_is_ours(ctx))
		return 1;
	cookie = bpf_get_socket_cookie(ctx);
	fb_track_remove(cookie);
	bpf_map_delete_elem(&udp_sockets, &cookie);
	return 1;
}

#endif /* FORCEBIND_BPF_BOUND_H_ */
