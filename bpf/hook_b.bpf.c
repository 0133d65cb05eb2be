/* SPDX-License-Identifier: GPL-2.0 */
/*
 * hook_b: the programs of the backend for stock kernels. Each header holds one job and says how it is done:
 * lookup.h dispatches, track.h knows the exact listeners, guard.h protects published ports, reply.h sets the source of
 * UDP answers.
 */
#include <stdbool.h>
#include <stddef.h>

#include "track.h"
#include "lookup.h"
#include "guard.h"
#include "reply.h"

char LICENSE[] SEC("license") = "GPL";
