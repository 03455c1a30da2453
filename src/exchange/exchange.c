/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The life of one exchange. Read this file first.
 *
 *     born ─> decode ─> look_up ─> join ─> route ─> call ─> settle
 *                │         │        │        ^        │        ^
 *                │         │        │        └────────┘        │  from anywhere,
 *                │         └────────┴──> replay ───────────────┤  on failure
 *                │                         ^  degrade <─ route, call, join
 *                └─────────────> route     └─────┘
 *
 * A step is a function that does one thing and returns the step after it, or WAIT when it has
 * started something. What it started ends in exactly one callback, which stands right above the
 * step, notes what came, and goes on. So the file reads in the order of time. (recall.c answers
 * before any of this what was answered before.)
 *
 * What holds throughout
 *   - At most one operation is under way, and the current step says which.
 *   - No operation calls back from inside the call that starts it or calls it off.
 *   - `err` is written once, by the first failure. degrade may take it back; settle acts on it.
 *   - Once `committed`, the client has seen bytes: there is no second attempt.
 *   - Who leads a flight lands it, once, in settle; whoever follows leaves it or hears of it.
 */

#include "life.h"

#include "weir/base/clock.h"
#include "weir/base/ensure.h"
#include "weir/base/metric.h"
#include "weir/dialect/replay.h"
#include "weir/exchange/account.h"
#include "weir/exchange/recall.h"

#include <stdio.h>

/* Splices, unescaped names, the canonical form: a body's worth of each and some change. */
enum { ARENA_FIXED_BYTES = 1 << 20, ARENA_PER_BODY = 4, FOLLOW_BYTES = 64 << 10 };

enum step { BORN, DECODE, LOOK_UP, JOIN, REPLAY, ROUTE, CALL, DEGRADE, SETTLE, WAIT };

typedef enum step step_fn(struct exchange *x);
typedef void stop_fn(struct exchange *x);

static step_fn decode, look_up, join, replay, route, call, degrade, settle;
static stop_fn stop_look_up, stop_join, stop_call;

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
    [BORN]    = { "born",    NULL,    NULL,         TO(DECODE) | TO(SETTLE) },
    [DECODE]  = { "decode",  decode,  NULL,         TO(LOOK_UP) | TO(ROUTE) | TO(SETTLE) },
    [LOOK_UP] = { "look_up", look_up, stop_look_up, TO(REPLAY) | TO(JOIN) | TO(SETTLE) },
    [JOIN]    = { "join",    join,    stop_join,    TO(REPLAY) | TO(JOIN) | TO(ROUTE) | TO(DEGRADE) | TO(SETTLE) },
    [REPLAY]  = { "replay",  replay,  NULL,         TO(ROUTE) | TO(SETTLE) },
    [ROUTE]   = { "route",   route,   NULL,         TO(CALL) | TO(DEGRADE) },
    [CALL]    = { "call",    call,    stop_call,    TO(CALL) | TO(ROUTE) | TO(DEGRADE) | TO(SETTLE) },
    [DEGRADE] = { "degrade", degrade, NULL,         TO(REPLAY) | TO(SETTLE) },
    [SETTLE]  = { "settle",  settle,  NULL,         0 },
};

/* clang-format on */

/* The only loop. settle() frees the exchange, so nothing is touched after it. */
static void go(struct exchange *x, enum step next)
{
    while (next != WAIT) {
        trail_move(&x->trail, steps[x->trail.at].next, next);
        next = steps[next].run(x);
    }
}

static enum step fail(struct exchange *x, enum err err)
{
    if (x->err == OK)
        x->err = err;
    return SETTLE;
}

/* The upstreams have failed; something less than what was asked for may still serve. */
static enum step give_up(struct exchange *x, enum err err)
{
    (void)fail(x, err);
    return DEGRADE;
}

/* All has been said and shown; only the connection is not quiet yet. */
static bool lingers(const struct exchange *x)
{
    return x->trail.at == CALL && x->attempt.phase == PHASE_LINGER;
}

static void call_off(struct exchange *x, enum err err)
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

    go(x, x->err ? SETTLE : DECODE);
}

