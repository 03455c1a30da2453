/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet_inner.h"

#include "weir/base/mem.h"
#include "weir/base/metric.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Those who await. What ends it for a follower, and how it ends:
 *
 *                                    it has been given bytes     it has not
 *     news of a landing              reads the rest              AGAIN, FAILED or ALONE
 *     its tape is over, too long     LONG                        ALONE
 *     the lease has ended            reads the rest              AGAIN
 *     the link to Redis is down      LOST                        AGAIN
 *     news were or may be missed     looks at lease and tape     AGAIN
 *
 * The rest is read to the tape's own end: WHOLE, BROKEN if the leader's upstream failed, or LOST
 * if the leader left or there is no end.
 * How many there are is bounded by the requests in flight: each holds one seat at most.
 */

enum {
    JITTER_MS = 100,       /* so that a fleet does not wake in one moment */
    TICK_US = 250 * 1000,  /* how often somebody looks whether Redis still answers */
    RETRY_US = 100 * 1000, /* after it did not */
    HOST_BYTES = 64,
};

struct lease_of fleet_lease(const struct fleet *f, const struct digest *flight)
{
    return (struct lease_of){ f->link, f->prefix, str_of(f->holder), flight };
}

static void count(const struct fleet *f, struct str result)
{
    metric_add(loop_shard(f->loop), METRIC_LEASES, 1, METRIC_LABEL(result));
}

/* ---- the end of waiting -------------------------------------------------------------- */

void fleet_follower_drop(struct follower *w)
{
    if (!w->seat && !w->checking && !w->reading && !w->telling)
        free(w);
}

/* The seat keeps its flight, and that it has awaited it. */
static void stand_up(struct follower *w)
{
    struct fleet_seat *s = w->seat;

    metric_add(loop_shard(s->fleet->loop), METRIC_FLEET_WAITING, -1, NULL);
    (void)deferred_cancel(&w->turn);
    timer_disarm(&s->timer);
    link_out(&s->link);
    s->fleet = NULL;
    s->state = NULL;
    w->seat = NULL;
    fleet_follower_drop(w);
}

static void on_turn(struct deferred *turn)
{
    struct follower *w = container_of(turn, struct follower, turn);
    struct fleet_seat *s = w->seat;
    enum fleet_end end = w->end;

    stand_up(w);
    s->events->on_end(s, end);
}

void fleet_follower_end(struct follower *w, enum fleet_end end)
{
    if (w->ending)
        return;
    w->ending = true;
    w->end = end;
    timer_disarm(&w->seat->timer);
    loop_defer(w->seat->fleet->loop, &w->turn, on_turn);
}

void fleet_follower_fail(struct follower *w)
{
    if (!w->given)
        fleet_follower_end(w, FLEET_AGAIN);
    else if (!redis_is_up(w->seat->fleet->link))
        fleet_follower_end(w, FLEET_LOST);
    else
        timer_arm(&w->seat->timer, RETRY_US);
}

/* Nobody leads what this one awaits. */
static void end_of_lead(struct follower *w)
{
    if (!w->given) {
        fleet_follower_end(w, FLEET_AGAIN);
        return;
    }
    w->last = true;
    fleet_read(w);
}

/* ---- a look at the lease ------------------------------------------------------------- */

static void arm(struct follower *w, uint64_t left_ms)
{
    uint16_t jitter;

    digest_random(&jitter, sizeof(jitter));
    timer_arm(&w->seat->timer, (left_ms + jitter % JITTER_MS) * 1000);
}

/* Has its tape been written by who now holds the lease? */
static bool goes_on(const struct follower *w, struct str holder)
{
    return w->by[0] == '\0' || str_starts(str_of(w->by), holder);
}

static void on_checked(struct redis_op *op, enum err err, const struct redis_reply *reply)
{
    struct follower *w = container_of(op, struct follower, check);
    int64_t left_ms;

    w->checking = false;
    if (!w->seat) {
        fleet_follower_drop(w);
        return;
    }
    if (w->ending)
        return;
    if (err) {
        fleet_follower_fail(w);
        return;
    }
    /* It may be asked for answers, but not for this: then the lease's end stands as it was told. */
    if (redis_reply_count(reply) != 2) {
        if (!timer_is_armed(&w->seat->timer))
            end_of_lead(w);
        return;
    }
    left_ms = redis_reply_integer(redis_reply_at(reply, 1));
    if (left_ms > 0 && goes_on(w, redis_reply_text(redis_reply_at(reply, 0))))
        arm(w, (uint64_t)left_ms);
    else
        end_of_lead(w);
}

