/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The life of one exchange. Read this file first.
 *
 *     born ─> decode ─> join ─> look_up ─> route ─> queue ─> call ─> settle
 *                │       │        │ │ ^      ^        │        │        ^
 *                │       │        │ v │      └ pause <┴────────┤        │
 *                │       │        │ await                      │        │
 *                │       └────────┴──> replay ─────────────────┼────────┤
 *                └───> route              ^                    v        │
 *                                         └──────────────── degrade ────┘
 *
 * A step is a function that does one thing and returns the step after it, or WAIT when it has
 * started something. What it started ends in exactly one callback, which stands right above the
 * step, notes what came, and goes on. The steps stand in the order of time: born and decode
 * here, then find.c (is there an answer, or is it on its way?) and others.c (from another
 * gateway?), choose.c (who is asked?), call.c (and what comes of it), degrade.c (what serves
 * when nobody answers), and settle here again. deadline.c says when it is too late. (recall.c
 * answers before any of this what was answered before.)
 *
 * What holds throughout
 *   - At most one operation is under way, and the current step says which.
 *   - No operation calls back from inside the call that starts it or calls it off.
 *   - `err` is written once, by the first failure. degrade may take it back; settle acts on it.
 *   - Once `committed`, the client has seen bytes: there is no second attempt.
 *   - Who leads a flight lands it, once, in find_land; whoever follows leaves it or hears of it.
 *   - A client is told once, and booked once, though the work may go on for the cache.
 */

#include "background.h"
#include "books.h"
#include "deadline.h"
#include "keep.h"
#include "steps.h"
#include "tell.h"
#include "valid.h"

#include "weir/base/clock.h"
#include "weir/base/ensure.h"
#include "weir/base/metric.h"
#include "weir/cache/backoff.h"
#include "weir/exchange/account.h"

#include <stdio.h>

/* Splices, unescaped names, the canonical form: a body's worth of each and some change. */
enum { ARENA_FIXED_BYTES = 1 << 20, ARENA_PER_BODY = 4 };

static step_fn decode, settle;

/* clang-format off */

/*
 * The table of contents: what each step does, how to call off what it waits for (its callback
 * still comes), and where it may lead.
 */
static const struct {
    const char *name;
    step_fn *run;
    stop_fn *stop;
    uint32_t next;
} steps[] = {
    [BORN]    = { "born",    NULL,         NULL,              TO(DECODE) | TO(SETTLE) },
    [DECODE]  = { "decode",  decode,       NULL,              TO(JOIN) | TO(LOOK_UP) | TO(ROUTE) | TO(SETTLE) },
    [JOIN]    = { "join",    find_join,    find_stop_join,    TO(LOOK_UP) | TO(REPLAY) | TO(JOIN) | TO(ROUTE) | TO(DEGRADE) | TO(SETTLE) },
    [LOOK_UP] = { "look_up", find_look_up, find_stop_look_up, TO(REPLAY) | TO(JOIN) | TO(AWAIT) | TO(ROUTE) | TO(DEGRADE) | TO(SETTLE) },
    [AWAIT]   = { "await",   others_await, others_stop_await, TO(LOOK_UP) | TO(ROUTE) | TO(DEGRADE) | TO(SETTLE) },
    [REPLAY]  = { "replay",  find_replay,  NULL,              TO(ROUTE) | TO(SETTLE) },
    [ROUTE]   = { "route",   choose_route,   NULL,              TO(QUEUE) | TO(CALL) | TO(PAUSE) | TO(DEGRADE) },
    [QUEUE]   = { "queue",   choose_queue,   choose_stop_queue,   TO(CALL) | TO(ROUTE) | TO(PAUSE) | TO(DEGRADE) | TO(SETTLE) },
    [CALL]    = { "call",    call_ask,     call_stop_ask,     TO(QUEUE) | TO(ROUTE) | TO(PAUSE) | TO(DEGRADE) | TO(SETTLE) },
    [PAUSE]   = { "pause",   choose_pause,   choose_stop_pause,   TO(ROUTE) | TO(DEGRADE) | TO(SETTLE) },
    [DEGRADE] = { "degrade", degrade_step, NULL,              TO(REPLAY) | TO(ROUTE) | TO(SETTLE) },
    [SETTLE]  = { "settle",  settle,       NULL,              0 },
};

