/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a call has taught its pool: whether the endpoint is well, how long it takes, whether it,
 * or the key that it was called with, wants to be left alone. Everything here runs under the
 * pool's lock.
 */

#include "pool_inner.h"

#include "weir/base/log.h"
#include "weir/base/metric.h"
#include "weir/net/loop.h"

#include <math.h>

enum {
    KEY_REST_US = 1000 * 1000, /* after a 429 that did not say how long; doubled each time */
    MOST_REST_US = 600 * 1000 * 1000,
    START_PAUSE_US = 250 * 1000, /* between two calls that wake a pool; doubled */
    MOST_START_PAUSE_US = 2 * 1000 * 1000,
};

#define LATENCY_SECONDS 10.0 /* how fast a mean forgets */
#define HOLD_PART 0.1

static uint64_t rest_of(int64_t retry_after_ms)
{
    uint64_t rest_us = (uint64_t)retry_after_ms * 1000;

    return rest_us < MOST_REST_US ? rest_us : MOST_REST_US;
}

static void extend(uint64_t *until_us, uint64_t to_us)
{
    if (to_us > *until_us)
        *until_us = to_us;
}

/* ---- keys and rests --------------------------------------------------------------------- */

static void rest_key(struct key *k, int64_t retry_after_ms, uint64_t now_us)
{
    if (retry_after_ms >= 0) {
        extend(&k->rest_until_us, now_us + rest_of(retry_after_ms));
        return;
    }
    k->rest_us = k->rest_us > 0 ? k->rest_us * 2 : KEY_REST_US;
    if (k->rest_us > MOST_REST_US)
        k->rest_us = MOST_REST_US;
    extend(&k->rest_until_us, now_us + k->rest_us);
}

static size_t listed_keys(const struct pool *p)
{
    size_t n = 0;

    for (size_t i = 0; i < p->key_count; i++)
        n += p->keys[i].listed;
    return n;
}

/* A pool's only key stays: it may have been this one request that was refused. */
static void drop_key(struct pool *p, struct key *k)
{
    if (listed_keys(p) < 2 || k->dropped)
        return;
    k->dropped = true;
    log_error("upstream_key_dropped", F_TEXT("upstream", p->name),
              F_U64("key", (uint64_t)(k - p->keys) + 1),
              F_TEXT("why", "the upstream refused it with 401 or 403"));
}

/* ---- the endpoint ------------------------------------------------------------------------- */

static void note(struct pool *p, struct member *m, enum breaker_event e, uint64_t now_us,
                 struct loop *loop)
{
    const char *word;

    if (!breaker_note(&m->breaker, &p->settings.breaker, e, now_us, balance_chance(&p->turns)))
        return;
    word = breaker_word(m->breaker.state);
    metric_add(loop_shard(loop), METRIC_BREAKER, 1,
               METRIC_LABEL(str_of(p->name), m->endpoint.label, str_of(word)));
    log_warn("breaker", F_TEXT("upstream", p->name), F_STR("endpoint", m->endpoint.label),
             F_TEXT("to", word));
}

/* It has told nothing; if it was a trial, another one may go out. */
static void note_neither(struct pool *p, struct member *m, const struct permit *permit,
                         uint64_t now_us, struct loop *loop)
{
    if (permit->trial)
        note(p, m, BREAKER_NEITHER, now_us, loop);
}

static void note_latency(struct member *m, uint64_t took_us, uint64_t now_us)
{
    double took_s = (double)took_us / 1e6;
    double passed_s = (double)(now_us - m->latency_at_us) / 1e6;
    double keep = m->latency_s > 0 ? exp(-passed_s / LATENCY_SECONDS) : 0;

    /* Even many calls at once do not make one of them the whole truth. */
    if (keep > 0.9)
        keep = 0.9;
    m->latency_s = keep * m->latency_s + (1 - keep) * took_s;
    m->latency_at_us = now_us;
}

static void note_first(struct pool *p, uint64_t first_us, uint64_t now_us)
{
    if (now_us - p->half_began_us > POOL_WINDOW_US) {
        p->newest_half ^= 1;
        quantile_reset(&p->firsts[p->newest_half]);
        p->half_began_us = now_us;
    }
    quantile_add(&p->firsts[p->newest_half], (double)first_us / 1e6);
}

