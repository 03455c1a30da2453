/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/exchange/refresh.h"

#include "weir/base/clock.h"
#include "weir/base/ensure.h"
#include "weir/base/metric.h"
#include "weir/base/uuid.h"
#include "weir/cache/backoff.h"
#include "weir/exchange/load.h"
#include "weir/net/loop.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What a request's headers may take; the body is counted beside it. */
enum { COPY_BYTES = 128 << 10, AGAIN_US = 1000 * 1000 };

/*
 * Owns what its exchange is lent, and hears nothing but the end: a refresh is born deserted, so
 * no answer is told to anybody.
 */
struct refresh {
    struct exchange_sink sink;
    struct exchange_kit *kit; /* lent */
    struct arena arena;
};

static void on_whole(struct exchange_sink *s, const struct reply *r, struct str body)
{
    (void)s;
    (void)r;
    (void)body;
}

static void on_begin(struct exchange_sink *s, const struct reply *r)
{
    (void)s;
    (void)r;
}

static void on_bytes(struct exchange_sink *s, struct str bytes)
{
    (void)s;
    (void)bytes;
}

static int on_failure(struct exchange_sink *s, const struct reply *r, const struct failure *why)
{
    (void)s;
    (void)r;
    (void)why;
    return 0;
}

static void on_end(struct exchange_sink *s)
{
    struct refresh *r = container_of(s, struct refresh, sink);
    struct arena arena = r->arena; /* `r` lies in it */

    r->kit->refreshes--;
    arena_deinit(&arena);
}

/* ---- copies ------------------------------------------------------------------------------ */

static const char *const *copy_lines(struct arena *arena, const char *const *lines)
{
    const char **out;
    size_t n = 0;

    while (lines && lines[n])
        n++;
    out = arena_take(arena, (n + 1) * sizeof(*out));
    for (size_t i = 0; out && i < n; i++) {
        struct str copy = arena_join(arena, (struct str[]){ str_of(lines[i]) }, 1);

        if (!copy.at)
            return NULL;
        out[i] = copy.at;
        out[i + 1] = NULL;
    }
    if (out && n == 0)
        out[0] = NULL;
    return out;
}

static struct str copy(struct arena *arena, struct str s)
{
    return s.at ? arena_copy(arena, s) : s;
}

/* The caller's words about caches, patience and priority were for its own answer. */
static struct ask ask_again(struct arena *arena, const struct ask *from,
                            const struct entry *old, const char *why)
{
    struct ask ask = *from;
    char id[UUID_TEXT];

    uuid_make(id);
    ask.scope = copy(arena, from->scope);
    ask.path_model = copy(arena, from->path_model);
    ask.body = copy(arena, from->body);
    ask.key_headers = copy(arena, from->key_headers);
    ask.request_id = copy(arena, str_of(id));
    ask.headers = copy_lines(arena, from->headers);
    ask.cache = (struct cache_words){ .max_age_s = -1,
                                      .max_stale_s = -1,
                                      .stale_if_error_s = -1 };
    ask.timeout_us = ask.patience_us = 0;
    ask.segment_headers = NULL; /* it is counted under none */
    ask.priority = PRIORITY_LOW;
    ask.idempotency_key = (struct str){ 0 };
    ask.is_again = true;
    ask.refresh = why;
    ask.renews_ms = old->facts.created_ms;
    return ask;
}

static void count_put_off(const struct exchange_kit *kit, const struct ask *from,
                          const struct entry *old, const char *why)
{
    const struct model *m = plan_model(from->plan, old->facts.model);

    metric_add(loop_shard(kit->loop), METRIC_REFRESHES, 1,
               METRIC_LABEL(m ? m->name : STR(""), str_of(why), STR("put_off")));
}

bool refresh_start(struct exchange_kit *kit, const struct ask *from, const struct entry *old,
                   enum refresh_why why)
{
    static const char *const words[] = { [REFRESH_STALE] = "stale", [REFRESH_EARLY] = "early" };
    struct arena arena;
    struct refresh *r;
    struct ask ask;

    if (!backoff_is_over(kit->backoffs, &old->facts.key, clock_now_us())) {
        count_put_off(kit, from, old, words[why]);
        return false;
    }
    if (kit->refreshes >= REFRESH_MOST || kit->background_count >= kit->background_most ||
        (kit->load && !load_is_low(kit->load)))
        return false;
    arena_init_pooled(&arena, &kit->arenas, COPY_BYTES + from->body.len);
    r = ARENA_NEW(&arena, struct refresh);
    ensure(r);
    r->sink = (struct exchange_sink){ on_whole, on_begin, on_bytes, on_failure, on_end };
    r->kit = kit;
    ask = ask_again(&arena, from, old, words[why]);
    ask.began_us = loop_now_us(kit->loop);
    r->arena = arena;
    if (!ask.body.at || !ask.headers) {
        arena_deinit(&arena); /* more headers than we would copy */
        return false;
    }
    kit->refreshes++;
    (void)exchange_start(kit, &ask, &r->sink);
    return true;
}

/* ---- early --------------------------------------------------------------------------------- */

bool refresh_is_due(const struct entry *e, uint64_t wall_ms, double chance)
{
    int64_t left_ms = entry_ttl_ms(e, wall_ms);

    if (e->facts.took_ms == 0 || left_ms <= 0)
        return false;
    return (double)e->facts.took_ms * -log(chance) >= (double)left_ms;
}

/* What took a second to make is not renewed a minute before its end: most hits end here. */
static bool is_near(const struct entry *e, uint64_t wall_ms)
{
    return entry_ttl_ms(e, wall_ms) < (int64_t)(e->facts.took_ms * 40);
}

bool refresh_is_ours(struct entry *e)
{
    uint64_t wall_ms = clock_wall_ms();
    uint64_t now_us, last_us;

    if (!is_near(e, wall_ms) ||
        !refresh_is_due(e, wall_ms, ((double)random() + 1) / ((double)RAND_MAX + 1)))
        return false;
    now_us = clock_now_us();
    last_us = atomic_load_explicit(&e->renewed_us, memory_order_relaxed);
    return now_us - last_us >= AGAIN_US &&
           atomic_compare_exchange_strong(&e->renewed_us, &last_us, now_us);
}
