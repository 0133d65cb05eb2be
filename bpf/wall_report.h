/* SPDX-License-Identifier: GPL-2.0 */
/*
 * wall_report.h: what getsockname(), getpeername(), accept() and recvfrom() say, where the profile says
 * report = "requested".
 *
 * OWN ADDRESS  A socket that was bound to the private address says the address that its bind asked for: 127.0.0.1, the
 * wildcard, an address of the host. One that asked for the wildcard, or for nothing, and that is connected to the
 * service itself, says the loopback address: so it would without forcebind.
 *
 * PEER ADDRESS  The service's own private address, as a peer's or a datagram's source, is said as the loopback address
 * of its family (127.0.0.1, ::ffff:127.0.0.1, ::1), unless the service connected to the private address by that name.
 * A datagram's, in IPv4 alone.
 *
 * Everything else is said as it is: ports, other services' private addresses.
 *
 * What was asked for is kept with the socket, and sockets that are accepted have it from their listener. Where the
 * companion makes the bind, it asks for the private address; so it says by a socket option what the service asked for.
 * The option decides nothing but what these programs say to the service: whoever sets it, it deceives nobody else.
 *
 * The service's own processes alone are answered like this, by the cgroup that the caller is in. The companion's checks
 * of a socket, and whatever else runs outside, hear the truth.
 * Tested by tests/netns/wall_report_test.cc.
 */
#ifndef FORCEBIND_BPF_WALL_REPORT_H_
#define FORCEBIND_BPF_WALL_REPORT_H_

#include "wall_policy.h"

/* Of cgroups, as deep as the service may nest its own and be answered. */
#define FB_MAX_LEVEL 32

struct fb_wall_asked {
	__be32 address[4]; /* what bind() asked for; an IPv4 socket's is IPv4-mapped */
	bool bound;	   /* it did ask */
	bool named_peer;   /* it connected to the private address by that name */
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct fb_wall_asked);
} wall_asked SEC(".maps");

/*
 * Is it a process of the service, whose cgroup this is, that makes this call? A function of its own, as in
 * wall_policy.h.
 */
__noinline int fb_is_below(__u64 cgroup_id)
{
	__u64 id;
	int level;

#pragma clang loop unroll(disable)
	for (level = 0; level < FB_MAX_LEVEL; level++) {
		id = bpf_get_current_ancestor_cgroup_id(level);
		if (id == cgroup_id)
			return 1;
		if (!id)
			return 0;
	}
	return 0;
}

static __always_inline struct fb_wall_asked *fb_asked(struct bpf_sock *sk, __u64 flags)
{
	return sk ? bpf_sk_storage_get(&wall_asked, sk, NULL, flags) : NULL;
}

static __always_inline bool fb_reports(const struct fb_wall_policy *policy)
{
	return (policy->flags & FB_WALL_REPORT) && fb_is_below(policy->cgroup_id);
}

/* bind(): of the service itself, before the address becomes another one. */
static __always_inline void fb_note_asked(struct bpf_sock_addr *ctx, const struct fb_wall_policy *policy,
					  const __be32 *address)
{
	struct fb_wall_asked *asked;

	if (!fb_reports(policy))
		return;
	asked = fb_asked(ctx->sk, BPF_SK_STORAGE_GET_F_CREATE);
	if (!asked)
		return;
	__builtin_memcpy(asked->address, address, sizeof(asked->address));
	asked->bound = true;
}

static __always_inline void fb_note_asked4(struct bpf_sock_addr *ctx, const struct fb_wall_policy *policy)
{
	__be32 mapped[4] = {0, 0, bpf_htonl(0xffff), ctx->user_ip4};

	fb_note_asked(ctx, policy, mapped);
}

/* connect(): does the service name the private address? */
static __always_inline void fb_note_peer(struct bpf_sock_addr *ctx, const struct fb_wall_policy *policy,
					 bool is_private)
{
	struct fb_wall_asked *asked;

	if (!fb_reports(policy))
		return;
	asked = fb_asked(ctx->sk, is_private ? BPF_SK_STORAGE_GET_F_CREATE : 0);
	if (asked)
		asked->named_peer = is_private;
}

/* The companion's bind, by its option. */
static __always_inline void fb_note_option(struct bpf_sockopt *ctx)
{
	struct fb_wall_asked *asked = fb_asked(ctx->sk, BPF_SK_STORAGE_GET_F_CREATE);
	__u8 *value = ctx->optval, *end = ctx->optval_end;

	if (!asked || value + sizeof(asked->address) > end)
		return;
	__builtin_memcpy(asked->address, value, sizeof(asked->address));
	asked->bound = true;
}

static __always_inline bool fb_wants_wildcard(const struct fb_wall_asked *asked)
{
	const __be32 *address = asked->address;

	return !address[3] && !address[0] && !address[1] && (!address[2] || address[2] == bpf_htonl(0xffff));
}