/* ---- starting up ---------------------------------------------------------------------------- */

static bool all_refuse(const struct pool *p)
{
    for (size_t i = 0; i < p->member_count; i++)
        if (!p->members[i]->refused)
            return false;
    return true;
}

static void note_start(struct pool *p, const struct permit *permit, bool refused, bool good,
                       uint64_t now_us)
{
    if (permit->trial)
        p->starting.trying = false;
    if (good) {
        p->starting.on = p->starting.spent = false;
        return;
    }
    if (!refused || p->settings.cold_start_us == 0 || p->starting.spent || !all_refuse(p))
        return;
    if (!p->starting.on) {
        p->starting.on = true;
        p->starting.since_us = now_us;
        p->starting.pause_us = START_PAUSE_US;
    } else if (now_us - p->starting.since_us > p->settings.cold_start_us) {
        p->starting.on = false;
        p->starting.spent = true; /* it is down, not starting */
    }
    p->starting.next_us = now_us + p->starting.pause_us;
    permit_send_away(p, p->starting.pause_us);
    p->starting.pause_us *= 2;
    if (p->starting.pause_us > MOST_START_PAUSE_US)
        p->starting.pause_us = MOST_START_PAUSE_US;
}

/* ---- all of it -------------------------------------------------------------------------------- */

static void learn_fault(struct pool *p, struct member *m, const struct permit *permit,
                        int status, uint64_t now_us, struct loop *loop)
{
    if (status == 429)
        note_neither(p, m, permit, now_us, loop);
    else
        note(p, m, BREAKER_FAULT, now_us, loop);
}

static void learn_busy(struct pool *p, struct member *m, const struct permit *permit,
                       const struct permit_report *r, uint64_t now_us, struct loop *loop)
{
    if (r->status == 429 && p->key_count > 0) {
        rest_key(&p->keys[permit->key], r->retry_after_ms, now_us);
        note_neither(p, m, permit, now_us, loop);
    } else if (r->retry_after_ms >= 0) {
        extend(&m->rest_until_us, now_us + rest_of(r->retry_after_ms));
        note_neither(p, m, permit, now_us, loop);
    } else {
        learn_fault(p, m, permit, r->status, now_us, loop);
    }
}

static void learn_good(struct pool *p, struct member *m, const struct permit *permit,
                       const struct permit_report *r, uint64_t now_us, struct loop *loop)
{
    uint64_t first_us = r->first_us > 0 ? r->first_us : r->total_us;

    note(p, m, BREAKER_GOOD, now_us, loop);
    note_latency(m, first_us, now_us);
    note_first(p, first_us, now_us);
    if (p->key_count > 0)
        p->keys[permit->key].rest_us = 0;
}

static bool is_overload(enum verdict v)
{
    return v == VERDICT_BUSY || v == VERDICT_FAULT;
}

void lesson_learn(struct pool *p, const struct permit *permit, const struct permit_report *r,
                  uint64_t now_us, struct loop *loop)
{
    struct member *m = member_of(permit->endpoint);
    double held_s = (double)(now_us - permit->since_us) / 1e6;

    p->hold_s = p->hold_s > 0 ? p->hold_s + HOLD_PART * (held_s - p->hold_s) : held_s;
    switch (r->verdict) {
    case VERDICT_GOOD: learn_good(p, m, permit, r, now_us, loop); break;
    case VERDICT_FAULT: note(p, m, BREAKER_FAULT, now_us, loop); break;
    case VERDICT_BUSY: learn_busy(p, m, permit, r, now_us, loop); break;
    case VERDICT_KEY_REFUSED:
        if (p->key_count > 0)
            drop_key(p, &p->keys[permit->key]);
        note_neither(p, m, permit, now_us, loop);
        break;
    case VERDICT_NONE: note_neither(p, m, permit, now_us, loop); break;
    }
    if (p->settings.adaptive && (r->verdict == VERDICT_GOOD || is_overload(r->verdict)))
        adaptive_note(&m->adaptive, r->total_us, m->in_flight + 1, is_overload(r->verdict),
                      p->settings.max_in_flight, now_us);
    if (r->verdict != VERDICT_NONE)
        m->refused = r->refused;
    note_start(p, permit, r->refused, r->verdict == VERDICT_GOOD, now_us);
}