static void on_deadline(struct timer *t)
{
    call_off(container_of(t, struct exchange, deadline), ERR_DEADLINE);
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
    x->ask.plan = plan_ref(ask->plan);
    trail_start(&x->trail, BORN);
    buf_init(&x->held, EXCHANGE_HELD_BYTES);
    timer_init(&x->deadline, kit->loop, on_deadline);
    link_before(&kit->running, &x->running);
    metric_add(loop_shard(kit->loop), METRIC_IN_FLIGHT, 1, NULL);
    loop_defer(kit->loop, &x->turn, on_turn);
    return x;
}

/* ---- decode: what is asked, of which model, and may its answer be kept? --------------- */

static uint64_t shorter(uint64_t limit_us, uint64_t wish_us)
{
    return wish_us > 0 && wish_us < limit_us ? wish_us : limit_us;
}

void exchange_set_deadline(struct exchange *x)
{
    uint64_t limit_us = shorter(x->model->deadline_us, x->ask.timeout_us);
    uint64_t spent_us = loop_now_us(x->kit->loop) - x->ask.began_us;

    if (!x->committed)
        limit_us = shorter(limit_us, x->ask.patience_us);
    timer_arm(&x->deadline, limit_us > spent_us ? limit_us - spent_us : 1);
}

static enum step decode(struct exchange *x)
{
    const struct ask *ask = &x->ask;
    struct fingerprint_parts parts;
    enum err err;

    err = request_decode(&x->request, ask->endpoint, ask->path_model, ask->body, &x->arena,
                         &x->fault);
    if (err)
        return fail(x, err);
    x->model = plan_model(ask->plan, x->request.model);
    if (!x->model || !tenant_may_ask(ask->tenant, x->request.model))
        return fail(x, ERR_NO_MODEL);
    exchange_set_deadline(x);

    parts = (struct fingerprint_parts){
        .scope = keep_scope(x->model, ask),
        .plan = x->model->text,
        .headers = ask->key_headers,
    };
    if (x->model->cache.when != CACHE_NEVER) {
        err = fingerprint_of(&x->print, &x->request, &parts, &x->arena);
        if (err)
            return fail(x, err);
    }
    x->may_keep = keep_allows(x->model, ask, &x->request, &x->print, &x->why_not);
    if (!x->may_keep)
        return ask->cache.only_if_cached ? fail(x, ERR_ONLY_IF_CACHED) : ROUTE;
    x->word = ask->cache.no_cache ? WORD_BYPASS : WORD_MISS;
    if (ask->cache.no_cache)
        return ask->cache.only_if_cached ? fail(x, ERR_ONLY_IF_CACHED) : ROUTE;
    return LOOK_UP;
}

/* ---- look_up: has this been answered before? ------------------------------------------ */

static enum step found(struct exchange *x, struct entry *entry, enum cache_tier tier)
{
    x->cache_us = loop_now_us(x->kit->loop) - x->looked_us;
    if (entry && recall_is_usable(entry, &x->ask.cache, clock_wall_ms())) {
        x->answer = entry;
        x->tier = tier;
        return REPLAY;
    }
    x->stale = entry;
    x->tier = tier;
    return x->ask.cache.only_if_cached ? fail(x, ERR_ONLY_IF_CACHED) : JOIN;
}

static void on_looked_up(struct cache_lookup *op, struct entry *entry, enum cache_tier tier)
{
    struct exchange *x = container_of(op, struct exchange, lookup);

    if (x->err) {
        entry_unref(entry);
        go(x, SETTLE);
        return;
    }
    go(x, found(x, entry, tier));
}

static enum step look_up(struct exchange *x)
{
    struct entry_facts asked = {
        .key = x->print.key,
        .endpoint = x->ask.endpoint,
        .scope = keep_scope(x->model, &x->ask),
        .model = x->request.model,
    };
    struct entry *entry;

    x->looked_us = loop_now_us(x->kit->loop);
    entry = cache_peek(&x->kit->cache, &x->print.key);
    if (entry)
        return found(x, entry, CACHE_MEMORY);
    cache_look_up(&x->kit->cache, &x->lookup, &asked, on_looked_up);
    return WAIT;
}

static void stop_look_up(struct exchange *x)
{
    cache_lookup_cancel(&x->lookup);
}