static void check(struct follower *w)
{
    struct lease_of lease = fleet_lease(w->seat->fleet, &w->seat->flight);

    if (w->checking)
        return;
    w->checking = true;
    lease_follow(&lease, FLEET_FOLLOW_MS); /* in the same write */
    lease_check(&lease, &w->check, on_checked);
}

static void on_due(struct timer *t)
{
    struct fleet_seat *s = container_of(t, struct fleet_seat, timer);

    check(s->state);
}

/* ---- news ---------------------------------------------------------------------------- */

static struct link *bucket_of(struct fleet *f, const struct digest *flight)
{
    return &f->waiting[digest_word(flight) % FLEET_BUCKETS];
}

static void tell(struct follower *w, struct str what)
{
    struct str word = { 0 };

    (void)str_split(&what, ' ', &word);
    if (str_eq(word, STR("bytes"))) {
        if (w->reads)
            fleet_read(w);
    } else if (w->given || w->ending) {
        end_of_lead(w);
    } else if (str_eq(word, STR("failed"))) {
        fleet_news_read_failure(&w->seat->failure, what);
        fleet_follower_end(w, FLEET_FAILED);
    } else {
        fleet_follower_end(w, str_eq(word, STR("alone")) ? FLEET_ALONE : FLEET_AGAIN);
    }
}

static void on_message(void *owner, struct str message)
{
    struct fleet *f = owner;
    struct digest flight;
    struct str hex = { 0 };
    struct link *bucket;

    if (!str_split(&message, ' ', &hex) || !digest_from_hex(&flight, hex))
        return;
    bucket = bucket_of(f, &flight);
    for (struct link *l = bucket->next; l != bucket; l = l->next) {
        struct fleet_seat *s = container_of(l, struct fleet_seat, link);

        if (digest_eq(&s->flight, &flight))
            tell(s->state, message);
    }
}

static bool alert(struct fleet *f)
{
    bool any = false;

    for (size_t i = 0; i < FLEET_BUCKETS; i++) {
        struct link *bucket = &f->waiting[i];

        for (struct link *l = bucket->next; l != bucket; l = l->next) {
            struct follower *w = container_of(l, struct fleet_seat, link)->state;

            any = true;
            fleet_follower_fail(w);
            if (w->ending)
                continue;
            check(w);
            fleet_read(w);
        }
    }
    return any;
}

static void on_news_changed(void *owner)
{
    (void)alert(owner);
}

static const struct redis_news_events news_events = { on_message, on_news_changed,
                                                      on_news_changed };

/* ---- does Redis still answer? -------------------------------------------------------- */

/* A frozen server keeps all connections: who only listens to it would wait to the lease's end. */
struct fleet_watch {
    struct redis_op op;
    struct fleet *fleet; /* NULL once that has gone */
};

static bool anybody_waits(const struct fleet *f)
{
    for (size_t i = 0; i < FLEET_BUCKETS; i++)
        if (link_is_in(&f->waiting[i]))
            return true;
    return false;
}

static void on_pong(struct redis_op *op, enum err err, const struct redis_reply *reply)
{
    struct fleet_watch *watch = container_of(op, struct fleet_watch, op);
    struct fleet *f = watch->fleet;

    (void)reply;
    free(watch);
    if (!f)
        return;
    f->watch = NULL;
    if (err)
        (void)alert(f);
}

static void on_tick(struct timer *t)
{
    struct fleet *f = container_of(t, struct fleet, tick);

    if (!anybody_waits(f))
        return;
    timer_arm(&f->tick, TICK_US);
    if (f->watch)
        return;
    f->watch = MEM_NEW(struct fleet_watch);
    f->watch->fleet = f;
    redis_start(f->link, &f->watch->op, &(struct redis_command){ &STR("PING"), 1 }, 1, on_pong);
}

