/* SPDX-License-Identifier: GPL-2.0 */
/*
 * guarded.h: whose ports are guarded, and against whom.
 */
#ifndef FORCEBIND_BPF_GUARDED_H_
#define FORCEBIND_BPF_GUARDED_H_

#include <linux/in.h>
#include <bpf/bpf_core_read.h>

#include "kernel_types.h"
#include "maps.h"

/* May the current task take a guarded port? */
static __always_inline bool fb_may_override(void)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	__u64 effective = 0;

	bpf_core_read(&effective, sizeof(effective), &task->cred->cap_effective);
	return BPF_CORE_READ(task, cred, user_ns, level) == 0 && (effective & (1ull << FB_CAP_NET_ADMIN));
}

/*
 * Is this endpoint guarded? For programs that cannot ask whether a socket of the group lives (they have no
 * bpf_sk_release()): if the last one died since the supervisor's last tick, it still is.
 */
static __always_inline bool fb_endpoint_is_guarded(const struct fb_exact_key *key)
{
	struct fb_route_key route_key = {.protocol = key->protocol, .family = key->family, .port = key->port};
	struct fb_route *route;
	struct fb_group *group;
	__u32 id;

	route_key.prefix_length = FB_ROUTE_PREFIX_BASE + (key->family == FB_FAMILY_IPV4 ? 32 : 128);
	__builtin_memcpy(route_key.address, key->address, sizeof(route_key.address));
	route = bpf_map_lookup_elem(&routes, &route_key);
	if (!route || route->group == FB_NO_SLOT || !(route->flags & FB_ROUTE_GUARD))
		return false;
	id = route->group;
	group = bpf_map_lookup_elem(&groups, &id);
	return group && group->head != FB_CHAIN_END;
}

/*
 * Is this a guarded endpoint whose port the kernel gave to the socket? With IP_BIND_ADDRESS_NO_PORT it does so in
 * listen() or at the first send, where nothing can be refused any more. So a stranger's socket of that kind is not
 * taken for an exact listener: the service keeps its packets.
 */
static __always_inline bool fb_was_given(struct sock *sk, const struct fb_exact_key *key)
{
	return !(BPF_CORE_READ_BITFIELD_PROBED(sk, sk_userlocks) & SOCK_BINDPORT_LOCK) && fb_endpoint_is_guarded(key);
}

#endif /* FORCEBIND_BPF_GUARDED_H_ */
