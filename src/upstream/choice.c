/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Who is next: of the members of a pool one that is well and has room, by the pool's balance,
 * and a key to call it with. Everything here runs under the pool's lock.
 */

#include "pool_inner.h"

enum {
    LATENCY_FORGOTTEN_US = 60 * 1000 * 1000,
    LAST_CHANCE_US = 500 * 1000, /* enough for a call that finds the pool up to be answered */
};

#define OPEN_PART 0.1 /* of its share, for one that is ill and may not be kept out */

unsigned member_limit(const struct pool *p, const struct member *m)
{
    unsigned most = p->settings.max_in_flight;
    unsigned found;

    if (!p->settings.adaptive)
        return most;
    found = adaptive_limit(&m->adaptive);
    return most > 0 && found > most ? most : found;
}

bool member_is_well(const struct member *m, uint64_t now_us)
{
    return !m->down && breaker_allows(&m->breaker, now_us);
}

static bool is_full(const struct pool *p, const struct member *m)
{
    unsigned limit = member_limit(p, m);

    return limit > 0 && m->in_flight >= limit;
}

/* It is rather the network, or the probes: all are asked then. */
static bool are_all_ill(const struct pool *p, uint64_t now_us)
{
    for (size_t i = 0; i < p->member_count; i++)
        if (member_is_well(p->members[i], now_us))
            return false;
    return true;
}

/* Its breaker alone would keep it out. */
static bool is_open(const struct member *m, uint64_t now_us)
{
    return !m->down && !breaker_allows(&m->breaker, now_us);
}

/* Of those whose breaker would keep them out, is this one among the worst, who are? */
static bool is_ejected(const struct pool *p, size_t at, uint64_t now_us)
{
    const struct breaker *own = &p->members[at]->breaker;
    double most = p->settings.breaker.most_ejected * (double)p->member_count;
    unsigned worse = 0;

    for (size_t i = 0; i < p->member_count; i++) {
        const struct breaker *b = &p->members[i]->breaker;

        if (i != at && is_open(p->members[i], now_us))
            worse += b->opened > own->opened || (b->opened == own->opened && i < at);
    }
    return worse + 1 <= most + 1e-9; /* a third of three is one */
}

/* ---- keys ----------------------------------------------------------------------------- */

static bool is_usable(const struct key *k, uint64_t now_us)
{
    return k->listed && !k->dropped && k->rest_until_us <= now_us;
}

/* The next by turns, if any is listed; POOL_KEYS: all rest, and *wait_us tells for how long. */
static size_t next_key(struct pool *p, uint64_t now_us, uint64_t *wait_us)
{
    uint64_t earliest_us = UINT64_MAX;
    size_t any = POOL_KEYS;

    for (size_t i = 0; i < p->key_count; i++) {
        size_t at = (p->next_key + i) % p->key_count;
        const struct key *k = &p->keys[at];

        if (is_usable(k, now_us)) {
            p->next_key = at + 1;
            return at;
        }
        if (k->listed && !k->dropped && k->rest_until_us < earliest_us)
            earliest_us = k->rest_until_us;
        if (k->listed && any == POOL_KEYS)
            any = at;
    }
    if (earliest_us == UINT64_MAX)
        return any; /* all have been refused: nothing is lost by asking again */
    *wait_us = earliest_us - now_us;
    return POOL_KEYS;
}

/* ---- candidates ------------------------------------------------------------------------- */

struct field {
    struct candidate candidates[POOL_ENDPOINTS];
    struct member *members[POOL_ENDPOINTS];
    size_t count;
    bool some_full;
    uint64_t rest_us; /* the shortest of those who rest; UINT64_MAX: nobody does */
};

static void add(struct field *f, const struct pool *p, struct member *m, double part,
                uint64_t now_us)
{
    bool fresh = now_us - m->latency_at_us < LATENCY_FORGOTTEN_US;

    f->candidates[f->count] = (struct candidate){
        .id = m->id,
        .weight = part * m->weight * breaker_share(&m->breaker, &p->settings.breaker, now_us),
        .in_flight = m->in_flight,
        .latency_s = fresh ? m->latency_s : 0,
        .credit = &m->credit,
    };
    f->members[f->count++] = m;
}

