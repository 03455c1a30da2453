/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Those who lead: the lease is renewed every second, and bytes go on the tape in batches, one
 * write at a time, so that none can be lost between two others. What cannot be written is no
 * reason to stop: the leader goes on, and the others get its answer when that is complete. One
 * that goes on for others alone, or faster than its own client reads, asks every second whether
 * there are any.
 */
#include "fleet_inner.h"

#include "weir/base/mem.h"
#include "weir/base/metric.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_WRITE = 64 * 1024 }; /* bytes of one entry: a reading brings up to 16 of them */

struct leader {
    struct fleet_seat *seat; /* NULL once it has landed */
    struct redis_op renewal;
    struct redis_op write;
    struct redis_op look; /* at who follows */
    bool renewing;
    bool writing;
    bool looking;
    bool looks_out;
    struct timer next_look;

    char by[FLEET_BY];
    struct buf bytes;   /* that are not on the tape yet */
    struct timer flush; /* armed: bytes gather until then */
    size_t written;     /* bytes so far, on a tape or not */
    bool begun;         /* there is a tape */
    bool closed;        /* no more is written on it */
    bool whole;         /* all is */
};

static void drop(struct leader *l)
{
    if (l->seat || l->renewing || l->writing || l->looking)
        return;
    buf_deinit(&l->bytes);
    free(l);
}

static struct lease_of lease_of(const struct leader *l)
{
    return fleet_lease(l->seat->fleet, &l->seat->flight);
}

/* ---- the tape ------------------------------------------------------------------------ */

/* Redis may still take it to be ours; then readers are told that there is no more to come. */
static void close_tape(struct leader *l)
{
    struct lease_of lease = lease_of(l);
    struct lease_piece over = { .by = str_of(l->by), .first = true, .over = true };

    if (l->closed)
        return;
    l->closed = true;
    timer_disarm(&l->flush);
    buf_deinit(&l->bytes);
    if (l->begun)
        lease_write(&lease, &over, NULL, NULL);
}

static void flush(struct leader *l);

static void on_written(struct redis_op *op, enum err err, const struct redis_reply *reply)
{
    struct leader *l = container_of(op, struct leader, write);

    l->writing = false;
    if (!l->seat) {
        drop(l);
        return;
    }
    if (l->closed)
        return;
    if (err || redis_reply_integer(reply) != 1)
        close_tape(l);
    else if (!timer_is_armed(&l->flush) || l->bytes.len >= FLEET_FLUSH_BYTES)
        flush(l);
}

static void flush(struct leader *l)
{
    struct lease_of lease = lease_of(l);
    struct lease_piece piece = { .by = str_of(l->by),
                                 .bytes = str_head(buf_str(&l->bytes), MOST_WRITE),
                                 .first = !l->begun };

    if (l->writing || l->bytes.len == 0)
        return;
    l->writing = true;
    l->begun = true;
    lease_write(&lease, &piece, &l->write, on_written);
    buf_drop(&l->bytes, piece.bytes.len);
    timer_arm(&l->flush, FLEET_FLUSH_US);
}

static void on_flush(struct timer *t)
{
    flush(container_of(t, struct leader, flush));
}

static struct leader *leader_of(const struct fleet_seat *s)
{
    return s->fleet && s->leads ? s->state : NULL;
}

/* The first bytes go at once, and so does what comes after a silence. */
void fleet_write(struct fleet_seat *s, struct str bytes)
{
    struct leader *l = leader_of(s);

    if (!l || bytes.len == 0)
        return;
    l->written += bytes.len;
    if (!s->fleet->streams || l->closed)
        return;
    if (l->written > FLEET_TAPE_BYTES) {
        close_tape(l);
        return;
    }
    buf_put(&l->bytes, bytes);
    if (!timer_is_armed(&l->flush) || l->bytes.len >= FLEET_FLUSH_BYTES)
        flush(l);
}

/* Without a tape, who waits for the whole answer waits no longer for it than it takes. */
bool fleet_has_room(const struct fleet_seat *s)
{
    const struct leader *l = leader_of(s);

    return l && !l->closed && l->written < FLEET_TAPE_BYTES;
}

void fleet_wrote_all(struct fleet_seat *s)
{
    struct leader *l = leader_of(s);

    if (l)
        l->whole = true;
}

/* ---- the lease ----------------------------------------------------------------------- */

