/* SPDX-License-Identifier: GPL-2.0 */
/*
 * track.h: knows every exact listener of the supervisor's network namespace: services' and strangers' alike.
 *
 * THEORY OF OPERATION
 *   The early hook runs before the kernel's own lookup, so it must know by itself whether a socket listens on exactly
 *   the address that was dialled. `exact` counts the sockets per endpoint; `records` remembers, per socket cookie, the
 *   key that it was counted under. Who adds increments, and takes that back if the record (BPF_NOEXIST) was there
 *   already; only who deleted a record decrements. So every event may be replayed: by the seeding, and by the programs
 *   of the supervisor before this one, which run beside ours for a moment.
 *
 *     TCP   added    sock_ops TCP_LISTEN_CB: inside listen(), after the socket is hashed, before the call returns
 *           removed  tracepoint inet_sock_set_state, TCP_LISTEN to TCP_CLOSE: close, shutdown, disconnect; inside the
 *                    call
 *     UDP   added    post_bind: inside bind(), after the socket is hashed
 *           removed  sock_release: inside the last close(), before it is unhashed; connect(), which makes
 *                    it deaf to everybody but its peer
 *     both  seeded   bpf_iter over tcp and udp, with the socket locked and known to be hashed
 *
 * WHY THERE IS NO WINDOW  A listener is known before its listen() or bind() returns, and forgotten before its close()
 *   returns. So whoever acts after the call sees its effect, and a packet that arrives during the call is answered
 *   like one before or after it: a SYN between a TCP listener's unhash and its removal here is refused, as is one that
 *   had arrived earlier and stood unaccepted in the backlog when close() reset it.
 *
 * GENERATIONS  An entry of `exact` whose count falls to 0 may not be deleted here. Counter-example: A's removal
 *   decrements 192.0.2.7:443 to 0; B's listen() looks the entry up; A deletes it; B increments what is no longer in
 *   the map, or by then is the entry of [2001:db8::1]:80, and B's packets go to the wildcard service. So keys carry a
 *   generation. Adding uses the current one, removing uses what the record says, the lookup sees both. Only the
 *   supervisor deletes, only counts of 0, only in the generation that is not current, and only after a grace period
 *   since the flip: from then on nobody can increment there, and who decrements holds a count above 0.
 *
 * LEFT OPEN  SO_BINDTODEVICE on a TCP socket that listens already, or a UDP one that is bound. A UDP socket whose
 * connect() failed, or that was disconnected (AF_UNSPEC), is unknown until the supervisor's next tick finds it. So is
 * one that was bound with IP_BIND_ADDRESS_NO_PORT and got its port by sending. An exact listener of a VRF's master
 * device, for packets that came in by a member. A lookup that found a count of 0 in the old generation just when the
 * supervisor swept it away may read the count of the entry that takes its place: that one packet goes to the kernel's
 * own lookup.
 *
 * Tested by tests/conformance/.
 */
#ifndef FORCEBIND_BPF_TRACK_H_
#define FORCEBIND_BPF_TRACK_H_

#include <linux/in.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "address.h"
#include "kernel_types.h"
#include "maps.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FB_MAX_EXACT);
	__type(key, struct fb_exact_key);
	__type(value, __u32);
} exact SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FB_MAX_EXACT);
	__type(key, __u64);
	__type(value, struct fb_exact_key);
} records SEC(".maps");

static __always_inline void fb_count_exact(const struct fb_exact_key *key, __u32 *count, int step)
{
	struct fb_state *st = bpf_map_lookup_elem(&state, &fb_zero);

	if (st && key->ifindex)
		__sync_fetch_and_add(&st->device_bound, step);
	__sync_fetch_and_add(count, step);
}

/* Increments first: from the record's insertion on, somebody else may delete it and decrement. */
static __always_inline void fb_track_add(__u64 cookie, struct fb_exact_key *key)
{
	struct fb_state *st = bpf_map_lookup_elem(&state, &fb_zero);
	__u32 none = 0, *count;
	long err;

	if (!st || bpf_map_lookup_elem(&records, &cookie))
		return;
	key->generation = FB_READ(st->generation) & 1;
	count = bpf_map_lookup_elem(&exact, key);
	if (!count) {
		bpf_map_update_elem(&exact, key, &none, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&exact, key);
	}
	if (!count) {
		FB_COUNT(untracked);
		return;
	}
	fb_count_exact(key, count, 1);
	err = bpf_map_update_elem(&records, &cookie, key, BPF_NOEXIST);
	if (!err)
		return;
	fb_count_exact(key, count, -1);
	if (err != -FB_EEXIST)
		FB_COUNT(untracked);
}

