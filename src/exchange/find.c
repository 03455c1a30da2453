/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Is there an answer, or is it on its way? The steps of an exchange before it asks an upstream.
 *
 *     join ─> look_up ─> route          join     in this process one exchange leads a question,
 *      │        │ ^                              the rest follow it and hear how it ends
 *      │        v │                     look_up  who leads asks Redis, and in the same round
 *      │       await                             trip takes the question's lease in the fleet
 *      v        │                       await    another gateway has the lease: until it lands
 *     replay <──┘                       replay   from what was kept, or shared
 *
 * To await is others.c's, as is all that other gateways have to do with a question. Whoever leads
 * lands its flight, and gives back its lease, in find_land: at its end, or earlier, when a stale
 * answer is served and a background refresh takes the question over.
 */

#include "weir/base/clock.h"
#include "weir/base/ensure.h"
#include "weir/dialect/replay.h"
#include "weir/exchange/recall.h"
#include "weir/exchange/refresh.h"

#include "keep.h"
#include "steps.h"
#include "tell.h"
#include "valid.h"

#include <string.h>

enum { FOLLOW_BYTES = 64 << 10 };

/* ---- join: is somebody in this process asking the same right now? ----------------------- */

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

/* RFC 5861, 3: does this client take what is stale at once, while it is renewed? */
static bool may_serve_and_renew(const struct exchange *x)
{
    return x->model->cache.revalidate && !x->ask.refresh && x->ask.cache.max_age_s < 0 &&
           !x->ask.cache.only_if_cached && degrade_takes_stale(x, x->stale);
}

static enum step serve_stale(struct exchange *x)
{
    x->answer = steal(&x->stale);
    x->stale_why = STALE_REVALIDATE;
    x->word = WORD_STALE;
    return REPLAY;
}

/* Somebody did without the answer; whether this one does is its own wish. */
static enum step land_on_stale(struct exchange *x)
{
    entry_unref(x->stale);
    x->stale = steal(&x->answer);
    x->word = WORD_MISS;
    if (may_serve_and_renew(x))
        return serve_stale(x);
    x->refusal = ERR_FLIGHT_FAILED;
    return exchange_give_up(x, x->refusal);
}

/* Asking the same again would bring the same. */
static bool is_refusal(enum err err)
{
    return err == ERR_UPSTREAM_REFUSED || err == ERR_UPSTREAM_INVALID;
}

/* An upstream may refuse what is asked; or what it answers is refused, which others may mend. */
static enum step take_refusal(struct exchange *x)
{
    x->refused = steal(&x->seat.answer);
    if (x->seat.err != ERR_UPSTREAM_INVALID)
        return exchange_fail(x, x->seat.err);
    valid_take_report(x, x->refused->facts.body);
    return exchange_give_up(x, x->seat.err);
}

/* Two have tried by now, each with all its routes and attempts. */
static enum step take_failure(struct exchange *x)
{
    x->refused = steal(&x->seat.answer);
    choose_note_wait(x, keep_wait_ms(x->refused));
    x->refusal = x->seat.err;
    return exchange_give_up(x, x->refusal);
}

/* The leader was refused, and so is who sent the same bytes; another spelling asks for itself. */
static enum step land_on_refusal(struct exchange *x)
{
    bool rejoins = !x->rejoined;
    struct digest raw;

    recall_digest(&x->ask, &raw);
    if (memcmp(&raw, &x->seat.answer->facts.key, sizeof(raw)) == 0)
        return take_refusal(x);
    entry_unref(x->seat.answer);
    x->seat.answer = NULL;
    x->word = WORD_MISS;
    x->rejoined = true;
    return rejoins ? JOIN : ROUTE;
}

bool find_is_common(enum err err)
{
    return err_worth_retry(err) && err != ERR_QUEUE_FULL && err != ERR_LEADER_LOST &&
           err != ERR_TOO_LONG;
}

/* What was kept before this one asked is a hit, whoever found it. */
static enum step land_on_answer(struct exchange *x)
{
    x->degraded = (enum degraded)x->answer->facts.degraded;
    if (x->answer->facts.created_ms < x->joined_ms && !x->degraded) {
        x->word = WORD_HIT;
        x->tier = CACHE_REDIS;
        if (!recall_is_usable(x->answer, &x->ask.cache, clock_wall_ms())) {
            entry_unref(x->stale);
            x->stale = steal(&x->answer);
            x->word = WORD_MISS;
            x->rejoined = true;
            return JOIN;
        }
    }
    return REPLAY;
}

/* Not the upstream's fault that the stream of another came to an end here. */
static bool is_ours(enum err err)
{
    return err == ERR_LEADER_LOST || err == ERR_TOO_LONG;
}

