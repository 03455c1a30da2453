/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One call, or two that race.
 *
 *     first ──────────────┬─> content: it leads, the other is cancelled
 *            └ hedge ─> second ┘
 *
 * What holds throughout
 *   - Until one shows content both are held back, each in its own buffer.
 *   - `lead` is who won; while nobody has, who was started first; and when both have failed, who
 *     may have been worked on, rather than merely seen, rather than never reached; else the last.
 *   - on_done comes when all calls are over, and never from inside a call of the owner's.
 */

#include "weir/upstream/race.h"

#include "weir/base/metric.h"

#include "head.h"

/* ---- who is who --------------------------------------------------------------------------- */

static bool is_second(const struct race *r, const struct attempt *a)
{
    return a == r->second;
}

static struct attempt *other_of(struct race *r, const struct attempt *a)
{
    return is_second(r, a) ? &r->first : r->second;
}

static bool runs(const struct attempt *a)
{
    return a && a->kit && a->phase != PHASE_OVER;
}

static struct buf *held_of(struct race *r, const struct attempt *a)
{
    return is_second(r, a) ? &r->second_held : &r->held;
}

static void count(const struct race *r, const char *result)
{
    metric_add(loop_shard(r->kit->loop), METRIC_HEDGES, 1,
               METRIC_LABEL(str_of(r->call.first.upstream->name), str_of(result)));
}

/* ---- winning --------------------------------------------------------------------------------- */

/* How long this one may show nothing. */
static uint64_t delay_of(const struct race *r, const struct permit *permit)
{
    return r->hedge_us * (permit->doubted ? RACE_PATIENCE : 1);
}

/* Its pool is told only where it was slow itself, and not merely began later than the winner. */
static void call_off(const struct race *r, struct attempt *loser)
{
    uint64_t passed_us = loop_now_us(r->kit->loop) - loser->started_us;

    if (passed_us >= delay_of(r, &loser->call.permit))
        attempt_lose(loser);
    else
        attempt_cancel(loser, ERR_CANCELLED);
}

/* What it held back is the race's from here on. */
static void take_lead(struct race *r, struct attempt *a)
{
    r->won = true;
    r->lead = a;
    timer_disarm(&r->hedge);
    if (r->second)
        count(r, is_second(r, a) ? "won" : "lost");
    if (is_second(r, a)) {
        buf_deinit(&r->held);
        r->held = r->second_held;
        r->second_held = (struct buf){ 0 };
    }
}

static void win(struct race *r, struct attempt *a)
{
    struct attempt *other = other_of(r, a);

    if (r->won)
        return;
    take_lead(r, a);
    if (runs(other))
        call_off(r, other);
}

/* The request itself is no good: nobody works on it any longer, which is no loss to whoever did. */
static void win_by_refusal(struct race *r, struct attempt *a)
{
    struct attempt *other = other_of(r, a);

    if (r->won)
        return;
    take_lead(r, a);
    if (runs(other))
        attempt_cancel(other, ERR_CANCELLED);
}

static void pass(struct race *r, struct str bytes)
{
    if (bytes.len == 0)
        return;
    r->committed = true;
    r->events->on_bytes(r, bytes);
}

static void release(struct race *r)
{
    struct buf held = r->held;

    r->held = (struct buf){ 0 };
    pass(r, buf_str(&held));
    buf_deinit(&held);
}

/* Nothing is shown before the first content, so that a failure before it can go elsewhere. */
static void hold(struct race *r, struct attempt *a, struct str bytes)
{
    if (r->committed) {
        pass(r, bytes);
    } else if (buf_add(r->won ? &r->held : held_of(r, a), bytes) != OK) {
        if (r->call.hold_all) {
            r->overflown = r->overflown || r->won; /* though it may be whole for its upstream */
            attempt_cancel(a, ERR_UPSTREAM_MALFORMED);
            return;
        }
        win(r, a);
        release(r);
        pass(r, bytes);
    }
}