static __always_inline void fb_track_remove(__u64 cookie)
{
	struct fb_exact_key *record = bpf_map_lookup_elem(&records, &cookie);
	struct fb_exact_key key;
	__u32 *count;

	if (!record)
		return;
	/* If somebody else deletes the record now, this copy is of no worth, and our own deletion fails. */
	key = *record;
	if (bpf_map_delete_elem(&records, &cookie))
		return;
	count = bpf_map_lookup_elem(&exact, &key);
	if (count)
		fb_count_exact(&key, count, -1);
}

/* The hook's context is the kernel's struct sock, but post_bind may not read bound_dev_if through it. */
static __always_inline void fb_track_bound(struct bpf_sock *ctx, struct fb_exact_key *key)
{
	key->ifindex = BPF_CORE_READ((struct sock_common *)ctx, skc_bound_dev_if);
	fb_track_add(bpf_get_socket_cookie(ctx), key);
}

static __always_inline bool fb_counts(struct fb_exact_key *key)
{
	__u32 *count = bpf_map_lookup_elem(&exact, key);

	return count && FB_READ(*count) != 0;
}

static __always_inline bool fb_counts_either(struct fb_exact_key *key, struct fb_state *st)
{
	key->generation = FB_READ(st->generation) & 1;
	if (fb_counts(key))
		return true;
	if (!FB_READ(st->both_generations))
		return false;
	key->generation ^= 1;
	return fb_counts(key);
}

/* Does a socket listen on exactly this endpoint, for packets that come in by this interface? */
static __always_inline bool fb_has_exact(struct fb_exact_key *key, __u32 ifindex)
{
	struct fb_state *st = bpf_map_lookup_elem(&state, &fb_zero);

	if (!st)
		return false;
	if (fb_counts_either(key, st))
		return true;
	if (!FB_READ(st->device_bound) || !ifindex)
		return false;
	key->ifindex = ifindex;
	return fb_counts_either(key, st);
}

/* Fills the key from a kernel socket; false for a wildcard or a family that is none of ours. */
static __always_inline bool fb_key_of_sock(struct fb_exact_key *key, struct sock_common *sk, __u8 protocol)
{
	__u16 family = BPF_CORE_READ(sk, skc_family);
	__be32 words[4];

	__builtin_memset(key, 0, sizeof(*key));
	key->protocol = protocol;
	key->port = bpf_htons(BPF_CORE_READ(sk, skc_num));
	key->ifindex = BPF_CORE_READ(sk, skc_bound_dev_if);
	if (family == AF_INET) {
		key->family = FB_FAMILY_IPV4;
		return fb_set_ipv4(key->address, BPF_CORE_READ(sk, skc_rcv_saddr));
	}
	if (family != AF_INET6)
		return false;
	BPF_CORE_READ_INTO(&words, sk, skc_v6_rcv_saddr);
	return fb_set_ipv6(key->address, &key->family, words[0], words[1], words[2], words[3]);
}

SEC("sockops")
int fb_tcp_listen(struct bpf_sock_ops *ctx)
{
	struct fb_exact_key key = {.protocol = IPPROTO_TCP};
	struct bpf_sock *sk;
	bool is_exact;

	if (ctx->op != BPF_SOCK_OPS_TCP_LISTEN_CB)
		return 1;
	if (bpf_get_netns_cookie(ctx) != fb_netns_cookie)
		return 1;
	sk = ctx->sk;
	if (!sk)
		return 1;
	key.port = bpf_htons(ctx->local_port);
	key.ifindex = sk->bound_dev_if;
	if (ctx->family == AF_INET) {
		key.family = FB_FAMILY_IPV4;
		is_exact = fb_set_ipv4(key.address, ctx->local_ip4);
	} else {
		is_exact = fb_set_ipv6(key.address, &key.family, ctx->local_ip6[0], ctx->local_ip6[1],
				       ctx->local_ip6[2], ctx->local_ip6[3]);
	}
	if (is_exact)
		fb_track_add(bpf_get_socket_cookie(ctx), &key);
	return 1;
}

