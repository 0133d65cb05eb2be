/* SPDX-License-Identifier: GPL-2.0 */
/*
 * track_none.h: takes the place of track.h at hook D. There the kernel has looked for an exact listener and found none
 * before it asks, so nobody has to be known.
 */
#ifndef FORCEBIND_BPF_TRACK_NONE_H_
#define FORCEBIND_BPF_TRACK_NONE_H_

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "layout.h"

static __always_inline bool fb_has_exact(struct fb_exact_key *key, __u32 ifindex)
{
	return false;
}

#endif /* FORCEBIND_BPF_TRACK_NONE_H_ */
