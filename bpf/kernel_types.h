/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kernel_types.h: the few fields of kernel structs that the programs read. Only the names matter: the loader finds
 * where each field stands in the running kernel (CO-RE), so that one object serves every kernel with BTF.
 */
#ifndef FORCEBIND_BPF_KERNEL_TYPES_H_
#define FORCEBIND_BPF_KERNEL_TYPES_H_

#include <linux/bpf.h>
#include <linux/types.h>

#define AF_INET 2
#define AF_INET6 10
#define TCP_ESTABLISHED 1
#define TCP_CLOSE 7
#define TCP_LISTEN 10
#define FB_CAP_NET_ADMIN 12
#define FB_EEXIST 17
#define FB_EADDRINUSE 98

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct in6_addr_bytes {
	__u8 byte[16];
};

struct net {
	__u64 net_cookie;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct sock_common {
	__be32 skc_rcv_saddr;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	unsigned char skc_ipv6only : 1;
	int skc_bound_dev_if;
	possible_net_t skc_net;
	struct in6_addr_bytes skc_v6_rcv_saddr;
};

struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
};

struct inet_sock {
	struct sock sk;
};

struct udp_sock {
	struct inet_sock inet;
};

struct user_namespace {
	int level;
};

typedef struct {
	__u64 val; /* two __u32 before Linux 6.3: the same eight bytes on a little-endian machine */
} kernel_cap_t;

struct cred {
	kernel_cap_t cap_effective;
	struct user_namespace *user_ns;
};

struct task_struct {
	const struct cred *cred;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
};

struct bpf_iter__udp {
	struct bpf_iter_meta *meta;
	struct udp_sock *udp_sk;
};

#pragma clang attribute pop

#endif /* FORCEBIND_BPF_KERNEL_TYPES_H_ */