static void show(struct race *r, struct attempt *a, struct str bytes)
{
    if (r->call.hold_all) {
        win(r, a);
        hold(r, a, bytes);
        return;
    }
    win(r, a);
    if (!r->committed)
        release(r);
    pass(r, bytes);
}

static struct race *race_of(struct attempt *a);

static void on_delta(struct attempt *a, const struct delta *d)
{
    struct race *r = race_of(a);

    if (r->cancelled || (r->won && r->lead != a))
        return;
    switch (d->kind) {
    case DELTA_USAGE:
        if (r->call.wants_usage)
            hold(r, a, d->bytes);
        break;
    case DELTA_SILENT:
    case DELTA_DONE: hold(r, a, d->bytes); break;
    case DELTA_CONTENT:
    case DELTA_OPAQUE: show(r, a, d->bytes); break;
    case DELTA_ERROR:
        if (r->committed)
            r->events->on_error_event(r, d->bytes);
        break;
    }
}

/* ---- the end ----------------------------------------------------------------------------------- */

static void finish(struct race *r)
{
    timer_disarm(&r->hedge);
    permit_leave(&r->seat);
    r->ended_us = loop_now_us(r->kit->loop);
    r->events->on_done(r, r->err);
}

/* How much stands against asking again: it may have been worked on, or was at least seen. */
static int weight_of(const struct attempt *a, enum err err)
{
    bool lost = err == ERR_UPSTREAM_SILENT || err == ERR_UPSTREAM_TRUNCATED ||
                err == ERR_UPSTREAM_UNREACHABLE;

    return !a->sent_any || a->fetch.stale ? 0 : lost ? 2 : 1;
}

/* Of two that failed the weightier is told, else the last. */
static bool leads(const struct race *r, const struct attempt *a, enum err err)
{
    if (r->won || r->lead == a)
        return r->lead == a;
    return r->cancelled || r->err == OK || weight_of(a, err) >= weight_of(r->lead, r->err);
}

static void on_called(struct attempt *a, enum err err)
{
    struct race *r = race_of(a);

    r->under_way--;
    r->sent += a->sent_any ? 1 : 0;
    if (err == OK)
        win(r, a);
    if (err == ERR_UPSTREAM_REFUSED)
        win_by_refusal(r, a);
    if (err == OK && r->overflown)
        err = ERR_UPSTREAM_MALFORMED;
    if (leads(r, a, err)) {
        r->err = err;
        r->lead = a;
    }
    if (r->under_way > 0)
        head_keep(&a->fetch, r->call.first.arena); /* they are read when the other is over */
    if (r->under_way == 0 && r->second && !r->won)
        count(r, r->cancelled ? "cancelled" : "failed");
    if (r->under_way == 0)
        finish(r);
}

/* ---- the second ----------------------------------------------------------------------------------- */

/* An attempt and whose it is; the first lies in its race. */
struct runner {
    struct attempt attempt;
    struct race *race;
};

static const struct attempt_events first_events = { on_delta, on_called };
static const struct attempt_events second_events = { on_delta, on_called };

static struct race *race_of(struct attempt *a)
{
    if (a->events == &second_events)
        return container_of(a, struct runner, attempt)->race;
    return container_of(a, struct race, first);
}

static void on_permit(struct permit_seat *s, enum permit_answer answer)
{
    (void)s;
    (void)answer; /* it never waits, so this never comes */
}

static void start_second(struct race *r, struct runner *second)
{
    struct attempt_call call = r->call.first;

    call.permit = r->seat.permit;
    r->seat.permit = (struct permit){ 0 };
    second->race = r;
    r->second = &second->attempt;
    buf_init(&r->second_held, r->held.most);
    r->under_way++;
    attempt_start(r->second, r->kit, &call, &second_events);
    if (r->paused)
        attempt_pause(r->second);
}

