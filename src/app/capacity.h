/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/app/config.h"
#include "weir/exchange/load.h"
#include "weir/http/room.h"
#include "weir/net/timer.h"

/* What this process may take of its machine: files, and with them connections, and memory. */

struct capacity {
    struct load load;
    struct http_room room; /* for large bodies */
    struct timer look;     /* at the memory that is used now */
};

/* Raises the limit of open files as far as it goes; connections stay below it. */
unsigned capacity_connections(const struct settings *s);
/*
 * How much each worker may go on with though nobody waits for it: a quarter of max_in_flight, and no
 * more than half of the files that clients leave.
 */
unsigned capacity_background(const struct settings *s, unsigned connections, unsigned workers);
/* Looks at memory from now on, on the control thread's loop. */
void capacity_set(struct capacity *l, const struct settings *s); /* what a reload may change */
void capacity_start(struct capacity *l, struct loop *loop, const struct settings *s);
