/* SPDX-License-Identifier: GPL-2.0 */
/*
 * wall_bind.h: what bind() gets: the private address, whatever way the call came.
 *
 * These programs run for the companion's binds of the service's sockets as well, since a socket belongs to the cgroup
 * in which it was made; what is private already passes as it is. They see an address before the kernel has checked
 * it, so an address that the kernel would refuse may get our errno, and one that is not the host's EADDRNOTAVAIL, as
 * the kernel has it. An address of the host that is neither loopback nor the wildcard gets that too: which ones those
 * are, only the companion can tell (notify/).
 *
 * post_bind is the second look: whatever program of whatever cgroup has changed the address meanwhile.
 *
 * LEFT OPEN  What never meets these hooks: a listen() without a bind(), which takes the wildcard, and a UDP socket that
 * sends without one. Protocols with a bind of their own (SCTP, raw sockets) are wall_socket.h's to refuse.
 * Tested by tests/netns/wall_cgroup_test.cc.
 */
#ifndef FORCEBIND_BPF_WALL_BIND_H_
#define FORCEBIND_BPF_WALL_BIND_H_

#include "wall_policy.h"
#include "wall_report.h"

static __always_inline bool fb_is_group4(__be32 address)
{
	return (address & bpf_htonl(0xf0000000)) == bpf_htonl(0xe0000000) || address == bpf_htonl(0xffffffff);
}

static __always_inline bool fb_may_join(const struct fb_wall_policy *policy, __u32 protocol)
{
	return fb_is_udp(protocol) && (policy->flags & FB_WALL_MULTICAST);
}

/* A client's socket, that never binds in spirit. */
static __always_inline bool fb_is_client(const struct fb_wall_policy *policy, __u32 protocol, __u16 port)
{
	return fb_is_udp(protocol) && port == 0 && (policy->flags & FB_WALL_EGRESS);
}

/* What becomes of an IPv4 address: 0 is "nothing to be had", the address itself is "as requested". */
static __always_inline __be32 fb_forced4(const struct fb_wall_policy *policy, __u32 protocol, __be32 address,
					 __u16 port)
{
	if (address == 0 || fb_is_loopback4(address))
		return policy->private4;
	if (fb_is_group4(address) && fb_may_join(policy, protocol))
		return address;
	return 0;
}

SEC("cgroup/bind4")
int fb_wall_bind4(struct bpf_sock_addr *ctx)
{
	const struct fb_wall_policy *policy = fb_wall_policy();
	__be32 requested = ctx->user_ip4, forced;
	__u32 protocol = ctx->protocol;
	__u16 port = bpf_ntohs(ctx->user_port);

	fb_note_asked4(ctx, policy);
	if (bpf_get_netns_cookie(ctx) != policy->netns_cookie)
		return fb_wall_refuse(FB_EADDRNOTAVAIL);
	if (!requested && fb_is_client(policy, protocol, port))
		return 1;
	forced = fb_forced4(policy, protocol, requested, port);
	if (!forced)
		return fb_wall_refuse(FB_EADDRNOTAVAIL);
	if (!fb_may_bind_port(policy, protocol, port))
		return fb_wall_refuse(FB_EACCES);
	if (forced != requested)
		ctx->user_ip4 = forced;
	return 1;
}

/* Not known of a UDP-Lite socket: then it counts as one, and gets the ULA. */
static __always_inline bool fb_serves_ipv6_only(struct bpf_sock_addr *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct sock_common *common;

	if (!sk)
		return true;
	if (ctx->protocol == IPPROTO_UDP)
		common = (struct sock_common *)bpf_skc_to_udp6_sock(sk);
	else
		common = (struct sock_common *)bpf_skc_to_tcp6_sock(sk);
	return !common || BPF_CORE_READ_BITFIELD_PROBED(common, skc_ipv6only);
}

static __always_inline void fb_request_mapped(struct bpf_sock_addr *ctx, __be32 address)
{
	__be32 mapped[4] = {0, 0, bpf_htonl(0xffff), address};

	fb_set_address6(ctx, mapped);
}

static __always_inline int fb_force_mapped(struct bpf_sock_addr *ctx, const struct fb_wall_policy *policy,
					   __be32 address, __u16 port)
{
	__be32 forced = fb_forced4(policy, ctx->protocol, address, port);

	if (!forced)
		return fb_wall_refuse(FB_EADDRNOTAVAIL);
	if (forced != address)
		fb_request_mapped(ctx, forced);
	return 1;
}

