/* SPDX-License-Identifier: GPL-2.0 */
/* address.h: addresses as layout.h has them. */
#ifndef FORCEBIND_BPF_ADDRESS_H_
#define FORCEBIND_BPF_ADDRESS_H_

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "layout.h"

static __always_inline bool fb_set_ipv4(__u8 *address, __be32 ip4)
{
	__builtin_memcpy(address, &ip4, sizeof(ip4));
	return ip4 != 0;
}

/* Stores an IPv6 address, or the IPv4 address that it maps; false for a wildcard. */
static __always_inline bool fb_set_ipv6(__u8 *address, __u8 *family, __be32 w0, __be32 w1, __be32 w2, __be32 w3)
{
	__be32 words[4] = {w0, w1, w2, w3};

	if (w0 == 0 && w1 == 0 && w2 == bpf_htonl(0xffff)) {
		*family = FB_FAMILY_IPV4;
		return fb_set_ipv4(address, w3);
	}
	*family = FB_FAMILY_IPV6;
	__builtin_memcpy(address, words, sizeof(words));
	return (w0 | w1 | w2 | w3) != 0;
}

#endif /* FORCEBIND_BPF_ADDRESS_H_ */
