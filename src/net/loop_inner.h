/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/net/loop.h"
#include "weir/net/timer.h"

#include "timers.h"

#include <stdatomic.h>
#include <uv.h>

/* What the files of this folder know of a loop, and nobody above them. */

enum { LOOP_SCRATCH = 64 * 1024 }; /* one read; a socket rarely holds more at once */

/* Something that stays open for a while after its owner has let go of it: loop_free ends it. */
struct parting {
    struct link link;
    void (*run)(struct parting *p);
};

struct loop {
    uv_loop_t uv;
    uv_prepare_t before_wait;
    uv_check_t after_wait;
    uv_idle_t hurry;                  /* active: the next wait must not wait */
    uv_async_t bell;                  /* rung by other threads: there are letters */
    _Atomic(struct letter *) letters; /* the newest first */
    struct link deferred;
    struct link partings;
    struct link signals;
    struct timers timers;
    struct timer lag;
    struct metric_shard *shard; /* lent by loop_new's caller; may be NULL */
    char *scratch;              /* owned; LOOP_SCRATCH bytes, for the read now being handled */
};