static __always_inline bool fb_names_peer(const struct fb_wall_asked *asked)
{
	return asked && asked->named_peer;
}

SEC("cgroup/getsockname4")
int fb_wall_getsockname4(struct bpf_sock_addr *ctx)
{
	const struct fb_wall_policy *policy = fb_wall_policy();
	struct bpf_sock *sk = ctx->sk;
	struct fb_wall_asked *asked;

	if (!sk || !policy->private4 || ctx->user_ip4 != policy->private4 || !fb_reports(policy))
		return 1;
	asked = fb_asked(sk, 0);
	if (asked && asked->bound && !fb_wants_wildcard(asked))
		ctx->user_ip4 = asked->address[3];
	else if (!sk->dst_port && asked && asked->bound)
		ctx->user_ip4 = 0;
	else if (sk->dst_port && sk->dst_ip4 == policy->private4 && !fb_names_peer(asked))
		ctx->user_ip4 = bpf_htonl(0x7f000001);
	return 1;
}

static __always_inline int fb_say_peer4(struct bpf_sock_addr *ctx)
{
	const struct fb_wall_policy *policy = fb_wall_policy();

	if (!policy->private4 || ctx->user_ip4 != policy->private4 || !fb_reports(policy))
		return 1;
	if (!fb_names_peer(fb_asked(ctx->sk, 0)))
		ctx->user_ip4 = bpf_htonl(0x7f000001);
	return 1;
}

SEC("cgroup/getpeername4")
int fb_wall_getpeername4(struct bpf_sock_addr *ctx)
{
	return fb_say_peer4(ctx);
}

/* An answer to 127.0.0.1 would not come back where loopback is the host's. */
static __always_inline bool fb_may_say_loopback(void)
{
	return fb_wall_policy()->loopback != FB_WALL_HOST;
}

SEC("cgroup/recvmsg4")
int fb_wall_recvmsg4(struct bpf_sock_addr *ctx)
{
	return fb_may_say_loopback() ? fb_say_peer4(ctx) : 1;
}

static __always_inline bool fb_is_own6(const struct fb_wall_policy *policy, const __be32 *address)
{
	if (fb_is_mapped(address))
		return policy->private4 && address[3] == policy->private4;
	return fb_has_private6(policy) && fb_is_same6(address, policy->private6);
}

static __always_inline void fb_say_loopback6(struct bpf_sock_addr *ctx, bool mapped)
{
	__be32 plain[4] = {0, 0, 0, bpf_htonl(1)}, in_ipv4[4] = {0, 0, bpf_htonl(0xffff), bpf_htonl(0x7f000001)};

	fb_set_address6(ctx, mapped ? in_ipv4 : plain);
}

SEC("cgroup/getsockname6")
int fb_wall_getsockname6(struct bpf_sock_addr *ctx)
{
	const struct fb_wall_policy *policy = fb_wall_policy();
	__be32 own[4] = {ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3]}, peer[4];
	struct bpf_sock *sk = ctx->sk;
	struct fb_wall_asked *asked;

	if (!sk || !fb_is_own6(policy, own) || !fb_reports(policy))
		return 1;
	asked = fb_asked(sk, 0);
	peer[0] = sk->dst_ip6[0];
	peer[1] = sk->dst_ip6[1];
	peer[2] = sk->dst_ip6[2];
	peer[3] = sk->dst_ip6[3];
	if (asked && asked->bound && (!fb_wants_wildcard(asked) || !sk->dst_port))
		fb_set_address6(ctx, asked->address);
	else if (sk->dst_port && fb_is_own6(policy, peer) && !fb_names_peer(asked))
		fb_say_loopback6(ctx, fb_is_mapped(own));
	return 1;
}

static __always_inline int fb_say_peer6(struct bpf_sock_addr *ctx)
{
	const struct fb_wall_policy *policy = fb_wall_policy();
	__be32 peer[4] = {ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3]};

	if (fb_is_own6(policy, peer) && fb_reports(policy) && !fb_names_peer(fb_asked(ctx->sk, 0)))
		fb_say_loopback6(ctx, fb_is_mapped(peer));
	return 1;
}

SEC("cgroup/getpeername6")
int fb_wall_getpeername6(struct bpf_sock_addr *ctx)
{
	return fb_say_peer6(ctx);
}

/* In IPv6 a stranger may write the ULA as a datagram's source, and must not come to be ::1 by that. */
SEC("cgroup/recvmsg6")
int fb_wall_recvmsg6(struct bpf_sock_addr *ctx)
{
	__be32 source[4] = {ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3]};

	return fb_is_mapped(source) && fb_may_say_loopback() ? fb_say_peer6(ctx) : 1;
}

#endif /* FORCEBIND_BPF_WALL_REPORT_H_ */