/*
 * To TCP_CLOSE only: a new connection's socket begins as a copy of its listener and goes from TCP_LISTEN to
 * TCP_SYN_RECV, on Linux 6.1 still with the listener's cookie (inet_csk_clone_lock()).
 */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(fb_tcp_state, struct sock *sk, int oldstate, int newstate)
{
	if (oldstate == TCP_LISTEN && newstate == TCP_CLOSE)
		fb_track_remove(bpf_get_socket_cookie(sk));
	return 0;
}

static __always_inline bool fb_is_our_udp(struct bpf_sock *ctx)
{
	return ctx->protocol == IPPROTO_UDP && bpf_get_netns_cookie(ctx) == fb_netns_cookie;
}

SEC("cgroup/post_bind4")
int fb_bound4(struct bpf_sock *ctx)
{
	struct fb_exact_key key = {.protocol = IPPROTO_UDP, .family = FB_FAMILY_IPV4};

	if (!fb_is_our_udp(ctx))
		return 1;
	key.port = bpf_htons(ctx->src_port);
	if (fb_set_ipv4(key.address, ctx->src_ip4))
		fb_track_bound(ctx, &key);
	return 1;
}

SEC("cgroup/post_bind6")
int fb_bound6(struct bpf_sock *ctx)
{
	struct fb_exact_key key = {.protocol = IPPROTO_UDP};

	if (!fb_is_our_udp(ctx))
		return 1;
	key.port = bpf_htons(ctx->src_port);
	if (fb_set_ipv6(key.address, &key.family, ctx->src_ip6[0], ctx->src_ip6[1], ctx->src_ip6[2], ctx->src_ip6[3]))
		fb_track_bound(ctx, &key);
	return 1;
}

SEC("cgroup/sock_release")
int fb_udp_release(struct bpf_sock *ctx)
{
	if (fb_is_our_udp(ctx))
		fb_track_remove(bpf_get_socket_cookie(ctx));
	return 1;
}

/* A connected socket hears only its peer, and the kernel finds it by itself. */
static __always_inline int fb_udp_connect(struct bpf_sock_addr *ctx)
{
	if (ctx->protocol == IPPROTO_UDP)
		fb_track_remove(bpf_get_socket_cookie(ctx));
	return 1;
}

SEC("cgroup/connect4")
int fb_udp_connect4(struct bpf_sock_addr *ctx)
{
	return fb_udp_connect(ctx);
}

SEC("cgroup/connect6")
int fb_udp_connect6(struct bpf_sock_addr *ctx)
{
	return fb_udp_connect(ctx);
}

/* Both seeding programs write out the cookies that they saw: a record without a socket is not one of them. */
SEC("iter/tcp")
int fb_seed_tcp(struct bpf_iter__tcp *ctx)
{
	struct sock_common *sk = ctx->sk_common;
	struct fb_exact_key key;
	__u64 cookie;

	if (!sk || BPF_CORE_READ(sk, skc_state) != TCP_LISTEN)
		return 0;
	cookie = bpf_get_socket_cookie(sk);
	if (fb_key_of_sock(&key, sk, IPPROTO_TCP))
		fb_track_add(cookie, &key);
	bpf_seq_write(ctx->meta->seq, &cookie, sizeof(cookie));
	return 0;
}

SEC("iter/udp")
int fb_seed_udp(struct bpf_iter__udp *ctx)
{
	struct udp_sock *sk = ctx->udp_sk;
	struct sock_common *common = (struct sock_common *)sk;
	struct fb_exact_key key;
	__u64 cookie;

	if (!sk || BPF_CORE_READ(common, skc_state) == TCP_ESTABLISHED)
		return 0;
	if (BPF_CORE_READ(sk, inet.sk.sk_protocol) != IPPROTO_UDP || !fb_key_of_sock(&key, common, IPPROTO_UDP))
		return 0;
	cookie = bpf_get_socket_cookie(sk);
	fb_track_add(cookie, &key);
	bpf_seq_write(ctx->meta->seq, &cookie, sizeof(cookie));
	return 0;
}

/* Run by the supervisor: only a program can decrement a count. */
SEC("syscall")
int fb_forget(struct fb_forget_args *ctx)
{
	fb_track_remove(ctx->cookie);
	return 0;
}

#endif /* FORCEBIND_BPF_TRACK_H_ */
