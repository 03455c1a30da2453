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
#include "weir/upstream/retry_after.h"

#include <math.h>

enum {
    KEY_REST_US = 1000 * 1000, /* after a 429 that did not say how long; doubled each time */
    MOST_KEY_REST_US = 600 * 1000 * 1000,
    BEATEN_MEDIANS = 4, /* how far lost races alone raise the wait for a second call */
    MOST_START_PAUSE_US = 1000 * 1000,
};

#define LATENCY_SECONDS 10.0 /* how fast a mean forgets */
#define HOLD_PART 0.1

static uint64_t rest_of(int64_t wait_ms)
{
    return (uint64_t)(wait_ms < RETRY_AFTER_MOST_MS ? wait_ms : RETRY_AFTER_MOST_MS) * 1000;
}

static void extend(uint64_t *until_us, uint64_t to_us)
{
    if (to_us > *until_us)
        *until_us = to_us;
}

/* ---- keys and rests --------------------------------------------------------------------- */

static void rest_key(struct key *k, int64_t wait_ms, uint64_t now_us)
{
    if (wait_ms >= 0) {
        extend(&k->rest_until_us, now_us + rest_of(wait_ms));
        return;
    }
    k->rest_us = k->rest_us > 0 ? k->rest_us * 2 : KEY_REST_US;
    if (k->rest_us > MOST_KEY_REST_US)
        k->rest_us = MOST_KEY_REST_US;
    extend(&k->rest_until_us, now_us + k->rest_us);
}