static enum step landed(struct exchange *x)
{
    if (x->seat.err && x->seat.answer && !x->committed)
        return is_refusal(x->seat.err) ? land_on_refusal(x) : take_failure(x);
    x->answer = steal(&x->seat.answer);
    if (x->answer && !x->committed && entry_ttl_ms(x->answer, clock_wall_ms()) <= 0)
        return land_on_stale(x);
    if (x->seat.err == OK && x->committed)
        return SETTLE;
    if (x->seat.err == OK)
        return x->answer ? land_on_answer(x) : JOIN;
    if (x->committed)
        return exchange_fail(x, is_ours(x->seat.err) ? x->seat.err : ERR_UPSTREAM_TRUNCATED);
    if (x->rejoined)
        return exchange_give_up(x, ERR_FLIGHT_FAILED);
    x->rejoined = true;
    return JOIN;
}

/* The last of those who followed has left. */
static void stay_alone(struct exchange *x)
{
    if (x->deserted)
        exchange_desert(x);
    else if (x->paused)
        exchange_pause(x);
}

static void on_news(struct flight_seat *s)
{
    struct exchange *x = container_of(s, struct exchange, seat);

    switch (s->state) {
    case FLIGHT_FOLLOWS: follow(x); break;
    case FLIGHT_PROMOTED:
        s->state = FLIGHT_LEADS;
        x->let_down = find_is_common(s->err);
        x->word = WORD_MISS;
        exchange_go(x, LOOK_UP);
        break;
    case FLIGHT_LANDED:
        follow(x);
        if (!x->paused)
            exchange_go(x, landed(x));
        break;
    case FLIGHT_LEADS:
        if (!flight_has_followers(s))
            stay_alone(x);
        break;
    case FLIGHT_NONE: break;
    }
}

void find_resume(struct exchange *x)
{
    on_news(&x->seat);
}

void find_name_flight(const struct exchange *x, struct digest *out)
{
    digest_start();
    digest_add((struct str){ (const char *)x->print.key.bytes, DIGEST_BYTES });
    digest_add_u64(recall_facts(&x->request));
    digest_end(out);
}

static bool is_in_memory(struct exchange *x)
{
    struct entry *entry = cache_peek(&x->kit->cache, &x->print.key);

    if (!entry || !recall_is_usable(entry, &x->ask.cache, clock_wall_ms())) {
        entry_unref(entry);
        return false;
    }
    x->answer = entry;
    x->tier = CACHE_MEMORY;
    return true;
}

enum step find_join(struct exchange *x)
{
    struct digest key;

    if (!x->ask.refresh && is_in_memory(x))
        return REPLAY;
    find_name_flight(x, &key);
    if (x->joined_ms == 0)
        x->joined_ms = clock_wall_ms();
    if (flight_join(x->kit->flights, &key, x->kit->loop, &x->seat, on_news) == FLIGHT_LEADS)
        return LOOK_UP;
    if (x->ask.refresh) {
        x->why_not = "somebody is asking already";
        return SETTLE;
    }
    if (x->model->cache.revalidate && x->looked_us == 0) {
        flight_leave(&x->seat); /* what is stale need not wait for what is being made */
        return LOOK_UP;
    }
    x->word = WORD_COALESCED;
    flight_wants_log(&x->seat, x->request.stream);
    return WAIT;
}

void find_stop_join(struct exchange *x)
{
    flight_leave(&x->seat);
    exchange_turn(x);
}

/* ---- look_up: has this been answered before, and may we be the ones who ask? ------------- */

static enum step serve_and_renew(struct exchange *x)
{
    bool leads = x->seat.state == FLIGHT_LEADS;
    enum step next = serve_stale(x);

    find_land(x); /* the refresh leads from here on */
    if (leads)
        (void)refresh_start(x->kit, &x->ask, x->answer, REFRESH_STALE);
    return next;
}

static enum step found_nothing(struct exchange *x)
{
    if (x->ask.cache.only_if_cached)
        return exchange_fail(x, ERR_ONLY_IF_CACHED);
    if (x->stale && may_serve_and_renew(x))
        return serve_and_renew(x);
    if (x->seat.state != FLIGHT_LEADS)
        return JOIN;
    if (x->lookup.lease == LEASE_NONE && x->kit->fleet)
        fleet_alone(x->kit->fleet);
    if (x->lookup.lease != LEASE_OTHERS)
        return ROUTE;
    if (!x->ask.refresh)
        return AWAIT;
    x->why_not = "another gateway is asking already";
    return SETTLE;
}

/* Whoever was given the lease leads, whatever else was found: settle gives it back. */
static void lead_fleet(struct exchange *x)
{
    struct digest flight;

    if (x->lookup.lease != LEASE_OURS)
        return;
    find_name_flight(x, &flight);
    fleet_lead(x->kit->fleet, &x->fleet, &flight);
}

static enum step found(struct exchange *x, struct entry *entry, enum cache_tier tier)
{
    bool usable = entry && recall_is_usable(entry, &x->ask.cache, clock_wall_ms());

    x->cache_us += loop_now_us(x->kit->loop) - x->looked_us;
    x->tier = tier;
    lead_fleet(x);
    if (usable && x->ask.refresh && entry->facts.created_ms > x->ask.renews_ms) {
        x->answer = entry; /* another gateway has renewed it */
        return SETTLE;
    }
    if (usable && !x->ask.refresh) {
        x->answer = entry;
        if (x->awaited)
            x->word = WORD_COALESCED;
        return REPLAY;
    }
    entry_unref(x->stale);
    x->stale = entry;
    return found_nothing(x);
}