/* ---- join: is somebody asking the same right now? -------------------------------------- */

/* Passes on what the leader's stream has brought, as far as the client takes it. */
static void follow(struct exchange *x)
{
    struct buf bytes = { 0 };

    while (!x->paused && flight_read(&x->seat, &bytes, FOLLOW_BYTES) > 0) {
        tell_bytes(x, buf_str(&bytes));
        buf_reset(&bytes);
    }
    buf_deinit(&bytes);
}

/* The leader took something stale rather than an error; whether this one does is its own wish. */
static enum step land_on_stale(struct exchange *x)
{
    entry_unref(x->stale);
    x->stale = steal(&x->answer);
    x->word = WORD_MISS;
    x->refusal = ERR_FLIGHT_FAILED;
    return give_up(x, x->refusal);
}

/* The leader was refused, and so is who sent the same bytes; another spelling asks for itself. */
static enum step land_on_refusal(struct exchange *x)
{
    bool rejoins = !x->rejoined;
    struct digest raw;

    recall_digest(&x->ask, &raw);
    if (memcmp(&raw, &x->seat.answer->facts.key, sizeof(raw)) == 0) {
        x->refused = steal(&x->seat.answer);
        return fail(x, x->seat.err);
    }
    entry_unref(x->seat.answer);
    x->seat.answer = NULL;
    x->word = WORD_MISS;
    x->rejoined = true;
    return rejoins ? JOIN : ROUTE;
}

static enum step landed(struct exchange *x)
{
    if (x->seat.err && x->seat.answer)
        return land_on_refusal(x);
    x->answer = steal(&x->seat.answer);
    if (x->answer && !x->committed && entry_ttl_ms(x->answer, clock_wall_ms()) <= 0)
        return land_on_stale(x);
    if (x->seat.err == OK)
        return x->committed ? SETTLE : x->answer ? REPLAY : JOIN;
    if (x->committed)
        return fail(x, ERR_UPSTREAM_TRUNCATED);
    if (x->rejoined)
        return give_up(x, ERR_FLIGHT_FAILED);
    x->rejoined = true;
    return JOIN;
}

/* Does the call go on although its client has left, for whoever asks next? */
static bool runs_on(const struct exchange *x)
{
    return x->model && x->model->finish_on_disconnect && x->may_keep;
}

static void on_news(struct flight_seat *s)
{
    struct exchange *x = container_of(s, struct exchange, seat);

    switch (s->state) {
    case FLIGHT_FOLLOWS: follow(x); break;
    case FLIGHT_PROMOTED:
        s->state = FLIGHT_LEADS;
        x->word = WORD_MISS;
        go(x, ROUTE);
        break;
    case FLIGHT_LANDED:
        follow(x);
        if (!x->paused)
            go(x, landed(x));
        break;
    case FLIGHT_LEADS:
        if (flight_has_followers(s))
            break;
        if (x->deserted && !runs_on(x))
            call_off(x, ERR_CANCELLED);
        else if (x->paused && x->trail.at == CALL)
            attempt_pause(&x->attempt);
        break;
    case FLIGHT_NONE: break;
    }
}

/* Streams and plain answers fly apart, as do streams with and without usage. */
static void name_flight(const struct exchange *x, struct digest *out)
{
    digest_start();
    digest_add((struct str){ (const char *)x->print.key.bytes, DIGEST_BYTES });
    digest_add_u64(recall_facts(&x->request));
    digest_end(out);
}

/* Between its look-up and now another flight may have landed. */
static enum step lead(struct exchange *x)
{
    struct entry *entry = cache_peek(&x->kit->cache, &x->print.key);

    x->word = WORD_MISS;
    if (!entry || !recall_is_usable(entry, &x->ask.cache, clock_wall_ms())) {
        entry_unref(entry);
        return ROUTE;
    }
    x->answer = entry;
    x->tier = CACHE_MEMORY;
    return REPLAY;
}

static enum step join(struct exchange *x)
{
    struct digest key;

    name_flight(x, &key);
    if (flight_join(x->kit->flights, &key, x->kit->loop, &x->seat, on_news) == FLIGHT_LEADS)
        return lead(x);
    x->word = WORD_COALESCED;
    flight_wants_log(&x->seat, x->request.stream);
    return WAIT;
}

