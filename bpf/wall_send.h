/* SPDX-License-Identifier: GPL-2.0 */
/*
 * wall_send.h: where connect() and unconnected sends go, and where they come from.
 *
 * DESTINATION  127.0.0.1, ::1, their IPv4-mapped forms and the wildcards mean the private address, as they do in
 * bind(): by the profile always, never, or if the service listens there itself. Another 127.x is somebody's in
 * particular (127.0.0.53 is the host's resolver), and stays.
 *
 * SOURCE  What goes to a private address leaves from the service's own, so that the other side can tell who calls:
 * connect() binds the socket to it, without a port, and a bound one stays as it is. A send names it as the source. With
 * egress = false that holds for every destination of UDP.
 *
 * LEFT OPEN  connect() to a ULA where the service's own is local by a route alone: bpf_bind() has no IPV6_FREEBIND, and
 * the kernel chooses the source (supervisor/cgroup_wall.h).
 *
 * OTHERS  Where the profile has a list of services, what goes to any other private address gets ECONNREFUSED, as if
 * nobody was there. Published ports on public addresses are not private, and so not its concern.
 *
 * Tested by tests/netns/wall_cgroup_test.cc.
 */
#ifndef FORCEBIND_BPF_WALL_SEND_H_
#define FORCEBIND_BPF_WALL_SEND_H_

#include "wall_policy.h"
#include "wall_report.h"

/* A socket on exactly the private IPv4 address, whatever its family. */
static __always_inline bool fb_is_on_private4(const struct fb_wall_policy *policy, struct bpf_sock *sk)
{
	return policy->private4 && sk->src_ip4 == policy->private4;
}

static __always_inline bool fb_is_on_private6(const struct fb_wall_policy *policy, struct bpf_sock *sk)
{
	__be32 address[4] = {sk->src_ip6[0], sk->src_ip6[1], sk->src_ip6[2], sk->src_ip6[3]};

	return fb_is_same6(address, policy->private6);
}

static __always_inline struct bpf_sock *fb_find(struct bpf_sock_addr *ctx, struct bpf_sock_tuple *tuple, __u32 size)
{
	if (fb_is_udp(ctx->protocol))
		return bpf_sk_lookup_udp(ctx, tuple, size, BPF_F_CURRENT_NETNS, 0);
	return bpf_sk_lookup_tcp(ctx, tuple, size, BPF_F_CURRENT_NETNS, 0);
}

/* A connected UDP socket hears its peer alone, so the question is asked from the caller's own port. */
static __always_inline __be16 fb_asking_port(struct bpf_sock_addr *ctx)
{
	struct bpf_sock *sk = ctx->sk;

	return fb_is_udp(ctx->protocol) && sk ? bpf_htons(sk->src_port) : 0;
}

/* UDP-Lite has a table of sockets of its own, into which no program can look: its loopback is always the service's. */
static __always_inline bool fb_listens4(struct bpf_sock_addr *ctx, const struct fb_wall_policy *policy)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *sk;
	bool own;

	if (ctx->protocol == IPPROTO_UDPLITE)
		return true;
	tuple.ipv4.saddr = policy->private4;
	tuple.ipv4.sport = fb_asking_port(ctx);
	tuple.ipv4.daddr = policy->private4;
	tuple.ipv4.dport = (__be16)ctx->user_port;
	sk = fb_find(ctx, &tuple, sizeof(tuple.ipv4));
	if (!sk)
		return false;
	own = fb_is_on_private4(policy, sk);
	bpf_sk_release(sk);
	return own;
}

