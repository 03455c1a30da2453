/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/app/config.h"
#include "weir/exchange/load.h"
#include "weir/http/room.h"
#include "weir/net/timer.h"

/* What this process may take of its machine: files, and with them connections, and memory. */

/* Of the open files that this process may have, how they are shared out. */
struct capacity_files {
    unsigned limit;
    unsigned needed; /* for all that is configured */
    unsigned connections;
    unsigned in_flight;  /* requests whose clients wait */
    unsigned background; /* work that nobody waits for, a quarter of that */
};

struct capacity {
    struct capacity_files files;
    struct load load;
    struct http_room room; /* for large bodies */
    struct timer look;     /* at the memory that is used now */
};

unsigned capacity_file_limit(void); /* raised as far as it goes */
void capacity_share_files(struct capacity_files *f, const struct settings *s, unsigned limit);
/* For who checks a configuration; nothing where the files are enough for half of it and more. */
void capacity_put_warning(struct buf *out, const struct capacity_files *f,
                          const struct settings *s);

void capacity_set(struct capacity *l, const struct settings *s); /* what a reload may change */
/* Shares out files, and looks at memory from now on, on the control thread's loop. */
void capacity_start(struct capacity *l, struct loop *loop, const struct settings *s);