static void on_looked_up(struct cache_lookup *op, struct entry *entry, enum cache_tier tier)
{
    struct exchange *x = container_of(op, struct exchange, lookup);

    if (x->err) {
        entry_unref(x->stale);
        x->stale = entry;
        lead_fleet(x); /* only to give it back */
        exchange_go(x, exchange_ended(x));
        return;
    }
    exchange_go(x, found(x, entry, tier));
}

/* What a lease is taken for: an answer that this client would take. */
static uint64_t oldest_of_use_ms(const struct exchange *x)
{
    uint64_t now_ms = clock_wall_ms();
    uint64_t most_ms = x->ask.cache.max_age_s < 0 ? now_ms
                                                  : (uint64_t)x->ask.cache.max_age_s * 1000;
    uint64_t oldest_ms = most_ms < now_ms ? now_ms - most_ms : 0;

    return x->ask.refresh && x->ask.renews_ms >= oldest_ms ? x->ask.renews_ms + 1 : oldest_ms;
}

enum step find_look_up(struct exchange *x)
{
    struct entry_facts asked = {
        .key = x->print.key,
        .endpoint = x->ask.endpoint,
        .scope = keep_scope(x->model, &x->ask),
        .model = x->request.model,
    };
    bool wishes = x->kit->fleet && x->seat.state == FLIGHT_LEADS;
    struct lease_wish wish = { 0 };
    struct digest flight;

    x->looked_us = loop_now_us(x->kit->loop);
    if (wishes) {
        find_name_flight(x, &flight);
        wish = fleet_wish(x->kit->fleet, &flight);
        wish.not_before_ms = oldest_of_use_ms(x);
    }
    cache_look_up(&x->kit->cache, &x->lookup, &asked, wishes ? &wish : NULL, on_looked_up);
    return WAIT;
}

void find_stop_look_up(struct exchange *x)
{
    cache_lookup_cancel(&x->lookup);
}

/* ---- replay: from what was kept --------------------------------------------------------- */

void find_remember(const struct exchange *x)
{
    uint8_t segments[SEGMENT_MOST] = { 0 };
    struct digest raw;

    if (!x->kit->cache.memory || x->idempotent)
        return;
    recall_digest(&x->ask, &raw);
    recall_put_segments(x->model, &x->ask, x->ask.body, segments);
    memory_alias(x->kit->cache.memory, &raw, &x->print.key,
                 recall_facts(&x->request) | recall_pack(segments));
}

/* No faithful stream can be made of it: asked anew, it comes as one. */
static enum step ask_anew(struct exchange *x)
{
    entry_unref(x->answer);
    x->answer = NULL;
    x->word = WORD_BYPASS;
    x->degraded = DEGRADED_NOT;
    if (x->ask.cache.only_if_cached)
        return exchange_fail(x, ERR_ONLY_IF_CACHED);
    return x->refusal ? exchange_fail(x, x->refusal) : ROUTE;
}

enum step find_replay(struct exchange *x)
{
    struct buf events = { 0 };

    ensure(x->answer);
    if (x->word != WORD_COALESCED && !x->degraded)
        x->word = entry_ttl_ms(x->answer, clock_wall_ms()) > 0 ? WORD_HIT : WORD_STALE;
    if (x->word == WORD_STALE)
        x->degraded = DEGRADED_STALE;
    if (!x->request.stream) {
        tell_whole(x, x->answer->facts.body);
    } else {
        if (replay_events(x->ask.endpoint, x->answer->facts.body, x->request.include_usage,
                          &events) != OK) {
            buf_deinit(&events);
            return ask_anew(x);
        }
        tell_bytes(x, buf_str(&events));
        buf_deinit(&events);
    }
    if (x->word == WORD_HIT) {
        find_remember(x);
        if (!x->idempotent && refresh_is_ours(x->answer))
            (void)refresh_start(x->kit, &x->ask, x->answer, REFRESH_EARLY);
    }
    return SETTLE;
}

/* ---- landing ------------------------------------------------------------------------------ */

/*
 * Those who follow are told of a refusal only if they sent the same bytes. When a second one has
 * failed in a row, that is everybody's: they need not find it out one after the other.
 */
static void note_failure(struct exchange *x)
{
    bool is_invalid = x->err == ERR_UPSTREAM_INVALID && !x->violations;

    if (!x->err || x->refused || !flight_has_followers(&x->seat))
        return;
    if (is_refusal(x->err) && !is_invalid) {
        if (call_lead(x))
            x->refused = keep_refusal(x);
    } else if (x->let_down && !is_refusal(x->err) && find_is_common(x->err)) {
        x->refused = keep_failure(x);
    }
}

void find_land(struct exchange *x)
{
    others_land(x);
    if (x->seat.state != FLIGHT_LEADS)
        return;
    note_failure(x);
    flight_land(&x->seat, x->err, x->err ? x->refused : x->answer);
}