/* A dual-stack listener is on the IPv4 address, and led to from the ULA by the lookup program. */
static __always_inline bool fb_listens6(struct bpf_sock_addr *ctx, const struct fb_wall_policy *policy)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *sk;
	bool own;

	if (ctx->protocol == IPPROTO_UDPLITE)
		return true;
	__builtin_memcpy(tuple.ipv6.saddr, policy->private6, sizeof(tuple.ipv6.saddr));
	tuple.ipv6.sport = fb_asking_port(ctx);
	__builtin_memcpy(tuple.ipv6.daddr, policy->private6, sizeof(tuple.ipv6.daddr));
	tuple.ipv6.dport = (__be16)ctx->user_port;
	sk = fb_find(ctx, &tuple, sizeof(tuple.ipv6));
	if (!sk)
		return false;
	own = fb_is_on_private6(policy, sk) || fb_is_on_private4(policy, sk);
	bpf_sk_release(sk);
	return own;
}

/* REQUIRES: the destination is 127.0.0.1 or the wildcard. Does it mean the private address? */
static __always_inline bool fb_means_own4(struct bpf_sock_addr *ctx, const struct fb_wall_policy *policy)
{
	if (!policy->private4 || fb_is_hosts_port(policy, ctx->protocol, bpf_ntohs(ctx->user_port)))
		return false;
	return policy->loopback == FB_WALL_OWN || fb_listens4(ctx, policy);
}

static __always_inline bool fb_means_own6(struct bpf_sock_addr *ctx, const struct fb_wall_policy *policy)
{
	if (!fb_has_private6(policy) || fb_is_hosts_port(policy, ctx->protocol, bpf_ntohs(ctx->user_port)))
		return false;
	return policy->loopback == FB_WALL_OWN || fb_listens6(ctx, policy);
}

static __always_inline bool fb_is_served(struct bpf_sock_addr *ctx, const struct fb_wall_policy *policy)
{
	return (fb_is_tcp(ctx->protocol) || fb_is_udp(ctx->protocol)) &&
	       bpf_get_netns_cookie(ctx) == policy->netns_cookie;
}

static __always_inline bool fb_is_own_name4(__be32 address)
{
	return address == 0 || address == bpf_htonl(0x7f000001);
}

/* The destination, where it means the service itself, becomes the private address. */
static __always_inline void fb_serve_loopback4(struct bpf_sock_addr *ctx, const struct fb_wall_policy *policy,
					       __be32 *destination)
{
	if (!fb_is_own_name4(*destination) || !fb_means_own4(ctx, policy))
		return;
	*destination = policy->private4;
	ctx->user_ip4 = policy->private4;
}

static __always_inline void fb_serve_loopback6(struct bpf_sock_addr *ctx, const struct fb_wall_policy *policy,
					       __be32 *destination)
{
	if ((!fb_is_unset6(destination) && !fb_is_loopback6(destination)) || !fb_means_own6(ctx, policy))
		return;
	__builtin_memcpy(destination, policy->private6, sizeof(policy->private6));
	fb_set_address6(ctx, destination);
}

/* Must what goes to a destination that is not private leave from the private address all the same? */
static __always_inline bool fb_is_confined(struct bpf_sock_addr *ctx, const struct fb_wall_policy *policy)
{
	return fb_is_udp(ctx->protocol) && !(policy->flags & FB_WALL_EGRESS);
}

static __always_inline bool fb_is_for(const struct fb_wall_target *target, __u32 protocol, __u16 port)
{
	if (!target->protocol)
		return true;
	return (target->protocol == IPPROTO_UDP) == fb_is_udp(protocol) && fb_in_range(&target->ports, port);
}

/*
 * Is there a service at the address that may be reached on the port? A function of its own, as in wall_policy.h.
 * REQUIRES: not 0.0.0.0 or ::, which who has none has.
 */
__noinline int fb_is_target4(__be32 address, __u32 protocol, __u32 port)
{
	const struct fb_wall_policy *policy = fb_wall_policy();
	__u32 i;

#pragma clang loop unroll(disable)
	for (i = 0; i < FB_WALL_MAX_TARGETS && i < policy->target_count; i++) {
		if (policy->targets[i].address4 == address && fb_is_for(&policy->targets[i], protocol, port))
			return 1;
	}
	return 0;
}