/* clang-format on */

/* The only loop. settle() frees the exchange, so nothing is touched after it. */
void exchange_go(struct exchange *x, enum step next)
{
    while (next != WAIT) {
        trail_move(&x->trail, steps[x->trail.at].next, next);
        next = steps[next].run(x);
    }
}

enum step exchange_fail(struct exchange *x, enum err err)
{
    if (x->err == OK)
        x->err = err;
    return SETTLE;
}

enum step exchange_give_up(struct exchange *x, enum err err)
{
    (void)exchange_fail(x, err);
    return DEGRADE;
}

/* A deadline is a failure of the upstreams as others are, only that no time is left. */
enum step exchange_ended(const struct exchange *x)
{
    return x->err == ERR_DEADLINE && !x->committed ? DEGRADE : SETTLE;
}

/* All has been said and shown; only the connection is not quiet yet. */
static bool lingers(const struct exchange *x)
{
    const struct attempt *a = call_lead(x);

    return x->trail.at == CALL && a && a->phase == PHASE_LINGER;
}

void exchange_call_off(struct exchange *x, enum err err)
{
    if (x->err)
        return;
    if (!lingers(x))
        x->err = err;
    if (steps[x->trail.at].stop)
        steps[x->trail.at].stop(x);
}

/* ---- born ---------------------------------------------------------------------------- */

static void on_turn(struct deferred *d)
{
    struct exchange *x = container_of(d, struct exchange, turn);

    exchange_go(x, x->trail.at != BORN ? exchange_ended(x) : x->err ? SETTLE : DECODE);
}

void exchange_turn(struct exchange *x)
{
    loop_defer(x->kit->loop, &x->turn, on_turn);
}

struct exchange *exchange_start(struct exchange_kit *kit, const struct ask *ask,
                                struct exchange_sink *sink)
{
    struct arena arena;
    struct exchange *x;

    /* It lives in its own arena, as what it needs beside itself does. */
    arena_init_pooled(&arena, &kit->arenas, ARENA_FIXED_BYTES + ARENA_PER_BODY * ask->body.len);
    x = ARENA_NEW(&arena, struct exchange);
    ensure(x);
    x->arena = arena;
    x->kit = kit;
    x->ask = *ask;
    x->sink = sink;
    x->word = WORD_BYPASS;
    x->wait_ms = -1;
    x->ask.plan = plan_ref(ask->plan);
    x->deserted = ask->refresh != NULL;
    trail_start(&x->trail, BORN);
    deadline_init(x);
    link_before(&kit->running, &x->running);
    link_init(&x->background);
    exchange_turn(x);
    if (x->deserted)
        background_enter(x);
    else
        metric_add(loop_shard(kit->loop), METRIC_IN_FLIGHT, 1, NULL);
    return x;
}

/* ---- decode: what is asked, of which model, and may its answer be kept? --------------- */

/* Kept for a while for who sends the same again, since the caller has given it a name. */
static bool is_idempotent(const struct exchange *x)
{
    return x->ask.idempotency_key.len > 0 && x->model->idempotency_ms > 0 && !x->may_keep &&
           !x->ask.cache.no_store && !x->ask.refresh && x->model->cache.when != CACHE_NEVER;
}

static enum err identify(struct exchange *x)
{
    struct fingerprint_parts parts = {
        .scope = keep_scope(x->model, &x->ask),
        .plan = x->model->text,
        .headers = x->ask.key_headers,
    };
    enum err err = OK;

    if (x->model->cache.when != CACHE_NEVER)
        err = fingerprint_of(&x->print, &x->request, &parts, &x->arena);
    if (err)
        return err;
    x->may_keep = keep_allows(x->model, &x->ask, &x->request, &x->print, &x->why_not);
    x->fresh_ms = x->model->cache.ttl_ms;
    x->stale_ms = x->model->cache.stale_ms;
    x->idempotent = is_idempotent(x);
    if (x->idempotent) {
        keep_idempotent_key(&x->ask, &x->print.key);
        x->may_keep = true;
        x->why_not = NULL;
        x->fresh_ms = x->model->idempotency_ms;
        x->stale_ms = 0;
    }
    return OK;
}