static void on_renewed(struct redis_op *op, enum err err, const struct redis_reply *reply)
{
    struct leader *l = container_of(op, struct leader, renewal);

    l->renewing = false;
    if (!l->seat) {
        drop(l);
        return;
    }
    if (err || redis_reply_type(reply) != REDIS_INTEGER || redis_reply_integer(reply) == 1)
        return;
    /* It had run out, and what has happened to the tape meanwhile is not known. */
    close_tape(l);
    if (redis_reply_integer(reply) == 0)
        timer_disarm(&l->seat->timer); /* another leads; here, one call was one too many */
}

static void on_renewal_due(struct timer *t)
{
    struct fleet_seat *s = container_of(t, struct fleet_seat, timer);
    struct leader *l = s->state;
    struct lease_of lease = lease_of(l);

    timer_arm(&s->timer, FLEET_RENEW_MS * 1000);
    if (l->renewing)
        return;
    l->renewing = true;
    lease_renew(&lease, FLEET_LEASE_MS, &l->renewal, on_renewed);
}

/* ---- those who follow ---------------------------------------------------------------- */

static void on_looked(struct redis_op *op, enum err err, const struct redis_reply *reply)
{
    struct leader *l = container_of(op, struct leader, look);

    l->looking = false;
    if (!l->seat) {
        drop(l);
        return;
    }
    if (!l->looks_out)
        return;
    timer_arm(&l->next_look, FLEET_RENEW_MS * 1000);
    if (!err && redis_reply_type(reply) == REDIS_INTEGER)
        l->seat->events->on_seen(l->seat, redis_reply_integer(reply) > 0); /* which may land */
}

static void look(struct leader *l)
{
    struct lease_of lease = lease_of(l);

    if (l->looking)
        return;
    l->looking = true;
    timer_disarm(&l->next_look);
    lease_followed(&lease, &l->look, on_looked);
}

static void on_next_look(struct timer *t)
{
    look(container_of(t, struct leader, next_look));
}

void fleet_look_out(struct fleet_seat *s, const struct fleet_events *events)
{
    struct leader *l = leader_of(s);

    ensure(l);
    if (l->looks_out)
        return;
    l->looks_out = true;
    s->events = events;
    look(l);
}

void fleet_look_away(struct fleet_seat *s)
{
    struct leader *l = leader_of(s);

    if (!l)
        return;
    l->looks_out = false;
    timer_disarm(&l->next_look);
}

/* ---- from the lease to the landing ----------------------------------------------------- */

void fleet_lead(struct fleet *f, struct fleet_seat *s, const struct digest *flight)
{
    struct leader *l = MEM_NEW(struct leader);
    bool awaited = s->awaited && digest_eq(&s->flight, flight);

    ensure(!s->fleet);
    *s = (struct fleet_seat){ .fleet = f, .flight = *flight, .leads = true, .state = l };
    l->seat = s;
    (void)snprintf(l->by, sizeof(l->by), "%s:%" PRIu64, f->holder, ++f->runs);
    timer_init(&l->flush, f->loop, on_flush);
    timer_init(&l->next_look, f->loop, on_next_look);
    timer_init(&s->timer, f->loop, on_renewal_due);
    timer_arm(&s->timer, FLEET_RENEW_MS * 1000);
    metric_add(loop_shard(f->loop), METRIC_LEASES, 1,
               METRIC_LABEL(awaited ? STR("taken_over") : STR("ours")));
}

static void land(struct fleet_seat *s, struct str news, struct str or_else)
{
    struct leader *l = leader_of(s);
    struct lease_of lease;
    struct lease_landing landing = { .good = str_eq(news, STR("good")), .news = news };

    if (!l)
        return;
    lease = lease_of(l);
    landing.by = str_of(l->by);
    if (l->begun && !l->closed) {
        landing.bytes = buf_str(&l->bytes);
        landing.end = landing.good || l->whole ? STR("whole") : or_else;
    }
    lease_land(&lease, &landing);
    timer_disarm(&s->timer);
    timer_disarm(&l->flush);
    timer_disarm(&l->next_look);
    l->seat = NULL;
    drop(l);
    *s = (struct fleet_seat){ 0 };
}

void fleet_land(struct fleet_seat *s, bool good)
{
    land(s, good ? STR("good") : STR("alone"), STR("broken"));
}

void fleet_fail(struct fleet_seat *s, const struct fleet_failure *why)
{
    struct buf news = { 0 };

    fleet_news_put_failure(&news, why);
    land(s, buf_str(&news), STR("broken"));
    buf_deinit(&news);
}

void fleet_leave_lead(struct fleet_seat *s)
{
    land(s, STR("left"), STR("left"));
}