/* A pool's only key stays: it may have been this one request that was refused. */
static void drop_key(struct pool *p, struct key *k)
{
    if (pool_listed_keys(p) < 2 || k->dropped)
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

/* While a trial decides, calls from before it, or that went out for want of others, do not. */
static void note_fault(struct pool *p, struct member *m, const struct permit *permit,
                       uint64_t now_us, struct loop *loop)
{
    if (permit->trial || m->breaker.state != BREAKER_HALF_OPEN)
        note(p, m, BREAKER_FAULT, now_us, loop);
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

/* ---- starting up ---------------------------------------------------------------------------- */

static bool all_refuse(const struct pool *p)
{
    for (size_t i = 0; i < p->member_count; i++)
        if (!p->members[i]->refused)
            return false;
    return p->member_count > 0;
}

static void begin_start(struct pool *p, uint64_t now_us)
{
    p->starting.on = true;
    p->starting.trying = false;
    if (p->starting.since_us == 0)
        p->starting.since_us = now_us;
    p->starting.next_us = now_us + POOL_START_PAUSE_US;
    p->starting.pause_us = POOL_START_PAUSE_US;
}

/* Who does not wait for a start is then told LATER: nobody may call before the pause is over. */
static void pause_start(struct pool *p, uint64_t now_us)
{
    uint64_t pause_us = p->starting.pause_us * 2;

    p->starting.pause_us = pause_us < MOST_START_PAUSE_US ? pause_us : MOST_START_PAUSE_US;
    p->starting.next_us = now_us + p->starting.pause_us;
}

static void note_start(struct pool *p, const struct permit *permit,
                       const struct permit_report *r, uint64_t now_us)
{
    bool wakes = permit->wakes && p->starting.on;

    if (wakes)
        p->starting.trying = false;
    if (r->verdict == VERDICT_NONE || r->verdict == VERDICT_BEATEN)
        return;
    if (r->verdict == VERDICT_GOOD)
        p->starting.spent = false;
    if (!all_refuse(p))
        p->starting.since_us = 0;
    if (p->settings.cold_start_us == 0 || p->starting.spent || !all_refuse(p))
        p->starting.on = false; /* somebody is there, however it fares */
    else if (!p->starting.on)
        begin_start(p, now_us);
    else if (wakes)
        pause_start(p, now_us);
}

/* ---- all of it -------------------------------------------------------------------------------- */

static void learn_busy(struct pool *p, struct member *m, const struct permit *permit,
                       const struct permit_report *r, uint64_t now_us, struct loop *loop)
{
    if (r->status == 429 && permit->auth) {
        rest_key(&p->keys[permit->key], r->retry_after_ms, now_us);
        note_neither(p, m, permit, now_us, loop);
    } else if (r->retry_after_ms >= 0) {
        extend(&m->rest_until_us, now_us + rest_of(r->retry_after_ms));
        note_neither(p, m, permit, now_us, loop);
    } else if (r->status == 429) {
        note_neither(p, m, permit, now_us, loop);
    } else {
        note_fault(p, m, permit, now_us, loop);
    }
}

static void learn_good(struct pool *p, struct member *m, const struct permit *permit,
                       const struct permit_report *r, uint64_t now_us, struct loop *loop)
{
    uint64_t first_us = r->first_us > 0 ? r->first_us : r->total_us;

    note(p, m, BREAKER_GOOD, now_us, loop);
    note_latency(m, first_us, now_us);
    pace_note(&p->pace, first_us, now_us);
    if (permit->auth)
        p->keys[permit->key].rest_us = 0;
}

/*
 * It counts as one that took longer than the percentile, which would else be that of quick calls
 * alone and fall by itself. But where many lose, the wait shall not grow with every loss: it
 * grows to some medians, which those who lose do not move.
 */
static void note_beaten(struct pool *p, uint64_t total_us, uint64_t now_us)
{
    double at = p->settings.hedge.percentile;
    uint64_t most_us = at > 0 ? pace_read_us(&p->pace, at, now_us) : 0;
    uint64_t slow_us = BEATEN_MEDIANS * pace_read_us(&p->pace, 0.5, now_us);

    if (most_us == 0)
        return;
    if (most_us < slow_us)
        most_us = slow_us;
    pace_note(&p->pace, total_us < most_us ? total_us : most_us, now_us);
}

/*
 * A call that was called off because another was sooner, or because its client was sent something
 * else in time and it took far longer still. What it would have taken is not known,
 * only that it is more than has passed: that much enters the means, where they are lower, and the
 * percentile.
 *
 * Who is a little slower loses races as who hangs does, and is called off before it shows which
 * it is. So after POOL_DOUBTS losses in a row it is given longer before a second call goes out
 * (RACE_PATIENCE times as long), and only who loses even so has a fault, like one that has timed
 * out. Any sign of life takes the doubt away.
 */
static void learn_beaten(struct pool *p, struct member *m, const struct permit *permit,
                         const struct permit_report *r, uint64_t now_us, struct loop *loop)
{
    if ((double)r->total_us / 1e6 > m->latency_s)
        note_latency(m, r->total_us, now_us);
    note_beaten(p, r->total_us, now_us);
    m->beaten++;
    if (permit->doubted)
        note_fault(p, m, permit, now_us, loop);
    else
        note_neither(p, m, permit, now_us, loop);
}

static bool shows_life(const struct permit_report *r)
{
    return r->verdict == VERDICT_GOOD || r->first_us > 0 || r->status >= 400;
}

/* Turned away, or left without an answer. A key's 429 tells nothing about the endpoint. */
static bool is_overload(const struct permit *permit, const struct permit_report *r)
{
    if (r->verdict == VERDICT_FAULT)
        return !r->refused;
    if (r->verdict == VERDICT_BEATEN)
        return permit->doubted;
    return r->verdict == VERDICT_BUSY && !(r->status == 429 && permit->auth);
}

void lesson_learn(struct pool *p, const struct permit *permit, const struct permit_report *r,
                  uint64_t now_us, struct loop *loop)
{
    struct member *m = member_of(permit->endpoint);
    double held_s = (double)(now_us - permit->since_us) / 1e6;
    bool overload = is_overload(permit, r);

    if (r->verdict != VERDICT_NONE || r->total_us > 0) /* else it was not used */
        p->hold_s = p->hold_s > 0 ? p->hold_s + HOLD_PART * (held_s - p->hold_s) : held_s;
    switch (r->verdict) {
    case VERDICT_GOOD: learn_good(p, m, permit, r, now_us, loop); break;
    case VERDICT_FAULT: note_fault(p, m, permit, now_us, loop); break;
    case VERDICT_BUSY: learn_busy(p, m, permit, r, now_us, loop); break;
    case VERDICT_KEY_REFUSED:
        if (permit->auth)
            drop_key(p, &p->keys[permit->key]);
        note_neither(p, m, permit, now_us, loop);
        break;
    case VERDICT_BEATEN: learn_beaten(p, m, permit, r, now_us, loop); break;
    case VERDICT_NONE: note_neither(p, m, permit, now_us, loop); break;
    }
    if (p->settings.adaptive && (r->verdict == VERDICT_GOOD || overload))
        adaptive_note(&m->adaptive, r->total_us, m->in_flight + 1, overload,
                      p->settings.max_in_flight, now_us);
    if (shows_life(r))
        m->beaten = 0;
    if (r->verdict != VERDICT_NONE && r->verdict != VERDICT_BEATEN)
        m->refused = r->refused;
    note_start(p, permit, r, now_us);
}
