/* SPDX-License-Identifier: GPL-2.0 */
/*
 * wall: the programs of the `cgroup` wall, attached to the cgroup of each service that asks for it. Each header holds
 * one job and says how it is done: wall_policy.h knows what the service may, wall_bind.h forces what it binds,
 * wall_send.h serves loopback and sets sources, wall_socket.h says which sockets it may have, wall_report.h what it is
 * told about them.
 */
#include <stdbool.h>
#include <stddef.h>

#include "wall_policy.h"
#include "wall_bind.h"
#include "wall_report.h"
#include "wall_send.h"
#include "wall_socket.h"

char LICENSE[] SEC("license") = "GPL";