static enum step decode(struct exchange *x)
{
    const struct ask *ask = &x->ask;
    enum err err;

    err = request_decode(&x->request, ask->endpoint, ask->path_model, ask->body, &x->arena,
                         &x->fault);
    if (err)
        return exchange_fail(x, err);
    x->model = plan_model(ask->plan, x->request.model);
    if (!x->model || !tenant_may_ask(ask->tenant, x->request.model))
        return exchange_fail(x, ERR_NO_MODEL);
    x->routes = x->model->routes;
    x->route_count = x->model->route_count;
    if (x->ask.priority == PRIORITY_COUNT)
        x->ask.priority = x->model->priority;
    deadline_watch(x);
    err = valid_request(x);
    if (err)
        return exchange_fail(x, err);
    err = identify(x);
    if (err)
        return exchange_fail(x, err);

    if (x->may_keep && !ask->cache.no_cache) {
        x->word = WORD_MISS;
        return ask->cache.only_if_cached ? LOOK_UP : JOIN;
    }
    if (ask->cache.only_if_cached)
        return exchange_fail(x, ERR_ONLY_IF_CACHED);
    return ROUTE;
}

/* ---- settle: tell, account, give everything back ---------------------------------------- */

static void keep(struct exchange *x)
{
    const struct answer *a = &call_lead(x)->tap.answer;
    bool wanted = x->seat.state == FLIGHT_LEADS && flight_has_followers(&x->seat);
    bool storable = !x->degraded && (a->storable || (x->idempotent && a->complete));

    if (!x->may_keep || x->answer || (!storable && !wanted)) {
        x->why_not = x->why_not ? x->why_not : a->why_not;
        return;
    }
    x->answer = keep_entry(x, keep_plain_form(x));
    x->stored = x->answer && storable;
    if (!storable)
        x->why_not = x->degraded ? "it is not of the model that was asked" : a->why_not;
}

/* Before the client has its answer: it may ask again at once. */
static void store(struct exchange *x)
{
    x->stored = cache_store(&x->kit->cache, x->answer);
    if (x->stored)
        find_remember(x);
    else
        x->why_not = "no tier takes it: it is too large, or Redis is away";
}

void exchange_put_trail(const struct exchange *x, char *out, size_t size)
{
    unsigned first = x->trail.moves >= TRAIL_LENGTH ? x->trail.moves - TRAIL_LENGTH + 1 : 0;
    size_t used = 0;

    out[0] = '\0';
    for (unsigned i = first; i <= x->trail.moves && used < size; i++) {
        int n = snprintf(out + used, size - used, "%s%s", i > first ? ">" : "",
                         steps[x->trail.past[i % TRAIL_LENGTH]].name);

        used += n > 0 ? (size_t)n : 0;
    }
}

static void free_exchange(struct exchange *x)
{
    struct arena arena;

    link_out(&x->running);
    background_leave(x);
    flight_leave(&x->seat);
    entry_unref(x->seat.answer); /* of one who left between the landing and hearing all of it */
    fleet_leave(&x->fleet);
    permit_leave(&x->permit);
    endpoint_unref(x->again);
    race_deinit(&x->race);
    entry_unref(x->answer);
    entry_unref(x->stale);
    entry_unref(x->unsure);
    entry_unref(x->refused);
    plan_unref(x->ask.plan);
    x->sink->on_end(x->sink);
    arena = x->arena; /* `x` lies in it */
    arena_deinit(&arena);
}

/* An answer that came and cannot be kept is no better than none: the next one will be the same. */
static void note_refresh(const struct exchange *x)
{
    if (x->stored)
        backoff_forget(x->kit->backoffs, &x->print.key);
    else if (x->err || call_attempts(x) > 0)
        backoff_fail(x->kit->backoffs, &x->print.key, clock_now_us());
}