static void stop_join(struct exchange *x)
{
    flight_leave(&x->seat);
    loop_defer(x->kit->loop, &x->turn, on_turn);
}

/* ---- replay: from what was kept --------------------------------------------------------- */

/* The same bytes, asked again, are then answered without being parsed. */
static void remember(const struct exchange *x)
{
    struct digest raw;

    if (!x->kit->cache.memory)
        return;
    recall_digest(&x->ask, &raw);
    memory_alias(x->kit->cache.memory, &raw, &x->print.key, recall_facts(&x->request));
}

static enum step replay(struct exchange *x)
{
    struct buf events = { 0 };
    enum err err;

    ensure(x->answer);
    if (x->word != WORD_COALESCED)
        x->word = entry_ttl_ms(x->answer, clock_wall_ms()) > 0 ? WORD_HIT : WORD_STALE;
    if (!x->request.stream) {
        tell_whole(x, x->answer->facts.body);
    } else {
        err = replay_events(x->ask.endpoint, x->answer->facts.body, x->request.include_usage,
                            &events);
        if (err) {
            /* No faithful stream can be made of it: asked anew, it comes as one. */
            buf_deinit(&events);
            entry_unref(x->answer);
            x->answer = NULL;
            x->word = WORD_BYPASS;
            if (x->ask.cache.only_if_cached)
                return fail(x, ERR_ONLY_IF_CACHED);
            return x->refusal ? fail(x, x->refusal) : ROUTE;
        }
        tell_bytes(x, buf_str(&events));
        buf_deinit(&events);
    }
    if (x->word == WORD_HIT)
        remember(x);
    return SETTLE;
}

/* ---- route: who shall answer? ----------------------------------------------------------- */

static void next_route(struct exchange *x)
{
    x->route_at++;
    x->tried = 0;
}

static enum step route(struct exchange *x)
{
    const struct model *m = x->model;

    for (; x->route_at < m->route_count; next_route(x)) {
        struct upstream *u = m->routes[x->route_at].upstream;
        struct upstream_endpoint *next;

        if (x->calls >= m->max_attempts)
            break;
        if (!u->dialect->paths[x->ask.endpoint]) {
            x->refusal = x->refusal ? x->refusal : ERR_UNSUPPORTED;
            continue;
        }
        if (u->auth_missing) {
            x->refusal = x->refusal ? x->refusal : ERR_CONFIG;
            continue;
        }
        next = upstream_choose(u, x->tried);
        if (!next)
            continue;
        x->endpoint = next; /* who was asked last is told, also when nobody is left to ask */
        x->tried |= upstream_bit(u, next);
        return CALL;
    }
    if (!x->refusal)
        x->refusal = ERR_NO_ROUTE;
    return give_up(x, x->refusal);
}

/* ---- call: ask, and pass on what comes -------------------------------------------------- */

/* Nothing is shown before the first content, so that a failure before it can go elsewhere. */
static void hold(struct exchange *x, struct str bytes)
{
    if (x->committed || buf_add(&x->held, bytes) != OK) {
        tell_bytes(x, buf_str(&x->held));
        buf_reset(&x->held);
        tell_bytes(x, bytes);
    }
}

static void release(struct exchange *x)
{
    if (x->held.len > 0)
        tell_bytes(x, buf_str(&x->held));
    buf_deinit(&x->held);
}

static void on_delta(struct attempt *a, const struct delta *d)
{
    struct exchange *x = container_of(a, struct exchange, attempt);

    if (x->err)
        return;
    switch (d->kind) {
    case DELTA_USAGE:
        if (x->request.include_usage)
            hold(x, d->bytes);
        break;
    case DELTA_SILENT:
    case DELTA_DONE: hold(x, d->bytes); break;
    case DELTA_CONTENT:
    case DELTA_OPAQUE:
        release(x);
        tell_bytes(x, d->bytes);
        break;
    case DELTA_ERROR:
        if (x->committed && !x->deserted) {
            /* To this client alone: those who follow are told by their own exchanges. */
            x->sink->on_bytes(x->sink, d->bytes);
            x->told = true;
        }
        break;
    }
}

