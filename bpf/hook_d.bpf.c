/* SPDX-License-Identifier: GPL-2.0 */
/*
 * hook_d: the programs of the backend for kernels with hook D. As hook_b, but that nobody is tracked: the lookup
 * program is loaded and attached for the attach type BPF_SK_LOOKUP_WILDCARD, whose number the supervisor finds by name;
 * so is fallback.h for BPF_SK_LOOKUP_FALLBACK.
 */
#include <stdbool.h>
#include <stddef.h>

#include "track_none.h"
#include "lookup.h"
#include "fallback.h"
#include "guard.h"
#include "reply.h"

char LICENSE[] SEC("license") = "GPL";