static void gather(struct field *f, const struct pool *p, uint64_t tried, uint64_t now_us)
{
    bool ill_too = are_all_ill(p, now_us);

    f->count = 0;
    f->some_full = false;
    f->rest_us = UINT64_MAX;
    for (size_t i = 0; i < p->member_count; i++) {
        struct member *m = p->members[i];

        if (tried & endpoint_bit(&m->endpoint))
            continue;
        if (m->rest_until_us > now_us) {
            if (m->rest_until_us - now_us < f->rest_us)
                f->rest_us = m->rest_until_us - now_us;
        } else if (!ill_too && (m->down || (is_open(m, now_us) && is_ejected(p, i, now_us)))) {
            continue;
        } else if (is_full(p, m)) {
            f->some_full = true;
        } else {
            add(f, p, m, !ill_too && is_open(m, now_us) ? OPEN_PART : 1, now_us);
        }
    }
}

static void hold(struct pool *p, struct member *m, size_t key, uint64_t now_us,
                 struct permit *out)
{
    *out = (struct permit){ .pool = pool_ref(p),
                            .endpoint = endpoint_ref(&m->endpoint),
                            .auth = key < POOL_KEYS ? p->keys[key].line : NULL,
                            .key = (unsigned)key,
                            .trial = m->breaker.state != BREAKER_CLOSED &&
                                     breaker_allows(&m->breaker, now_us),
                            .wakes = p->starting.on,
                            .doubted = m->beaten >= POOL_DOUBTS,
                            .since_us = now_us };
    m->in_flight++;
    if (out->wakes)
        p->starting.trying = true;
    if (out->trial)
        (void)breaker_note(&m->breaker, &p->settings.breaker, BREAKER_TRIAL, now_us, 0);
}

/* Second calls and calls made again are what the budgets are a share for, not of. */
static void count_call(struct pool *p, const struct permit_wish *w, uint64_t now_us)
{
    if (w->never_waits || w->again || w->tried)
        return;
    budget_call(&p->retries, now_us);
    budget_call(&p->hedges, now_us);
}

/* Whose time is nearly up does not sit out a long pause, only as short a one as the first. */
static bool has_last_chance(const struct pool *p, const struct permit_wish *w, uint64_t now_us)
{
    uint64_t tried_us = p->starting.next_us - p->starting.pause_us;

    return w->start_by_us > 0 && now_us + LAST_CHANCE_US >= w->start_by_us &&
           now_us >= tried_us + POOL_START_PAUSE_US;
}

/* Nobody is there yet: one at a time finds out whether that has changed. */
static enum permit_answer wake(struct pool *p, const struct permit_wish *w, uint64_t now_us,
                               uint64_t *wait_us)
{
    if (now_us - p->starting.since_us > p->settings.cold_start_us) {
        p->starting.on = false;
        p->starting.spent = true; /* it is down, not starting */
        return PERMIT_HELD;
    }
    if (p->starting.trying)
        return PERMIT_WAITS;
    if (p->starting.next_us <= now_us || has_last_chance(p, w, now_us))
        return PERMIT_HELD;
    if (w->start_by_us > now_us)
        return PERMIT_WAITS;
    *wait_us = p->starting.next_us - now_us;
    return PERMIT_LATER;
}

enum permit_answer choice_make(struct pool *p, const struct permit_wish *w, uint64_t now_us,
                               struct permit *out, uint64_t *wait_us)
{
    struct field f;
    enum permit_answer awake = p->starting.on ? wake(p, w, now_us, wait_us) : PERMIT_HELD;
    size_t key = POOL_KEYS, at;

    if (awake != PERMIT_HELD)
        return awake;
    /*
     * Whoever was not there yet has not seen this request: it may be tried again, but not beside
     * the very call that still waits for it.
     */
    gather(&f, p, p->starting.on && !w->never_waits ? 0 : w->tried, now_us);
    if (f.count == 0 && f.some_full)
        return PERMIT_WAITS;
    if (f.count == 0 && f.rest_us != UINT64_MAX) {
        *wait_us = f.rest_us;
        return PERMIT_LATER;
    }
    if (f.count == 0)
        return PERMIT_NONE;
    if (pool_listed_keys(p) > 0) {
        key = next_key(p, now_us, wait_us);
        if (key == POOL_KEYS)
            return PERMIT_LATER;
    }
    at = balance_choose(p->settings.balance, f.candidates, f.count, w->system_hash,
                        w->dialog_hash, &p->turns);
    hold(p, f.members[at], key, now_us, out);
    count_call(p, w, now_us);
    return PERMIT_HELD;
}
