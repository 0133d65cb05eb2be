/* SPDX-License-Identifier: GPL-2.0 */
/*
 * guard.h: keeps strangers from taking a published port.
 *
 * While a listener holds 0.0.0.0:443, the kernel refuses everybody else's bind to port 443. A published listener really
 * holds 127.84.3.1:443, so the kernel would let anybody bind 192.0.2.7:443 and, being exact, get its packets. The guard
 * answers EADDRINUSE, as the kernel would have: to who asks for an address (or the wildcard) and port that a guarded
 * route leads from, while a socket of its group lives, unless he has CAP_NET_ADMIN in the initial user namespace.
 * Private addresses lie in holes (routes to nobody) and are free.
 *
 * Who asks for no port gets none that a listener on the wildcard holds; supervisor/port_reservations.h sees to that.
 *
 * Tested by tests/conformance/.
 */
#ifndef FORCEBIND_BPF_GUARD_H_
#define FORCEBIND_BPF_GUARD_H_

#include <linux/in.h>
#include <bpf/bpf_core_read.h>

#include "address.h"
#include "kernel_types.h"
#include "maps.h"

static __always_inline bool fb_lives(__u32 slot)
{
	struct bpf_sock *sk;
	__u32 *older;
	int i;

#pragma clang loop unroll(disable)
	for (i = 0; i < FB_MAX_CHAIN && slot != FB_CHAIN_END; i++) {
		sk = bpf_map_lookup_elem(&sockets, &slot);
		if (sk) {
			bpf_sk_release(sk);
			return true;
		}
		older = bpf_map_lookup_elem(&next, &slot);
		if (!older)
			break;
		slot = *older;
	}
	return false;
}

static __always_inline bool fb_is_guarded(struct fb_route_key *key)
{
	struct fb_route *route = bpf_map_lookup_elem(&routes, key);
	struct fb_group *group;
	__u32 id;

	if (!route || route->group == FB_NO_SLOT || !(route->flags & FB_ROUTE_GUARD))
		return false;
	id = route->group;
	group = bpf_map_lookup_elem(&groups, &id);
	return group && fb_lives(group->head);
}

/* May the current task take a guarded port? */
static __always_inline bool fb_may_override(void)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	__u64 effective = 0;

	bpf_core_read(&effective, sizeof(effective), &task->cred->cap_effective);
	return BPF_CORE_READ(task, cred, user_ns, level) == 0 && (effective & (1ull << FB_CAP_NET_ADMIN));
}

/* An MPTCP socket's bind comes here as that of its first subflow, a TCP socket. */
static __always_inline bool fb_guard_applies(struct bpf_sock_addr *ctx)
{
	return ctx->user_port != 0 && (ctx->protocol == IPPROTO_UDP || ctx->protocol == IPPROTO_TCP) &&
	       bpf_get_netns_cookie(ctx) == fb_netns_cookie;
}

static __always_inline void fb_guard_key(struct bpf_sock_addr *ctx, struct fb_route_key *key)
{
	key->protocol = ctx->protocol;
	key->port = (__be16)ctx->user_port;
}

static __always_inline int fb_refuse(void)
{
	FB_COUNT(guarded);
	bpf_set_retval(-FB_EADDRINUSE);
	return 0;
}

SEC("cgroup/bind4")
int fb_guard4(struct bpf_sock_addr *ctx)
{
	struct fb_route_key key = {.prefix_length = FB_ROUTE_PREFIX_BASE + 32, .family = FB_FAMILY_IPV4};

	if (!fb_guard_applies(ctx))
		return 1;
	fb_guard_key(ctx, &key);
	fb_set_ipv4(key.address, ctx->user_ip4);
	if (!fb_is_guarded(&key) || fb_may_override())
		return 1;
	return fb_refuse();
}

static __always_inline bool fb_is_ipv6_only(struct bpf_sock_addr *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct sock_common *common;

	if (!sk)
		return false;
	if (ctx->protocol == IPPROTO_UDP)
		common = (struct sock_common *)bpf_skc_to_udp6_sock(sk);
	else
		common = (struct sock_common *)bpf_skc_to_tcp6_sock(sk);
	return common && BPF_CORE_READ_BITFIELD_PROBED(common, skc_ipv6only);
}

SEC("cgroup/bind6")
int fb_guard6(struct bpf_sock_addr *ctx)
{
	struct fb_route_key key = {};
	bool refuse, wildcard;

	if (!fb_guard_applies(ctx))
		return 1;
	fb_guard_key(ctx, &key);
	wildcard = !fb_set_ipv6(key.address, &key.family, ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2],
				ctx->user_ip6[3]);
	key.prefix_length = FB_ROUTE_PREFIX_BASE + (key.family == FB_FAMILY_IPV4 ? 32 : 128);
	refuse = fb_is_guarded(&key);
	if (!refuse && wildcard && key.family == FB_FAMILY_IPV6 && !fb_is_ipv6_only(ctx)) {
		key.family = FB_FAMILY_IPV4;
		key.prefix_length = FB_ROUTE_PREFIX_BASE + 32;
		refuse = fb_is_guarded(&key);
	}
	if (!refuse || fb_may_override())
		return 1;
	return fb_refuse();
}

#endif /* FORCEBIND_BPF_GUARD_H_ */