/* :: and ::1. Without V6ONLY the former serves both families, which ::ffff:127.84.3.1 does, and no ULA can. */
static __always_inline int fb_force_native(struct bpf_sock_addr *ctx, const struct fb_wall_policy *policy,
					   bool wildcard)
{
	if (wildcard && policy->private4 && !fb_serves_ipv6_only(ctx)) {
		fb_request_mapped(ctx, policy->private4);
		return 1;
	}
	if (!fb_has_private6(policy))
		return fb_wall_refuse(FB_EADDRNOTAVAIL);
	fb_set_address6(ctx, policy->private6);
	return 1;
}

SEC("cgroup/bind6")
int fb_wall_bind6(struct bpf_sock_addr *ctx)
{
	const struct fb_wall_policy *policy = fb_wall_policy();
	__be32 requested[4] = {ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3]};
	__u16 port = bpf_ntohs(ctx->user_port);
	bool wildcard = fb_is_unset6(requested), mapped = fb_is_mapped(requested);

	fb_note_asked(ctx, policy, requested);
	if (bpf_get_netns_cookie(ctx) != policy->netns_cookie)
		return fb_wall_refuse(FB_EADDRNOTAVAIL);
	if ((wildcard || (mapped && !requested[3])) && fb_is_client(policy, ctx->protocol, port))
		return 1;
	/* The companion has looked at the port that was asked for; a ULA it binds with one that was not. */
	if (fb_is_tcp(ctx->protocol) && fb_has_private6(policy) && fb_is_same6(requested, policy->private6) &&
	    !fb_is_below(policy->cgroup_id))
		return 1;
	if (!fb_may_bind_port(policy, ctx->protocol, port))
		return fb_wall_refuse(FB_EACCES);
	if (mapped)
		return fb_force_mapped(ctx, policy, requested[3], port);
	if (wildcard || fb_is_loopback6(requested))
		return fb_force_native(ctx, policy, wildcard);
	if (fb_has_private6(policy) && fb_is_same6(requested, policy->private6))
		return 1;
	if ((requested[0] & bpf_htonl(0xff000000)) == bpf_htonl(0xff000000) && fb_may_join(policy, ctx->protocol))
		return 1;
	return fb_wall_refuse(FB_EADDRNOTAVAIL);
}

static __always_inline bool fb_may_have4(const struct fb_wall_policy *policy, __u32 protocol, __be32 address)
{
	if (policy->private4 && address == policy->private4)
		return true;
	if (!address)
		return fb_is_udp(protocol) && (policy->flags & FB_WALL_EGRESS);
	return fb_is_group4(address) && fb_may_join(policy, protocol);
}

SEC("cgroup/post_bind4")
int fb_wall_bound4(struct bpf_sock *ctx)
{
	const struct fb_wall_policy *policy = fb_wall_policy();

	if (bpf_get_netns_cookie(ctx) == policy->netns_cookie && fb_may_have4(policy, ctx->protocol, ctx->src_ip4))
		return 1;
	return fb_wall_refuse(FB_EADDRNOTAVAIL);
}

static __always_inline bool fb_may_have6(const struct fb_wall_policy *policy, __u32 protocol, const __be32 *address)
{
	if (fb_is_mapped(address))
		return fb_may_have4(policy, protocol, address[3]);
	if (fb_is_unset6(address))
		return fb_is_udp(protocol) && (policy->flags & FB_WALL_EGRESS);
	if (fb_is_same6(address, policy->private6))
		return true;
	return (address[0] & bpf_htonl(0xff000000)) == bpf_htonl(0xff000000) && fb_may_join(policy, protocol);
}

SEC("cgroup/post_bind6")
int fb_wall_bound6(struct bpf_sock *ctx)
{
	const struct fb_wall_policy *policy = fb_wall_policy();
	__be32 address[4] = {ctx->src_ip6[0], ctx->src_ip6[1], ctx->src_ip6[2], ctx->src_ip6[3]};

	if (bpf_get_netns_cookie(ctx) == policy->netns_cookie && fb_may_have6(policy, ctx->protocol, address))
		return 1;
	return fb_wall_refuse(FB_EADDRNOTAVAIL);
}

#endif /* FORCEBIND_BPF_WALL_BIND_H_ */
