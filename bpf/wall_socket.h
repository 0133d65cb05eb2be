/* SPDX-License-Identifier: GPL-2.0 */
/*
 * wall_socket.h: which sockets a service may have, and which of their options it may set.
 *
 * TCP, UDP, UDP-Lite and MPTCP sockets bind by the hooks of wall_bind.h; ping sockets hear only the answers to their
 * own questions. Everything else below AF_INET and AF_INET6 has a bind() of its own (SCTP, L2TP, raw), or puts IP into
 * something (SMC), and is refused as if the kernel did not have it; raw sockets are refused as to who lacks
 * CAP_NET_RAW, unless the profile allows AF_PACKET: who may write packets needs no socket's address.
 *
 * UDP-Lite is refused where the profile limits whom the service may reach: its connect() meets no program (it has no
 * pre_connect, net/ipv4/udplite.c).
 *
 * Options  IP_TRANSPARENT, IPV6_TRANSPARENT: EPERM. With them a socket is given the packets that a TPROXY rule of the
 *          host leads to its port, whatever address they are for.
 *          IP_LOCAL_PORT_RANGE: EPERM where the profile limits ports: a range of one port is a port, and port 0 is not
 *          looked at.
 *          IPV6_RTHDR, and IPV6_2292PKTOPTIONS, which can hold one: EPERM. With a routing header a socket that is bound
 *          to an IPv4-mapped address connects to an IPv6 one, and its IPv4 address is 127.0.0.6 from then on, whatever
 *          getsockname() says (net/ipv6/tcp_ipv6.c, tcp_v6_connect()).
 *          Decided to be harmless, since the address is forced whatever they say: IP_FREEBIND, SO_BINDTODEVICE,
 *          IP_PKTINFO, IP_BIND_ADDRESS_NO_PORT, memberships of multicast groups, IPV6_V6ONLY, IPV6_ADDRFORM.
 * Tested by tests/netns/wall_cgroup_test.cc.
 */
#ifndef FORCEBIND_BPF_WALL_SOCKET_H_
#define FORCEBIND_BPF_WALL_SOCKET_H_

#include "wall_policy.h"
#include "wall_report.h"

#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_RAW 3
#define FB_IPPROTO_ICMPV6 58

#define FB_SOL_IP 0
#define FB_SOL_IPV6 41
#define FB_IP_TRANSPARENT 19
#define FB_IP_LOCAL_PORT_RANGE 51
#define FB_IPV6_2292PKTOPTIONS 6
#define FB_IPV6_RTHDR 57
#define FB_IPV6_TRANSPARENT 75

static __always_inline bool fb_is_known(__u32 type, __u32 protocol)
{
	if (type == SOCK_STREAM)
		return fb_is_tcp(protocol);
	if (type != SOCK_DGRAM)
		return false;
	return fb_is_udp(protocol) || protocol == IPPROTO_ICMP || protocol == FB_IPPROTO_ICMPV6;
}

SEC("cgroup/sock_create")
int fb_wall_create(struct bpf_sock *ctx)
{
	const struct fb_wall_policy *policy = fb_wall_policy();
	__u32 family = ctx->family == AF_INET6 ? FB_WALL_INET6 : FB_WALL_INET;

	if (!(policy->flags & family))
		return fb_wall_refuse(FB_EAFNOSUPPORT);
	if (ctx->type == SOCK_RAW)
		return policy->flags & FB_WALL_RAW ? 1 : fb_wall_refuse(FB_EPERM);
	if (ctx->protocol == IPPROTO_UDPLITE && (policy->flags & FB_WALL_LIMITED))
		return fb_wall_refuse(FB_EPROTONOSUPPORT);
	return fb_is_known(ctx->type, ctx->protocol) ? 1 : fb_wall_refuse(FB_EPROTONOSUPPORT);
}

static __always_inline bool fb_may_set(const struct fb_wall_policy *policy, int level, int option)
{
	if (level == FB_SOL_IPV6)
		return option != FB_IPV6_TRANSPARENT && option != FB_IPV6_RTHDR && option != FB_IPV6_2292PKTOPTIONS;
	if (level != FB_SOL_IP)
		return true;
	if (option == FB_IP_LOCAL_PORT_RANGE)
		return policy->flags & FB_WALL_ANY_PORT;
	return option != FB_IP_TRANSPARENT;
}

SEC("cgroup/setsockopt")
int fb_wall_setsockopt(struct bpf_sockopt *ctx)
{
	const struct fb_wall_policy *policy = fb_wall_policy();

	if (!fb_may_set(policy, ctx->level, ctx->optname))
		return fb_wall_refuse(FB_EPERM);
	if (ctx->level == FB_WALL_OPTION_LEVEL && ctx->optname == FB_WALL_REQUESTED &&
	    (policy->flags & FB_WALL_REPORT)) {
		fb_note_option(ctx);
		ctx->optlen = -1; /* the kernel is not asked */
		return 1;
	}
	/* The kernel reads the caller's value itself: without this, one longer than a page would be refused (EFAULT).
	 */
	ctx->optlen = 0;
	return 1;
}

#endif /* FORCEBIND_BPF_WALL_SOCKET_H_ */
