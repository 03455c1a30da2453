/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/upstream/permit.h"

#include <stdatomic.h>

/*
 * How much the whole process is working on, and who is still let in. Of each limit (requests
 * under way, memory) those of low priority may use four fifths, normal ones nineteen
 * twentieths, high ones all: as it fills, the lowest are turned away first. Whose priority is
 * not known may try as a low one first. Shared by all workers. What is answered from memory, health and metrics is not asked about.
 */

struct load {
    unsigned most;     /* requests at once */
    size_t most_bytes; /* of memory; 0: as much as there is */
    _Atomic unsigned under_way;
    _Atomic size_t bytes; /* as the control thread last saw it */
};

/* NULL: let in, and counted until load_leave. Else why not: "in_flight" or "memory". */
const char *load_enter(struct load *l, enum priority priority);
void load_leave(struct load *l);

/* May work be done that nobody waits for? */
bool load_is_low(struct load *l);

/* For the control thread, a few times a second: what this process takes now. */
void load_measure(struct load *l);
/* Three quarters of what this machine, or this container, has. */
size_t load_memory_share(void);
