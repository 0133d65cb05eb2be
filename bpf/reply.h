/* SPDX-License-Identifier: GPL-2.0 */
/*
 * reply.h: answers of a published UDP server leave from the address that the client addressed.
 *
 * The server's socket is bound to 127.84.3.1; without help its sendto() would leave from there, or not at all (EINVAL;
 * EAFNOSUPPORT for ::ffff:127.84.3.1 answering an IPv6 client). The lookup remembered whom the client had addressed;
 * here, before the kernel looks for a route, that becomes the source. A source that the server chose itself
 * (IP_PKTINFO) is left alone unless it is private or unset.
 *
 * LIMITS  A client that addresses two of the host's addresses from one port gets the later one as source for both. A
 * flow that fell out of the LRU (FB_MAX_UDP_FLOWS others were younger) is answered from the private address. The source
 * port is the socket's own: at stage F, where a socket may get datagrams for any port, it is not the one dialled.
 * Tested by tests/conformance/.
 */
#ifndef FORCEBIND_BPF_REPLY_H_
#define FORCEBIND_BPF_REPLY_H_

#include "address.h"
#include "kernel_types.h"
#include "maps.h"

static __always_inline bool fb_publishes_udp(void)
{
	struct fb_state *st = bpf_map_lookup_elem(&state, &fb_zero);

	return st && FB_READ(st->udp_published);
}

static __always_inline __u32 *fb_published_group(struct bpf_sock_addr *ctx)
{
	__u64 cookie;

	if (!fb_publishes_udp())
		return NULL;
	cookie = bpf_get_socket_cookie(ctx);
	return bpf_map_lookup_elem(&udp_sockets, &cookie);
}

SEC("cgroup/sendmsg4")
int fb_reply4(struct bpf_sock_addr *ctx)
{
	struct fb_flow_key flow = {.family = FB_FAMILY_IPV4};
	__be32 source = ctx->msg_src_ip4;
	struct fb_flow *known;
	__u32 *group;

	if (source != 0 && (source & bpf_htonl(0xff000000)) != bpf_htonl(0x7f000000))
		return 1;
	group = fb_published_group(ctx);
	if (!group)
		return 1;
	flow.group = *group;
	flow.remote_port = (__be16)ctx->user_port;
	fb_set_ipv4(flow.remote, ctx->user_ip4);
	known = bpf_map_lookup_elem(&udp_flows, &flow);
	if (known) {
		__builtin_memcpy(&source, known->local, sizeof(source));
		ctx->msg_src_ip4 = source;
	}
	return 1;
}

/* ::, ::ffff:127.0.0.0/104 or fd00::/8 */
static __always_inline bool fb_is_private6(__be32 w0, __be32 w1, __be32 w2, __be32 w3)
{
	if ((w0 & bpf_htonl(0xff000000)) == bpf_htonl(0xfd000000))
		return true;
	if (w0 || w1)
		return false;
	if (!w2)
		return !w3;
	return w2 == bpf_htonl(0xffff) && (w3 & bpf_htonl(0xff000000)) == bpf_htonl(0x7f000000);
}

SEC("cgroup/sendmsg6")
int fb_reply6(struct bpf_sock_addr *ctx)
{
	struct fb_flow_key flow = {.family = FB_FAMILY_IPV6};
	struct fb_flow *known;
	__be32 words[4];
	__u32 *group;

	if (!fb_is_private6(ctx->msg_src_ip6[0], ctx->msg_src_ip6[1], ctx->msg_src_ip6[2], ctx->msg_src_ip6[3]))
		return 1;
	group = fb_published_group(ctx);
	if (!group)
		return 1;
	flow.group = *group;
	flow.remote_port = (__be16)ctx->user_port;
	words[0] = ctx->user_ip6[0];
	words[1] = ctx->user_ip6[1];
	words[2] = ctx->user_ip6[2];
	words[3] = ctx->user_ip6[3];
	__builtin_memcpy(flow.remote, words, sizeof(words));
	known = bpf_map_lookup_elem(&udp_flows, &flow);
	if (known) {
		__builtin_memcpy(words, known->local, sizeof(words));
		ctx->msg_src_ip6[0] = words[0];
		ctx->msg_src_ip6[1] = words[1];
		ctx->msg_src_ip6[2] = words[2];
		ctx->msg_src_ip6[3] = words[3];
	}
	return 1;
}

SEC("cgroup/sock_release")
int fb_reply_release(struct bpf_sock *ctx)
{
	__u64 cookie;

	if (ctx->protocol != IPPROTO_UDP || !fb_publishes_udp())
		return 1;
	cookie = bpf_get_socket_cookie(ctx);
	bpf_map_delete_elem(&udp_sockets, &cookie);
	return 1;
}

#endif /* FORCEBIND_BPF_REPLY_H_ */