static enum step settle(struct exchange *x)
{
    char trail[TRAIL_TEXT];

    deadline_stop(x);
    if (keep_is_answered(x))
        keep(x);
    if (x->stored)
        store(x);
    find_land(x); /* first: asked again, it is a question of its own */
    if (keep_is_answered(x) && !x->request.stream)
        tell_whole(x, keep_plain_form(x));
    if (x->err && !x->deserted)
        tell_failure(x);
    if (x->ask.refresh)
        note_refresh(x);
    exchange_put_trail(x, trail, sizeof(trail));
    books_close(x, x->err ? trail : NULL);
    if (!x->deserted)
        metric_add(loop_shard(x->kit->loop), METRIC_IN_FLIGHT, -1, NULL);
    free_exchange(x);
    return WAIT;
}

/* ---- what others may ask of an exchange ------------------------------------------------- */

void exchange_kit_init(struct exchange_kit *kit)
{
    link_init(&kit->running);
    link_init(&kit->background);
}

void exchange_kit_deinit(struct exchange_kit *kit)
{
    arena_pool_deinit(&kit->arenas);
}

/*
 * Does the work go on although nobody waits for it now, for whoever asks next? What still stands in
 * line, or follows another, has cost nothing yet and is nobody's loss.
 */
static bool runs_on(const struct exchange *x)
{
    if (x->ask.refresh)
        return true;
    if (!x->may_keep || (x->trail.at != CALL && x->trail.at != LOOK_UP))
        return false;
    return x->booked ||
           (x->trail.at == CALL && (x->model->finish_on_disconnect || keep_is_for_key(x)));
}

/* Those who follow keep its place in the queue, its call, or what another gateway sends. */
static bool works_for_followers(const struct exchange *x)
{
    bool works = x->trail.at == QUEUE || x->trail.at == CALL || x->trail.at == PAUSE ||
                 x->trail.at == AWAIT;

    return works && x->seat.state == FLIGHT_LEADS && flight_has_followers(&x->seat);
}

void exchange_desert(struct exchange *x)
{
    if (works_for_followers(x))
        return;
    if (runs_on(x))
        background_enter(x);
    else if (!others_may_follow(x))
        exchange_call_off(x, ERR_CANCELLED);
}

static void let_flow(struct exchange *x)
{
    if (x->trail.at == CALL)
        race_resume(&x->race);
    else if (x->trail.at == AWAIT)
        fleet_resume(&x->fleet);
}

void exchange_cancel(struct exchange *x)
{
    if (!x->deserted)
        metric_add(loop_shard(x->kit->loop), METRIC_IN_FLIGHT, -1, NULL);
    x->deserted = true;
    if (x->paused) {
        x->paused = false; /* it is in nobody's way any more */
        let_flow(x);
    }
    exchange_desert(x);
}

void exchange_cancel_all(struct exchange_kit *kit)
{
    for (struct link *l = kit->running.next; l != &kit->running; l = l->next)
        exchange_call_off(container_of(l, struct exchange, running), ERR_SHUTDOWN);
}

static void stand_still(struct exchange *x)
{
    if (x->trail.at == CALL)
        race_pause(&x->race);
    else if (x->trail.at == AWAIT)
        fleet_pause(&x->fleet);
}

/*
 * A client that does not read does not hold up who follows it, here or on another gateway. What
 * waits for it then is at most what is on their tape.
 */
static bool goes_on_for_followers(const struct exchange *x)
{
    bool here = x->seat.state == FLIGHT_LEADS && flight_has_followers(&x->seat);

    return here || (x->fleet.leads && x->followed && fleet_has_room(&x->fleet));
}

void exchange_flow(struct exchange *x)
{
    if (x->paused && !goes_on_for_followers(x))
        stand_still(x);
    else
        let_flow(x);
}

void exchange_pause(struct exchange *x)
{
    x->paused = true;
    others_look_out(x);
    if (!goes_on_for_followers(x))
        stand_still(x);
}

void exchange_resume(struct exchange *x)
{
    x->paused = false;
    others_look_away(x);
    let_flow(x);
    if (x->trail.at == JOIN)
        find_resume(x);
}