/* ---- awaiting ------------------------------------------------------------------------ */

static struct follower *sit_down(struct fleet *f, struct fleet_seat *s,
                                 const struct digest *flight, const struct fleet_events *events)
{
    struct follower *w = MEM_NEW(struct follower);
    bool again = s->awaited && digest_eq(&s->flight, flight);

    ensure(!s->fleet);
    *s = (struct fleet_seat){
        .fleet = f, .events = events, .flight = *flight, .awaited = true, .state = w
    };
    w->seat = s;
    timer_init(&s->timer, f->loop, on_due);
    link_before(bucket_of(f, flight), &s->link);
    metric_add(loop_shard(f->loop), METRIC_FLEET_WAITING, 1, NULL);
    if (!again)
        count(f, STR("others"));
    return w;
}

void fleet_await(struct fleet *f, struct fleet_seat *s, const struct digest *flight,
                 uint64_t lease_ms, bool wants_bytes, const struct fleet_events *events)
{
    struct follower *w = sit_down(f, s, flight, events);

    if (!redis_is_up(f->link)) {
        fleet_follower_end(w, FLEET_AGAIN);
        return;
    }
    if (!timer_is_armed(&f->tick))
        timer_arm(&f->tick, TICK_US);
    arm(w, lease_ms);
    check(w); /* it may have landed between the look-up and now, when nobody heard of it */
    w->reads = wants_bytes && f->streams;
    fleet_read(w);
}

static struct follower *follower_of(const struct fleet_seat *s)
{
    return s->fleet && !s->leads ? s->state : NULL;
}

void fleet_pause(struct fleet_seat *s)
{
    struct follower *w = follower_of(s);

    if (w)
        w->paused = true;
}

void fleet_resume(struct fleet_seat *s)
{
    struct follower *w = follower_of(s);

    if (!w || !w->paused)
        return;
    w->paused = false;
    fleet_read(w);
}

void fleet_leave(struct fleet_seat *s)
{
    struct follower *w = follower_of(s);
    struct lease_of lease;

    if (w) {
        lease = fleet_lease(s->fleet, &s->flight);
        lease_unfollow(&lease);
        stand_up(w);
    } else if (s->fleet) {
        fleet_leave_lead(s);
    }
    *s = (struct fleet_seat){ 0 };
}

/* ---- the fleet ----------------------------------------------------------------------- */

struct lease_wish fleet_wish(struct fleet *f, const struct digest *flight)
{
    return (struct lease_wish){
        .flight = *flight,
        .holder = str_of(f->holder),
        .lease_ms = FLEET_LEASE_MS,
    };
}

void fleet_alone(struct fleet *f)
{
    count(f, STR("alone"));
}

static void name_holder(struct fleet *f)
{
    char host[HOST_BYTES] = "";
    uint32_t unique;

    digest_random(&unique, sizeof(unique));
    (void)gethostname(host, sizeof(host) - 1);
    (void)snprintf(f->holder, sizeof(f->holder), "%s:%ld:%08x", host, (long)getpid(), unique);
}

struct fleet *fleet_new(struct loop *loop, struct resolver *resolver, struct redis *link,
                        const struct redis_settings *settings, struct str prefix, bool streams)
{
    struct fleet *f = MEM_NEW(struct fleet);
    struct buf channel = { 0 };

    f->loop = loop;
    f->link = link;
    f->prefix = prefix;
    f->streams = streams;
    for (size_t i = 0; i < FLEET_BUCKETS; i++)
        link_init(&f->waiting[i]);
    timer_init(&f->tick, loop, on_tick);
    name_holder(f);
    lease_put_channel(&channel, prefix);
    f->news = redis_news_new(loop, resolver, settings, buf_str(&channel), &news_events, f);
    buf_deinit(&channel);
    return f;
}

void fleet_free(struct fleet *f)
{
    if (!f)
        return;
    ensure(!anybody_waits(f));
    redis_news_free(f->news);
    timer_disarm(&f->tick);
    if (f->watch)
        f->watch->fleet = NULL;
    free(f);
}