/* A plain answer to whoever asked for a stream, and the other way round, in the asked form. */
static void deliver(struct exchange *x)
{
    struct buf events = { 0 };
    struct attempt *a = &x->attempt;

    if (a->streamed) {
        release(x);
        if (!x->committed)
            tell_begin(x);
        return;
    }
    keep_headers(x);
    if (!x->request.stream)
        return; /* settle shows it, when it is known whether it is kept */
    if (replay_events(x->ask.endpoint, buf_str(&a->body), x->request.include_usage, &events) ==
        OK) {
        tell_bytes(x, buf_str(&events));
    } else {
        x->request.stream = false;
    }
    buf_deinit(&events);
}

/* Elsewhere in this pool, on the next route, or nowhere: see docs/decisions/failing-over.md. */
static enum step try_elsewhere(struct exchange *x, enum err err)
{
    const struct attempt *a = &x->attempt;
    const struct upstream *u = x->endpoint->upstream;
    bool was_sent = a->sent_any &&
                    (err == ERR_UPSTREAM_SILENT || err == ERR_UPSTREAM_TRUNCATED ||
                     err == ERR_UPSTREAM_UNREACHABLE);
    /* What no other endpoint of this upstream would answer better. */
    bool is_final = a->status == 401 || a->status == 403 || a->status == 404 ||
                    str_eq_nocase(attempt_header(a, "x-should-retry"), STR("false"));

    keep_headers(x);
    if (!err_worth_retry(err))
        return give_up(x, err);
    if (is_final || (was_sent && !u->retry_after_send))
        next_route(x);
    else if (was_sent && u->endpoint_count == 1)
        x->tried = 0; /* by its configuration, the same one may be asked again */
    buf_reset(&x->held);
    return ROUTE;
}

static void on_called(struct attempt *a, enum err err)
{
    struct exchange *x = container_of(a, struct exchange, attempt);

    x->refusal = err;
    x->upstream_us += a->ended_us - a->started_us;
    x->attempts += a->sent_any ? 1 : 0;
    if (x->err) {
        go(x, SETTLE);
    } else if (err == OK) {
        deliver(x);
        go(x, SETTLE);
    } else if (x->committed) {
        go(x, fail(x, err));
    } else if (a->fetch.stale && !x->fresh) {
        x->fresh = true;
        go(x, CALL);
    } else {
        x->fresh = false;
        go(x, try_elsewhere(x, err));
    }
}

static const struct attempt_events call_events = { on_delta, on_called };

static enum step call(struct exchange *x)
{
    const struct route *r = &x->model->routes[x->route_at];
    struct attempt_call c = {
        .endpoint = x->endpoint,
        .request = &x->request,
        .upstream_model = r->model.len > 0 ? r->model : x->request.model,
        .model = x->request.model,
        .headers = x->ask.headers,
        .arena = &x->arena,
        .keep = x->may_keep || x->model->prediction_count > 0,
        .fresh = x->fresh,
    };

    if (!x->fresh)
        x->calls++;
    attempt_deinit(&x->attempt);
    attempt_start(&x->attempt, &x->kit->upstream, &c, &call_events);
    if (x->paused)
        attempt_pause(&x->attempt);
    return WAIT;
}

static void stop_call(struct exchange *x)
{
    attempt_cancel(&x->attempt, x->err ? x->err : ERR_CANCELLED);
}

/* ---- degrade: a stale answer, if the caller takes one rather than an error (RFC 5861) ---- */

static enum step degrade(struct exchange *x)
{
    int64_t within_s = x->ask.cache.stale_if_error_s;
    int64_t late_s;

    if (x->committed || !x->stale || within_s < 0 || !err_worth_retry(x->err))
        return SETTLE;
    late_s = -entry_ttl_ms(x->stale, clock_wall_ms()) / 1000;
    if (late_s > within_s)
        return SETTLE;
    x->err = OK;
    x->answer = steal(&x->stale);
    x->passed = x->upstream_request_id = (struct str){ 0 }; /* those of a failed call */
    return REPLAY;
}

/* ---- settle: tell, account, give everything back ---------------------------------------- */

