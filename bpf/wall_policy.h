/* SPDX-License-Identifier: GPL-2.0 */
/*
 * wall_policy.h: the policy of the cgroup that a program is attached to, and questions to it.
 *
 * A cgroup's storage is made when the first program is attached to it, is shared by all of them, is the one that
 * programs see for sockets of nested cgroups too, and goes with the cgroup.
 */
#ifndef FORCEBIND_BPF_WALL_POLICY_H_
#define FORCEBIND_BPF_WALL_POLICY_H_

#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "kernel_types.h"
#include "wall_layout.h"

#define FB_EPERM 1
#define FB_EACCES 13
#define FB_EPROTONOSUPPORT 93
#define FB_EAFNOSUPPORT 97
#define FB_EADDRNOTAVAIL 99
#define FB_ENETUNREACH 101
#define FB_ECONNREFUSED 111

#define FB_IPPROTO_MPTCP 262

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_STORAGE);
	__type(key, __u64);
	__type(value, struct fb_wall_policy);
} wall_policies SEC(".maps");

static __always_inline const struct fb_wall_policy *fb_wall_policy(void)
{
	return bpf_get_local_storage(&wall_policies, 0);
}

static __always_inline int fb_wall_refuse(int error)
{
	bpf_set_retval(-error);
	return 0;
}

static __always_inline bool fb_is_tcp(__u32 protocol)
{
	return protocol == IPPROTO_TCP || protocol == FB_IPPROTO_MPTCP;
}

static __always_inline bool fb_is_udp(__u32 protocol)
{
	return protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE;
}

static __always_inline bool fb_is_loopback4(__be32 address)
{
	return (address & bpf_htonl(0xff000000)) == bpf_htonl(0x7f000000);
}

/* Is it the service's, or in the range of other services'? */
static __always_inline bool fb_is_private4(const struct fb_wall_policy *policy, __be32 address)
{
	if (policy->private4 && address == policy->private4)
		return true;
	return policy->pool4_mask && (address & policy->pool4_mask) == policy->pool4;
}

static __always_inline bool fb_is_unset6(const __be32 *address)
{
	return !(address[0] | address[1] | address[2] | address[3]);
}

static __always_inline bool fb_is_mapped(const __be32 *address)
{
	return !address[0] && !address[1] && address[2] == bpf_htonl(0xffff);
}

static __always_inline bool fb_is_loopback6(const __be32 *address)
{
	return !address[0] && !address[1] && !address[2] && address[3] == bpf_htonl(1);
}

static __always_inline bool fb_is_same6(const __be32 *a, const __be32 *b)
{
	return !((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]));
}

/* Half of an IPv6 address as one number, to be compared. */
static __always_inline __u64 fb_pair(const __be32 *words)
{
	return (__u64)words[0] << 32 | words[1];
}

static __always_inline bool fb_has_private6(const struct fb_wall_policy *policy)
{
	return !fb_is_unset6(policy->private6);
}

static __always_inline bool fb_is_private6(const struct fb_wall_policy *policy, const __be32 *address)
{
	const __be32 *mask = policy->pool6_mask, *pool = policy->pool6;

	if (fb_has_private6(policy) && fb_is_same6(address, policy->private6))
		return true;
	return mask[0] && !(((address[0] & mask[0]) ^ pool[0]) | ((address[1] & mask[1]) ^ pool[1]) |
			    ((address[2] & mask[2]) ^ pool[2]) | ((address[3] & mask[3]) ^ pool[3]));
}

static __always_inline void fb_set_address6(struct bpf_sock_addr *ctx, const __be32 *address)
{
	ctx->user_ip6[0] = address[0];
	ctx->user_ip6[1] = address[1];
	ctx->user_ip6[2] = address[2];
	ctx->user_ip6[3] = address[3];
}

static __always_inline bool fb_in_range(const struct fb_wall_range *range, __u16 port)
{
	return range->first <= port && port <= range->last;
}

/* By halves: `count` ranges from `first` on are sorted. `size`, of the whole array, is a power of two. */
static __always_inline bool fb_has_port(const struct fb_wall_range *ranges, __u32 size, __u32 first, __u32 count,
					__u16 port)
{
	__u32 low = first, high = first + count, middle;
	const struct fb_wall_range *range;
	int i;

#pragma clang loop unroll(disable)
	for (i = 0; i < 11 && low < high; i++) {
		middle = (low + high) / 2;
		range = &ranges[middle & (size - 1)];
		if (fb_in_range(range, port))
			return true;
		if (port < range->first)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

/*
 * The searches are functions of their own to the verifier, who otherwise walks them again for every path that leads
 * there. These have to be global, and then know nothing of what they are called with.
 */
__noinline int fb_search_ports(const struct fb_wall_policy *policy, __u32 protocol, __u32 port)
{
	bool udp = fb_is_udp(protocol);

	return policy && fb_has_port(policy->ports, FB_WALL_MAX_PORTS, udp ? policy->tcp_ports : 0,
				     udp ? policy->udp_ports : policy->tcp_ports, port);
}

__noinline int fb_search_host_ports(const struct fb_wall_policy *policy, __u32 protocol, __u32 port)
{
	bool udp = fb_is_udp(protocol);

	return policy && fb_has_port(policy->host_ports, FB_WALL_MAX_HOST_PORTS, udp ? policy->host_tcp_ports : 0,
				     udp ? policy->host_udp_ports : policy->host_tcp_ports, port);
}

static __always_inline bool fb_may_bind_port(const struct fb_wall_policy *policy, __u32 protocol, __u16 port)
{
	return port == 0 || (policy->flags & FB_WALL_ANY_PORT) || fb_search_ports(policy, protocol, port);
}

/* Is a loopback destination with this port the host's, whatever the service has there itself? */
static __always_inline bool fb_is_hosts_port(const struct fb_wall_policy *policy, __u32 protocol, __u16 port)
{
	return policy->loopback == FB_WALL_HOST || fb_search_host_ports(policy, protocol, port);
}

#endif /* FORCEBIND_BPF_WALL_POLICY_H_ */