static void on_hedge(struct timer *t)
{
    struct race *r = container_of(t, struct race, hedge);
    struct pool *pool = r->call.first.upstream->pool;
    struct permit_wish wish = r->call.wish;
    struct runner *second;

    if (r->won || r->cancelled || !runs(&r->first))
        return;
    if (r->call.no_second) {
        count(r, r->call.no_second);
        return;
    }
    wish.never_waits = true;
    wish.tried |= endpoint_bit(r->first.endpoint);
    if (permit_ask(&r->seat, pool, r->kit->loop, &wish, on_permit) != PERMIT_HELD) {
        count(r, "refused_room");
        return;
    }
    /* The share comes last: what is taken of it is not given back. */
    second = ARENA_NEW(r->call.first.arena, struct runner);
    if (second && pool_may_hedge(pool)) {
        start_second(r, second);
        return;
    }
    permit_leave(&r->seat);
    /* A request may be so large that its arena has no room left. */
    count(r, second ? "refused_share" : "refused_room");
}

/* ---- what others may ask of a race ------------------------------------------------------------------ */

void race_start(struct race *r, struct attempt_kit *kit, const struct race_call *call,
                const struct race_events *events)
{
    struct upstream_endpoint *e = call->first.permit.endpoint;

    *r = (struct race){ .events = events, .kit = kit, .call = *call, .under_way = 1 };
    r->call.first.permit = (struct permit){ 0 };
    if (call->may_hedge && e)
        r->hedge_us = pool_hedge_after_us(call->first.upstream->pool);
    r->started_us = loop_now_us(kit->loop);
    r->lead = &r->first;
    buf_init(&r->held, call->hold_all ? ATTEMPT_BODY_BYTES : RACE_HELD_BYTES);
    timer_init(&r->hedge, kit->loop, on_hedge);
    if (r->hedge_us > 0)
        timer_arm(&r->hedge, delay_of(r, &call->first.permit));
    attempt_start(&r->first, kit, &call->first, &first_events);
}

static void end_early(struct race *r)
{
    r->cancelled = !(r->won && r->lead->phase == PHASE_LINGER);
    timer_disarm(&r->hedge);
}

void race_cancel(struct race *r, enum err why)
{
    end_early(r);
    if (runs(&r->first))
        attempt_cancel(&r->first, why);
    if (runs(r->second))
        attempt_cancel(r->second, why);
}

void race_lose(struct race *r)
{
    end_early(r);
    if (runs(&r->first))
        attempt_lose(&r->first);
    if (runs(r->second))
        attempt_lose(r->second);
}

bool race_go_late(struct race *r)
{
    bool fits = true;

    timer_disarm(&r->hedge);
    if (runs(&r->first))
        fits = permit_go_late(&r->first.call.permit);
    if (runs(r->second))
        fits = permit_go_late(&r->second->call.permit) && fits;
    return fits;
}

void race_pause(struct race *r)
{
    r->paused = true;
    if (runs(&r->first))
        attempt_pause(&r->first);
    if (runs(r->second))
        attempt_pause(r->second);
}

void race_resume(struct race *r)
{
    r->paused = false;
    if (runs(&r->first))
        attempt_resume(&r->first);
    if (runs(r->second))
        attempt_resume(r->second);
}

void race_deinit(struct race *r)
{
    if (!r->kit)
        return;
    attempt_deinit(&r->first);
    if (r->second)
        attempt_deinit(r->second);
    buf_deinit(&r->held);
    buf_deinit(&r->second_held);
    r->lead = r->second = NULL;
    r->kit = NULL;
}

unsigned race_sent(const struct race *r)
{
    unsigned sent = r->sent;

    if (runs(&r->first) && r->first.sent_any)
        sent++;
    if (runs(r->second) && r->second->sent_any)
        sent++;
    return sent;
}

const struct attempt *race_other(const struct race *r)
{
    if (!r->second)
        return NULL;
    return r->lead == &r->first ? r->second : &r->first;
}

const struct attempt *race_loser(const struct race *r)
{
    const struct attempt *loser = race_other(r);

    return loser && loser->sent_any ? loser : NULL;
}