static void keep(struct exchange *x)
{
    struct answer *a = &x->attempt.tap.answer;
    bool wanted = x->seat.state == FLIGHT_LEADS && flight_has_followers(&x->seat);

    if (!x->may_keep || x->answer || (!a->storable && !wanted)) {
        x->why_not = x->why_not ? x->why_not : a->why_not;
        return;
    }
    x->answer = keep_entry(x, keep_plain_form(x));
    x->stored = x->answer && a->storable;
    if (!a->storable)
        x->why_not = a->why_not;
}

/* The steps that it went, for the row of a failure. */
static void put_trail(const struct exchange *x, char *out, size_t size)
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

static void land(struct exchange *x)
{
    if (x->err == ERR_UPSTREAM_REFUSED && flight_has_followers(&x->seat))
        x->refused = keep_refusal(x);
    flight_land(&x->seat, x->err, x->err ? x->refused : x->answer);
}

static enum step settle(struct exchange *x)
{
    struct arena arena;
    char trail[192];

    timer_disarm(&x->deadline);
    if (keep_is_answered(x))
        keep(x);
    if (x->stored) {
        /* Before the client has its answer: it may ask again at once. */
        x->stored = cache_store(&x->kit->cache, x->answer);
        if (x->stored)
            remember(x);
        else
            x->why_not = "no tier takes it: it is too large, or Redis is away";
    }
    if (x->seat.state == FLIGHT_LEADS)
        land(x); /* as well: asked again, it is a question of its own */
    if (keep_is_answered(x) && !x->request.stream)
        tell_whole(x, keep_plain_form(x));
    if (x->err && !x->deserted)
        tell_failure(x);
    put_trail(x, trail, sizeof(trail));
    books_close(x, x->err ? trail : NULL);

    if (!x->deserted)
        metric_add(loop_shard(x->kit->loop), METRIC_IN_FLIGHT, -1, NULL);
    link_out(&x->running);
    flight_leave(&x->seat);
    entry_unref(x->seat.answer); /* of one who left between the landing and hearing all of it */
    attempt_deinit(&x->attempt);
    buf_deinit(&x->held);
    entry_unref(x->answer);
    entry_unref(x->stale);
    entry_unref(x->refused);
    plan_unref(x->ask.plan);
    x->sink->on_end(x->sink);
    arena = x->arena; /* `x` lies in it */
    arena_deinit(&arena);
    return WAIT;
}

/* ---- what others may ask of an exchange ------------------------------------------------- */

void exchange_kit_init(struct exchange_kit *kit)
{
    link_init(&kit->running);
}

void exchange_kit_deinit(struct exchange_kit *kit)
{
    arena_pool_deinit(&kit->arenas);
}

void exchange_cancel(struct exchange *x)
{
    bool wanted = x->seat.state == FLIGHT_LEADS && flight_has_followers(&x->seat);

    if (!x->deserted)
        metric_add(loop_shard(x->kit->loop), METRIC_IN_FLIGHT, -1, NULL);
    x->deserted = true;
    if (x->paused) {
        x->paused = false;
        if (x->trail.at == CALL)
            attempt_resume(&x->attempt);
    }
    if (!(x->trail.at == CALL && (wanted || runs_on(x))))
        call_off(x, ERR_CANCELLED);
}

void exchange_cancel_all(struct exchange_kit *kit)
{
    for (struct link *l = kit->running.next; l != &kit->running; l = l->next)
        call_off(container_of(l, struct exchange, running), ERR_SHUTDOWN);
}

/*
 * A client that does not read does not hold up who follows it. What waits for it then is at
 * most what is on their tape.
 */
static bool goes_on_for_followers(const struct exchange *x)
{
    return x->seat.state == FLIGHT_LEADS && !x->tape_full && flight_has_followers(&x->seat);
}

void exchange_pause(struct exchange *x)
{
    x->paused = true;
    if (x->trail.at == CALL && !goes_on_for_followers(x))
        attempt_pause(&x->attempt);
}

void exchange_resume(struct exchange *x)
{
    x->paused = false;
    if (x->trail.at == CALL)
        attempt_resume(&x->attempt);
    else if (x->trail.at == JOIN)
        on_news(&x->seat);
}
