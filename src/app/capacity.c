/* SPDX-License-Identifier: Apache-2.0 */
#include "capacity.h"

#include "weir/base/log.h"

#include <sys/resource.h>

enum {
    RESERVED_FILES = 256, /* for Redis, metrics, second calls, logs and libraries */
    LOOK_US = 250 * 1000,
    BACKGROUND_PART = 4, /* of what is worked on at once, in so many parts */
    BODIES_SHARE = 4,    /* of memory */
    CALLS_SHARE = 3,     /* of files: most clients wait, between two requests or in a line */
};

/*
 * Without a file an upstream cannot be called, which would look as if it were down, and a client
 * is closed without a word. So both have shares, clients and the calls for them (those for nobody
 * included), and never meet the limit: where it is too low for what is configured, calls get a third.
 */

unsigned capacity_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 1024;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur > 1U << 20 ? 1U << 20 : (unsigned)limit.rlim_cur;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static unsigned with_background(unsigned calls)
{
    return calls + calls / BACKGROUND_PART;
}

/* A connection has one request at a time. */
void capacity_share_files(struct capacity_files *f, const struct settings *s, unsigned limit)
{
    unsigned room = limit > 2 * RESERVED_FILES ? limit - RESERVED_FILES : limit / 2;
    unsigned calls = with_background(least(s->max_in_flight, s->max_connections));
    unsigned rest = room - least(room / CALLS_SHARE, calls);

    *f = (struct capacity_files){ .limit = limit,
                                  .needed = RESERVED_FILES + s->max_connections + calls,
                                  .connections = least(s->max_connections, rest),
                                  .in_flight = s->max_in_flight };
    if (f->needed > limit) {
        calls = room - f->connections;
        f->in_flight = least(s->max_in_flight, calls - calls / (BACKGROUND_PART + 1));
    }
    f->background = f->in_flight / BACKGROUND_PART;
}

/* Worth a word: bounds that are met at all are seldom met so close. */
static bool is_short(const struct capacity_files *f, const struct settings *s)
{
    return 2 * f->connections < s->max_connections || 2 * f->in_flight < s->max_in_flight;
}

void capacity_put_warning(struct buf *out, const struct capacity_files *f,
                          const struct settings *s)
{
    if (!is_short(f, s))
        return;
    buf_put_printf(
        out,
        "server: max_connections %u and max_in_flight %u may need %u open files, and "
        "the limit here is %u: %u connections and %u requests at once are let in "
        "(raise it with LimitNOFILE=%u in the unit, or ulimit -n %u)\n",
        s->max_connections, s->max_in_flight, f->needed, f->limit, f->connections, f->in_flight,
        f->needed, f->needed);
}

static void warn_of_files(const struct capacity_files *f, const struct settings *s)
{
    if (is_short(f, s))
        log_warn("connections_capped", F_U64("files", f->limit), F_U64("needed", f->needed),
                 F_U64("max_connections", s->max_connections), F_U64("cap", f->connections),
                 F_U64("max_in_flight", s->max_in_flight), F_U64("in_flight_cap", f->in_flight),
                 F_TEXT("why",
                        "the limit of open files is lower than what may be needed; raise "
                        "LimitNOFILE, or ulimit -n"));
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
    capacity_share_files(&l->files, s, capacity_file_limit());
    warn_of_files(&l->files, s);
    l->load.most = l->files.in_flight;
    l->load.most_bytes = s->max_memory_bytes > 0 ? s->max_memory_bytes : load_memory_share();
    capacity_set(l, s);
    timer_init(&l->look, loop, on_look);
    timer_arm(&l->look, LOOK_US);
}