__noinline int fb_is_target6(__u64 high, __u64 low, __u32 protocol, __u32 port)
{
	const struct fb_wall_policy *policy = fb_wall_policy();
	const struct fb_wall_target *target;
	__u32 i;

#pragma clang loop unroll(disable)
	for (i = 0; i < FB_WALL_MAX_TARGETS && i < policy->target_count; i++) {
		target = &policy->targets[i];
		if (fb_pair(target->address6) == high && fb_pair(target->address6 + 2) == low &&
		    fb_is_for(target, protocol, port))
			return 1;
	}
	return 0;
}

static __always_inline bool fb_may_reach4(struct bpf_sock_addr *ctx, const struct fb_wall_policy *policy,
					  __be32 address)
{
	if (!(policy->flags & FB_WALL_LIMITED) || !fb_is_private4(policy, address) || address == policy->private4)
		return true;
	return fb_is_target4(address, ctx->protocol, bpf_ntohs(ctx->user_port));
}

static __always_inline bool fb_may_reach6(struct bpf_sock_addr *ctx, const struct fb_wall_policy *policy,
					  const __be32 *address)
{
	if (!(policy->flags & FB_WALL_LIMITED) || !fb_is_private6(policy, address) ||
	    fb_is_same6(address, policy->private6))
		return true;
	return fb_is_target6(fb_pair(address), fb_pair(address + 2), ctx->protocol, bpf_ntohs(ctx->user_port));
}

/* What is bound already keeps what it has: the bind fails. */
static __always_inline void fb_leave_from4(struct bpf_sock_addr *ctx, __be32 source)
{
	struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = source};

	if (source)
		bpf_bind(ctx, (struct sockaddr *)&name, sizeof(name));
}

struct fb_sockaddr_in6 {
	__u16 family;
	__be16 port;
	__be32 flowinfo;
	__be32 address[4];
	__u32 scope_id;
};

static __always_inline void fb_leave_from6(struct bpf_sock_addr *ctx, const __be32 *source)
{
	struct fb_sockaddr_in6 name = {.family = AF_INET6};

	__builtin_memcpy(name.address, source, sizeof(name.address));
	if (!fb_is_unset6(source))
		bpf_bind(ctx, (struct sockaddr *)&name, sizeof(name));
}

static __always_inline void fb_leave_from_mapped(struct bpf_sock_addr *ctx, __be32 source)
{
	__be32 mapped[4] = {0, 0, bpf_htonl(0xffff), source};

	if (source)
		fb_leave_from6(ctx, mapped);
}

/* An IPv6 socket may connect to a sockaddr_in as well (net/ipv6/udp.c, udpv6_pre_connect). */
/*
 * A bind to a ULA makes the socket V6ONLY, and what is IPv4 gets ENETUNREACH then. While it has no port, that can be
 * taken back, and a connect to an IPv4-mapped address would overwrite the ULA by 127.0.0.6 (tcp_v6_connect()).
 */
static __always_inline bool fb_would_overwrite(struct bpf_sock_addr *ctx, const struct fb_wall_policy *policy)
{
	struct bpf_sock *sk = ctx->sk;

	return sk && ctx->family == AF_INET6 && fb_has_private6(policy) && fb_is_on_private6(policy, sk);
}

SEC("cgroup/connect4")
int fb_wall_connect4(struct bpf_sock_addr *ctx)
{
	const struct fb_wall_policy *policy = fb_wall_policy();
	__be32 destination = ctx->user_ip4;

	if (!fb_is_served(ctx, policy))
		return 1;
	if (fb_would_overwrite(ctx, policy))
		return fb_wall_refuse(FB_ENETUNREACH);
	fb_note_peer(ctx, policy, policy->private4 && destination == policy->private4);
	fb_serve_loopback4(ctx, policy, &destination);
	if (!fb_may_reach4(ctx, policy, destination))
		return fb_wall_refuse(FB_ECONNREFUSED);
	if (!fb_is_private4(policy, destination) && !fb_is_confined(ctx, policy))
		return 1;
	if (ctx->family == AF_INET6)
		fb_leave_from_mapped(ctx, policy->private4);
	else
		fb_leave_from4(ctx, policy->private4);
	return 1;
}

