/* SPDX-License-Identifier: Apache-2.0 */
#include "capacity.h"

#include "weir/base/log.h"

#include <sys/resource.h>

enum {
    RESERVED_FILES = 256, /* for upstreams, Redis, logs and libraries */
    LOOK_US = 250 * 1000,
    BACKGROUND_PART = 4, /* of what is worked on at once, in so many parts */
    BODIES_SHARE = 4,    /* of memory */
};

static unsigned file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 1024;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur > 1U << 20 ? 1U << 20 : (unsigned)limit.rlim_cur;
}

unsigned capacity_connections(const struct settings *s)
{
    unsigned files = file_limit();
    unsigned room = files > 2 * RESERVED_FILES ? files - RESERVED_FILES : files / 2;

    if (s->max_connections <= room)
        return s->max_connections;
    log_warn("connections_capped", F_U64("configured", s->max_connections), F_U64("cap", room),
             F_TEXT("why", "the limit of open files is lower; raise it with ulimit -n"));
    return room;
}

unsigned capacity_background(const struct settings *s, unsigned connections, unsigned workers)
{
    unsigned spare = (file_limit() - connections) / 2;
    unsigned all = s->max_in_flight / BACKGROUND_PART;

    all = (all < spare ? all : spare) / workers;
    return all > 0 ? all : 1;
}

static void on_look(struct timer *t)
{
    struct capacity *l = container_of(t, struct capacity, look);

    load_measure(&l->load);
    timer_arm(t, LOOK_US);
}

/* What a body takes is seen only when it is there, so all of them have a share of their own; one
   that is allowed must fit. A growing buffer may take twice what it holds. */
void capacity_set(struct capacity *l, const struct settings *s)
{
    size_t share = l->load.most_bytes / BODIES_SHARE;

    atomic_store_explicit(&l->room.most, share > s->max_body_bytes ? share : s->max_body_bytes,
                          memory_order_relaxed);
}

void capacity_start(struct capacity *l, struct loop *loop, const struct settings *s)
{
    l->load.most = s->max_in_flight;
    l->load.most_bytes = s->max_memory_bytes > 0 ? s->max_memory_bytes : load_memory_share();
    capacity_set(l, s);
    timer_init(&l->look, loop, on_look);
    timer_arm(&l->look, LOOK_US);
}