static __always_inline int fb_connect_mapped(struct bpf_sock_addr *ctx, const struct fb_wall_policy *policy,
					     __be32 destination)
{
	if (fb_would_overwrite(ctx, policy))
		return fb_wall_refuse(FB_ENETUNREACH);
	if (fb_is_own_name4(destination) && fb_means_own4(ctx, policy)) {
		destination = policy->private4;
		ctx->user_ip6[3] = destination;
	}
	if (!fb_may_reach4(ctx, policy, destination))
		return fb_wall_refuse(FB_ECONNREFUSED);
	if (fb_is_private4(policy, destination) || fb_is_confined(ctx, policy))
		fb_leave_from_mapped(ctx, policy->private4);
	return 1;
}

SEC("cgroup/connect6")
int fb_wall_connect6(struct bpf_sock_addr *ctx)
{
	const struct fb_wall_policy *policy = fb_wall_policy();
	__be32 destination[4] = {ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3]};

	if (!fb_is_served(ctx, policy))
		return 1;
	fb_note_peer(ctx, policy, fb_is_own6(policy, destination));
	if (fb_is_mapped(destination))
		return fb_connect_mapped(ctx, policy, destination[3]);
	fb_serve_loopback6(ctx, policy, destination);
	if (!fb_may_reach6(ctx, policy, destination))
		return fb_wall_refuse(FB_ECONNREFUSED);
	if (fb_is_private6(policy, destination) || fb_is_confined(ctx, policy))
		fb_leave_from6(ctx, policy->private6);
	return 1;
}

/* Also of IPv6 sockets that send to an IPv4-mapped address. */
SEC("cgroup/sendmsg4")
int fb_wall_sendmsg4(struct bpf_sock_addr *ctx)
{
	const struct fb_wall_policy *policy = fb_wall_policy();
	__be32 destination = ctx->user_ip4;

	if (!fb_is_served(ctx, policy))
		return 1;
	fb_serve_loopback4(ctx, policy, &destination);
	if (!fb_may_reach4(ctx, policy, destination))
		return fb_wall_refuse(FB_ECONNREFUSED);
	if (!policy->private4)
		return 1;
	if (fb_is_confined(ctx, policy) || (ctx->msg_src_ip4 == 0 && fb_is_private4(policy, destination)))
		ctx->msg_src_ip4 = policy->private4;
	return 1;
}

static __always_inline bool fb_has_source6(struct bpf_sock_addr *ctx)
{
	return ctx->msg_src_ip6[0] || ctx->msg_src_ip6[1] || ctx->msg_src_ip6[2] || ctx->msg_src_ip6[3];
}

SEC("cgroup/sendmsg6")
int fb_wall_sendmsg6(struct bpf_sock_addr *ctx)
{
	const struct fb_wall_policy *policy = fb_wall_policy();
	__be32 destination[4] = {ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3]};

	if (!fb_is_served(ctx, policy))
		return 1;
	fb_serve_loopback6(ctx, policy, destination);
	if (!fb_may_reach6(ctx, policy, destination))
		return fb_wall_refuse(FB_ECONNREFUSED);
	if (!fb_has_private6(policy))
		return 1;
	if (!fb_is_confined(ctx, policy) && (fb_has_source6(ctx) || !fb_is_private6(policy, destination)))
		return 1;
	ctx->msg_src_ip6[0] = policy->private6[0];
	ctx->msg_src_ip6[1] = policy->private6[1];
	ctx->msg_src_ip6[2] = policy->private6[2];
	ctx->msg_src_ip6[3] = policy->private6[3];
	return 1;
}

#endif /* FORCEBIND_BPF_WALL_SEND_H_ */
